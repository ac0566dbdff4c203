"""From the environment to the handler and back."""

import sys

from . import charm as charms
from . import context, framework, log, model, storage, tracing


def main(kind):
    """Handle this event with a charm."""
    c = context.Context.read()
    with tracing.span("main"):
        log.setup(c.debug)
        meta = charms.Meta.read(c.charm_dir)
        store = storage.Storage(c.charm_dir / ".unit-state.db")
        try:
            f = framework.Framework(store, model.Model(c))
            kind(f).meta = meta
            f.emit(c.event)
            store.commit()
        finally:
            store.close()
    sys.exit(0)
