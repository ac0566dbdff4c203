"""Events."""

from . import actions, base, collect, hooks, relations, secrets, storage, workload


def make(name):
    """Make the event of a name."""
    for module in (hooks, relations, storage, secrets, workload, actions, collect):
        kind = module.find(name)
        if kind:
            return kind(name)
    return base.Event(name)
