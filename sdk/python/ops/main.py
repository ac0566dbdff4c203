"""Where a charm begins: `ops.main(MyCharm)`.

This module can be called, so that `ops.main(MyCharm)`, `ops.main.main(MyCharm)` and `from ops.main import main` are
all the same.
"""

from __future__ import annotations

import sys
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .charm import CharmBase


def main(charm_class: type[CharmBase], use_juju_for_storage: bool | None = None) -> None:
    """Make the charm and hand it the event that this process was started for.

    Does not return when the charm's dispatch ends early, by `errors='blocked'` or the like; an exception of the charm
    passes through.

    Args:
        charm_class: the charm.
        use_juju_for_storage: keep StoredState and deferred events in the controller. Deprecated.
    """
    from . import _main

    _main.main(charm_class=charm_class, use_juju_for_storage=use_juju_for_storage)


class _Callable(ModuleType):
    def __call__(self, charm_class: type[CharmBase], use_juju_for_storage: bool | None = None) -> None:
        """Run a charm: see `main`."""
        from . import _main

        _main.main(charm_class=charm_class, use_juju_for_storage=use_juju_for_storage)


sys.modules[__name__].__class__ = _Callable
