"""What a test can be told. A charm's own exceptions come as `UncaughtCharmError`, with the exception as its cause."""

from __future__ import annotations



class ContextSetupError(RuntimeError):
    """The context lacks something that it needs to run the charm."""


class AlreadyEmittedError(RuntimeError):
    """A manager runs its event once."""


class ScenarioRuntimeError(RuntimeError):
    """What goes wrong while an event is run."""


class UncaughtCharmError(ScenarioRuntimeError):
    """The charm raised. With SCENARIO_BARE_CHARM_ERRORS=true its exception comes out as it is."""


class InconsistentScenarioError(ScenarioRuntimeError):
    """State, event and metadata cannot be true together."""


class StateValidationError(RuntimeError):
    """A part of the state cannot be, whatever the rest is."""


class MetadataNotFoundError(RuntimeError):
    """There is no charmcraft.yaml and no metadata.yaml where the charm is."""


class ActionMissingFromContextError(Exception):
    """A tool of actions was called, and the event is no action."""


class NoObserverError(RuntimeError):
    """The charm has no such event."""


class BadOwnerPath(RuntimeError):  # noqa: N818  (the name is part of the API)
    """The path to the emitter of an event leads nowhere."""
