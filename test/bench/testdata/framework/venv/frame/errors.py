"""What can go wrong."""


class FrameError(Exception):
    """The root of all."""


class ModelError(FrameError):
    """A hook tool failed."""


class RelationNotFound(ModelError):
    """There is no such relation."""


class SecretNotFound(ModelError):
    """There is no such secret."""


class InvalidStatus(ModelError):
    """A status that may not be set."""


class NoSuchSnapshot(FrameError):
    """Nothing is kept under a handle."""
