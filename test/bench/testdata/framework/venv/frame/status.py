"""What a unit says of itself."""

import dataclasses
import enum
import functools


class Level(enum.IntEnum):
    """How bad it is."""

    ACTIVE = 1
    WAITING = 2
    MAINTENANCE = 3
    BLOCKED = 4
    ERROR = 5


@functools.total_ordering
@dataclasses.dataclass(frozen=True)
class Status:
    """A level with a message."""

    message: str = ""
    level = Level.ACTIVE

    @property
    def name(self):
        """As it is set."""
        return self.level.name.lower()

    def __lt__(self, other):
        return self.level < other.level


@dataclasses.dataclass(frozen=True)
class Active(Status):
    """All is well."""


@dataclasses.dataclass(frozen=True)
class Waiting(Status):
    """For others."""

    level = Level.WAITING


@dataclasses.dataclass(frozen=True)
class Maintenance(Status):
    """Work is being done."""

    level = Level.MAINTENANCE


@dataclasses.dataclass(frozen=True)
class Blocked(Status):
    """Somebody has to act."""

    level = Level.BLOCKED
