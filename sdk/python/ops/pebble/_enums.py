"""The closed sets of words of the API. A word that is not here (of a newer supervisor) stays a plain string."""

from __future__ import annotations

import enum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ChangeState(enum.Enum):
    """Which changes to list."""

    ALL = 'all'
    IN_PROGRESS = 'in-progress'
    READY = 'ready'


class WarningState(enum.Enum):
    """Which warnings to list."""

    ALL = 'all'
    PENDING = 'pending'


class ServiceStartup(enum.Enum):
    """Whether a service starts with the supervisor."""

    ENABLED = 'enabled'
    DISABLED = 'disabled'


class ServiceStatus(enum.Enum):
    """What a service is doing."""

    ACTIVE = 'active'
    INACTIVE = 'inactive'
    ERROR = 'error'


class CheckLevel(enum.Enum):
    """What a check says about: being alive, being ready, or neither."""

    UNSET = ''
    ALIVE = 'alive'
    READY = 'ready'


class CheckStatus(enum.Enum):
    """What a check found."""

    UP = 'up'
    DOWN = 'down'
    INACTIVE = 'inactive'


class CheckStartup(enum.Enum):
    """Whether a check runs from the start; unset means that it does."""

    UNSET = ''
    ENABLED = 'enabled'
    DISABLED = 'disabled'


class FileType(enum.Enum):
    """What an entry of a directory is."""

    FILE = 'file'
    DIRECTORY = 'directory'
    SYMLINK = 'symlink'
    SOCKET = 'socket'
    NAMED_PIPE = 'named-pipe'
    DEVICE = 'device'
    UNKNOWN = 'unknown'


class NoticeType(enum.Enum):
    """Where a notice comes from: a workload, or a change of the supervisor's own."""

    CUSTOM = 'custom'
    CHANGE_UPDATE = 'change-update'


class NoticesUsers(enum.Enum):
    """Whose notices to list, other than the caller's; administrators only."""

    ALL = 'all'


class ChangeKind(enum.Enum):
    """What a change does."""

    START = 'start'
    STOP = 'stop'
    RESTART = 'restart'
    REPLAN = 'replan'
    EXEC = 'exec'
    RECOVER_CHECK = 'recover-check'
    PERFORM_CHECK = 'perform-check'


class ChangeStatus(enum.Enum):
    """How far a change or a task is. A change has the status of the task that most needs a look."""

    HOLD = 'Hold'
    """It will not run, as something before it failed."""
    DO = 'Do'
    """It may start."""
    DOING = 'Doing'
    """It is running."""
    DONE = 'Done'
    """It ended well."""
    ABORT = 'Abort'
    """It is to stop and to be undone."""
    UNDO = 'Undo'
    """It may be undone."""
    UNDOING = 'Undoing'
    """It is being undone."""
    ERROR = 'Error'
    """It failed."""
    WAIT = 'Wait'
    """It ended well and something outside has to happen before more does."""


class IdentityAccess(str, enum.Enum):
    """How much an identity may do."""

    ADMIN = 'admin'
    READ = 'read'
    METRICS = 'metrics'
    UNTRUSTED = 'untrusted'

    def __str__(self) -> str:
        return str(self.value)


def known(words: Any, text: Any) -> Any:
    """The member of an enumeration for a word, or the word itself if there is none."""
    try:
        return words(text)
    except ValueError:
        return text
