"""What plays a container: its layers, services, checks and notices, and a directory for its files."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
import shutil

from .. import pebble
from ._containers import combined, next_change_id, now

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


@dataclasses.dataclass
class ExecArgs:
    """How the charm has called a command; the fields are the arguments of `Container.exec`."""

    command: list[str]
    environment: dict[str, str]
    working_dir: str | None
    timeout: float | None
    user_id: int | None
    user: str | None
    group_id: int | None
    group: str | None
    stdin: str | bytes | None
    encoding: str | None
    combine_stderr: bool


@dataclasses.dataclass
class ExecResult:
    """What a command answers."""

    exit_code: int = 0
    stdout: str | bytes = b''
    stderr: str | bytes = b''


class Refused(pebble.APIError, RuntimeError):
    """What a supervisor would refuse. As tests know it, it is a RuntimeError too."""


def refused(code: int, message: str) -> pebble.APIError:
    """A refusal with a status."""
    status = {400: 'Bad Request', 404: 'Not Found', 500: 'Internal Server Error'}[code]
    body = {'type': 'error', 'status-code': code, 'status': status, 'result': {'message': message}}
    return Refused(body, code, status, message)


class Box:
    """A container."""

    def __init__(self, name: str, root: pathlib.Path):
        self.name = name
        self.root = root
        """The directory that plays its files."""
        self.can_connect = False
        self.base: dict[str, Any] = {}
        self.layers: dict[str, pebble.Layer] = {}
        self.statuses: dict[str, pebble.ServiceStatus] = {}
        self.checks: dict[str, pebble.CheckInfo] = {}
        self.notices: dict[tuple[str, str], pebble.Notice] = {}
        self.last_notice = 0
        self.changes: dict[str, pebble.Change] = {}
        self.identities: dict[str, pebble.Identity] = {}
        self.run: Callable[[ExecArgs], ExecResult] = _nothing

    def plan(self) -> pebble.Plan:
        """All layers as they combine."""
        return combined(self.base, self.layers)

    def reset_files(self, mounts: dict[str, str]) -> bool:
        """Makes the directory anew, with links at the mounts' locations; whether there were files in it."""
        had = self.root.exists() and any(self.root.iterdir())
        if self.root.exists():
            shutil.rmtree(self.root)
        self.root.mkdir(parents=True)
        for location, source in mounts.items():
            self.mount(location, source)
        return had

    def mount(self, location: str, source: str) -> None:
        """Shows a file or directory of the test at a location of the container."""
        place = self.root / location.lstrip('/')
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.is_symlink() and place.is_dir():
            place.rmdir()
        place.symlink_to(source)

    def done(self, kind: str, summary: str) -> pebble.ChangeID:
        """Records a change that has gone well."""
        return self.record(next_change_id(), kind, summary, 'Done', True)

    def record(self, id: pebble.ChangeID, kind: str, summary: str, status: str, ready: bool) -> pebble.ChangeID:
        """Records a change."""
        time = now()
        self.changes[id] = pebble.Change(id, kind, summary, status, [], ready, None, time, time if ready else None)
        return id

    def start_check(self, name: str, check: pebble.Check, status: pebble.CheckStatus) -> None:
        """A check of the plan begins, or is there without running."""
        change = pebble.ChangeID('')
        if status is not pebble.CheckStatus.INACTIVE:
            change = self.record(next_change_id(), 'perform-check', 'Perform check "%s"' % name, 'Doing', False)
        self.checks[name] = pebble.CheckInfo(
            name=name,
            level=check.level,
            status=status,
            successes=0,
            failures=0,
            threshold=3 if check.threshold is None else check.threshold,
            change_id=change,
            startup=check.startup,
        )

    def notify(self, type: str, key: str, data: dict[str, str] | None, repeat_after: Any) -> tuple[str, bool]:
        """Records that something happened; the notice's id, and whether the charm is told."""
        time, known = now(), self.notices.get((type, key))
        if known is None:
            self.last_notice += 1
            taken = {n.id for n in self.notices.values()}
            while str(self.last_notice) in taken:
                self.last_notice += 1
            id, first, told, times = str(self.last_notice), time, True, 1
        else:
            id, first, times = known.id, known.first_occurred, known.occurrences + 1
            told = repeat_after is None or time - known.last_repeated >= repeat_after
        self.notices[type, key] = pebble.Notice(
            id=id,
            user_id=0,
            type=_notice_type(type),
            key=key,
            first_occurred=first,
            last_occurred=time,
            last_repeated=time if told or known is None else known.last_repeated,
            occurrences=times,
            last_data=data or {},
            repeat_after=repeat_after,
            expire_after=_WEEK,
        )
        return id, told


def _notice_type(word: str) -> Any:
    try:
        return pebble.NoticeType(word)
    except ValueError:
        return word


def _nothing(args: ExecArgs) -> ExecResult:
    raise RuntimeError('nothing says what the command %r answers' % (args.command,))



_WEEK = datetime.timedelta(days=7)
