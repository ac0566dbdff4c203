"""What the API tells of changes, services, checks and files."""

from __future__ import annotations

from ._enums import CheckLevel, CheckStartup, CheckStatus, FileType, ServiceStartup, ServiceStatus, known
from ._times import parse_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from typing import Any


class Told:
    """Shows what it holds."""

    def __repr__(self) -> str:
        return '%s(%s)' % (type(self).__name__, ', '.join('%s=%r' % item for item in vars(self).items()))


def _time_or_none(raw: dict[str, Any], key: str) -> datetime.datetime | None:
    text = raw.get(key)
    return parse_time(text) if text else None


class SystemInfo(Told):
    """What the supervisor says of itself."""

    def __init__(self, version: str):
        self.version = version

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> SystemInfo:
        """From a decoded answer."""
        return cls(d['version'])


class Warning(Told):
    """A warning of the supervisor. Supervisors of today raise none."""

    def __init__(
        self,
        message: str,
        first_added: datetime.datetime,
        last_added: datetime.datetime,
        last_shown: datetime.datetime | None,
        expire_after: str,
        repeat_after: str,
    ):
        self.message = message
        self.first_added = first_added
        self.last_added = last_added
        self.last_shown = last_shown
        self.expire_after = expire_after
        self.repeat_after = repeat_after

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Warning:
        """From a decoded answer."""
        first, last = parse_time(d['first-added']), parse_time(d['last-added'])
        return cls(d['message'], first, last, _time_or_none(d, 'last-shown'), d['expire-after'], d['repeat-after'])


class ChangeID(str):
    """The id of a change."""

    def __repr__(self) -> str:
        return 'ChangeID(%s)' % str.__repr__(self)


class TaskID(str):
    """The id of a task."""

    def __repr__(self) -> str:
        return 'TaskID(%s)' % str.__repr__(self)


class TaskProgress(Told):
    """How far a task is: done of total."""

    def __init__(self, label: str, done: int, total: int):
        self.label = label
        self.done = done
        self.total = total

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> TaskProgress:
        """From a decoded answer."""
        return cls(d['label'], d['done'], d['total'])


class Task(Told):
    """A part of a change."""

    def __init__(
        self,
        id: TaskID,
        kind: str,
        summary: str,
        status: str,
        log: list[str],
        progress: TaskProgress,
        spawn_time: datetime.datetime,
        ready_time: datetime.datetime | None,
        data: dict[str, Any] | None = None,
    ):
        self.id = id
        self.kind = kind
        self.summary = summary
        self.status = status
        self.log = log
        self.progress = progress
        self.spawn_time = spawn_time
        self.ready_time = ready_time
        self.data = data or {}

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Task:
        """From a decoded answer."""
        return cls(
            TaskID(d['id']),
            d['kind'],
            d['summary'],
            d['status'],
            d.get('log') or [],
            TaskProgress.from_dict(d['progress']),
            parse_time(d['spawn-time']),
            _time_or_none(d, 'ready-time'),
            d.get('data'),
        )


class Change(Told):
    """Something the supervisor does in its own time, as starting services."""

    def __init__(
        self,
        id: ChangeID,
        kind: str,
        summary: str,
        status: str,
        tasks: list[Task],
        ready: bool,
        err: str | None,
        spawn_time: datetime.datetime,
        ready_time: datetime.datetime | None,
        data: dict[str, Any] | None = None,
    ):
        self.id = id
        self.kind = kind
        self.summary = summary
        self.status = status
        self.tasks = tasks
        self.ready = ready
        self.err = err
        self.spawn_time = spawn_time
        self.ready_time = ready_time
        self.data = data or {}

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Change:
        """From a decoded answer."""
        return cls(
            ChangeID(d['id']),
            d['kind'],
            d['summary'],
            d['status'],
            [Task.from_dict(t) for t in d.get('tasks') or ()],
            d['ready'],
            d.get('err'),
            parse_time(d['spawn-time']),
            _time_or_none(d, 'ready-time'),
            d.get('data'),
        )


class ServiceInfo(Told):
    """What a service is doing."""

    def __init__(self, name: str, startup: ServiceStartup | str, current: ServiceStatus | str):
        self.name = name
        self.startup = startup
        self.current = current

    def is_running(self) -> bool:
        """Whether the service is active."""
        return self.current == ServiceStatus.ACTIVE

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> ServiceInfo:
        """From a decoded answer."""
        return cls(d['name'], known(ServiceStartup, d['startup']), known(ServiceStatus, d['current']))


class CheckInfo(Told):
    """What a check found."""

    name: str
    """The name of the check."""
    level: CheckLevel | str | None
    """The level; None if the check has none."""
    startup: CheckStartup
    """Whether the check runs from the start."""
    status: CheckStatus | str
    """Up, down (as often failed as the threshold says) or inactive."""
    successes: int | None
    """How often the check has succeeded; None if the supervisor does not count that."""
    failures: int
    """How often the check has failed since it last succeeded."""
    threshold: int
    """How many failures in a row make it down."""
    change_id: ChangeID | None
    """The change that performs or recovers it; None if it is not running."""

    def __init__(
        self,
        name: str,
        level: CheckLevel | str | None,
        status: CheckStatus | str,
        successes: int | None = None,
        failures: int = 0,
        threshold: int = 0,
        change_id: ChangeID | None = None,
        startup: CheckStartup = CheckStartup.ENABLED,
    ):
        self.name = name
        self.level = level
        self.startup = startup
        self.status = status
        self.successes = successes
        self.failures = failures
        self.threshold = threshold
        self.change_id = change_id

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> CheckInfo:
        """From a decoded answer."""
        status, change_id = known(CheckStatus, d['status']), d.get('change-id')
        if 'startup' in d and not change_id:
            status = CheckStatus.INACTIVE  # supervisors that can stop checks run each in a change
        return cls(
            d['name'],
            known(CheckLevel, d.get('level', '')),
            status,
            d.get('successes'),
            d.get('failures', 0),
            d.get('threshold', 0),
            None if change_id is None else ChangeID(change_id),
            CheckStartup(d.get('startup') or 'enabled'),
        )

    @property
    def has_run(self) -> bool:
        """Whether the check has run since it was started. Old supervisors do not tell, which is an error."""
        if self.successes is None:
            raise NotImplementedError(
                'cannot tell whether check %r has run: this supervisor does not count successes' % self.name
            )
        return bool(self.successes or self.failures)


class FileInfo(Told):
    """A file or directory of the workload."""

    path: str
    """The full path."""
    name: str
    """The last part of the path."""
    type: FileType | str
    """What it is."""
    size: int | None
    """Bytes; None unless it is a regular file."""
    permissions: int
    """The mode, as 0o644."""
    last_modified: datetime.datetime
    """When it last changed, to the second."""
    user_id: int | None
    """Whose it is, as a number."""
    user: str | None
    """Whose it is, as a name."""
    group_id: int | None
    """Its group, as a number."""
    group: str | None
    """Its group, as a name."""

    def __init__(
        self,
        path: str,
        name: str,
        type: FileType | str,
        size: int | None,
        permissions: int,
        last_modified: datetime.datetime,
        user_id: int | None,
        user: str | None,
        group_id: int | None,
        group: str | None,
    ):
        self.path = path
        self.name = name
        self.type = type
        self.size = size
        self.permissions = permissions
        self.last_modified = last_modified
        self.user_id = user_id
        self.user = user
        self.group_id = group_id
        self.group = group

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> FileInfo:
        """From a decoded answer."""
        return cls(
            d['path'],
            d['name'],
            known(FileType, d['type']),
            d.get('size'),
            int(d['permissions'], 8),
            parse_time(d['last-modified']),
            d.get('user-id'),
            d.get('user'),
            d.get('group-id'),
            d.get('group'),
        )
