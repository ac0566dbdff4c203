"""Containers of a state."""

from __future__ import annotations

import copy
import datetime
import pathlib

from .. import pebble
from ._piece import Counter, Piece, check_name, fresh, piece

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Mapping, Sequence

    from ._context import Context

_change_number = Counter(1)
_notice_number = Counter(1)


def next_change_id() -> pebble.ChangeID:
    """A new id for a change."""
    return pebble.ChangeID(str(_change_number()))


def next_notice_id() -> str:
    """A new id for a notice."""
    return str(_notice_number())


def now() -> datetime.datetime:
    """The time, in UTC."""
    return datetime.datetime.now(datetime.timezone.utc)


@piece
class Exec(Piece):
    """What a command in the container answers."""

    command_prefix: Sequence[str]
    """The beginning of the command; the longest that fits is taken."""
    return_code: int = 0
    """Its exit code."""
    stdout: str = ''
    """What it writes."""
    stderr: str = ''
    """What it writes as errors."""
    _change_id: int = fresh(_change_number)

    def _settle(self) -> None:
        self._put(command_prefix=tuple(self.command_prefix))


@piece
class Mount(Piece):
    """A file or directory of the test, seen in the container."""

    _positional = 0

    location: str | pathlib.PurePosixPath
    """Where the container sees it."""
    source: str | pathlib.Path
    """Where it is."""


@piece
class Notice(Piece):
    """A notice that the container has recorded."""

    key: str
    """What happened, as "example.com/backup-done"."""
    id: str = fresh(next_notice_id)
    """Its id."""
    user_id: int | None = None
    """Whose it is; None for everybody's."""
    type: pebble.NoticeType | str = pebble.NoticeType.CUSTOM
    """Where it comes from."""
    first_occurred: datetime.datetime = fresh(now)
    """When it first happened."""
    last_occurred: datetime.datetime = fresh(now)
    """When it last happened."""
    last_repeated: datetime.datetime = fresh(now)
    """When it was last told."""
    occurrences: int = 1
    """How often it happened."""
    last_data: Mapping[str, str] = fresh(dict)
    """What came with the last of them."""
    repeat_after: datetime.timedelta | None = None
    """For how long it is not told again."""
    expire_after: datetime.timedelta | None = None
    """After how long it is forgotten."""

    def __hash__(self) -> int:
        return hash((self.key, self.id))

    @property
    def _type_name(self) -> str:
        return str(getattr(self.type, 'value', self.type))

    def _to_ops(self) -> pebble.Notice:
        values = dict(vars(self), last_data=dict(self.last_data))
        return pebble.Notice(**values)


@piece
class CheckInfo(Piece):
    """What a check of the container has found."""

    _key = 'name'

    name: str
    """Its name."""
    level: pebble.CheckLevel | str | None = None
    """Its level; None for none."""
    startup: pebble.CheckStartup = pebble.CheckStartup.ENABLED
    """Whether it runs from the start."""
    status: pebble.CheckStatus = pebble.CheckStatus.UP
    """What it found."""
    successes: int | None = 0
    """How often it succeeded; None for a supervisor that does not count."""
    failures: int = 0
    """How often it failed since."""
    threshold: int = 3
    """How many failures in a row make it down."""
    change_id: pebble.ChangeID | None = None
    """The change that runs it; a new one unless given or inactive."""

    def _settle(self) -> None:
        if self.level is not None:
            self._put(level=pebble.CheckLevel(self.level))
        if self.change_id is None:
            inactive = self.status == pebble.CheckStatus.INACTIVE
            self._put(change_id=pebble.ChangeID('') if inactive else next_change_id())

    def _to_ops(self) -> pebble.CheckInfo:
        return pebble.CheckInfo(**vars(self))


@piece
class Container(Piece):
    """A container of the charm, and the supervisor in it."""

    _key = 'name'

    name: str
    """Its name in the metadata."""
    can_connect: bool = False
    """Whether its supervisor answers."""
    _base_plan: Mapping[str, Any] = fresh(dict)
    layers: Mapping[str, pebble.Layer] = fresh(dict)
    """The layers that it has, in the order in which they were added, by label."""
    service_statuses: Mapping[str, pebble.ServiceStatus] = fresh(dict)
    """What its services do; what is not named is inactive."""
    mounts: Mapping[str, Mount] = fresh(dict)
    """Files of the test that it sees, by any name."""
    execs: Iterable[Exec] = frozenset()
    """What commands answer."""
    notices: Sequence[Notice] = ()
    """What has happened in it."""
    check_infos: Iterable[CheckInfo] = frozenset()
    """What its checks found; the plan must have them."""

    def _settle(self) -> None:
        check_name(self.name, 'container')
        self._put(
            _base_plan=copy.deepcopy(dict(self._base_plan)),
            layers=copy.deepcopy(dict(self.layers)),
            service_statuses=dict(self.service_statuses),
            mounts=dict(self.mounts),
            execs=frozenset(self.execs),
            notices=list(self.notices),
            check_infos=frozenset(self.check_infos),
        )

    @property
    def plan(self) -> pebble.Plan:
        """All layers as they combine: what to look at in a test."""
        return combined(self._base_plan, self.layers)

    @property
    def services(self) -> dict[str, pebble.ServiceInfo]:
        """What the services of the plan do."""
        return {s.name: s for s in service_infos(combined({}, self.layers), self.service_statuses)}

    def get_filesystem(self, ctx: Context[Any]) -> pathlib.Path:
        """The directory that plays the container's files in a context."""
        return ctx._container_root(self.name)

    def get_check_info(self, name: str) -> CheckInfo:
        """What a check found; a KeyError if it is not there."""
        for info in self.check_infos:
            if info.name == name:
                return info
        raise KeyError('check-info: container %r has no check %r' % (self.name, name))


def combined(base: Mapping[str, Any], layers: Mapping[str, pebble.Layer]) -> pebble.Plan:
    """The plan that layers make on top of a base."""
    plan = pebble.Plan(copy.deepcopy(dict(base)))  # type: ignore[arg-type]
    for section in ('services', 'checks', 'log_targets'):
        found: dict[str, Any] = {}
        for layer in layers.values():
            for name, entry in getattr(layer, section).items():
                if name in found and entry.override == 'merge':
                    found[name]._merge(entry)
                else:
                    found[name] = copy.deepcopy(entry)
        for name in sorted(found):
            getattr(plan, section)[name] = found[name]
    return plan


def service_infos(plan: pebble.Plan, statuses: Mapping[str, pebble.ServiceStatus]) -> list[pebble.ServiceInfo]:
    """What the services of a plan do, sorted by name."""
    out = []
    for name in sorted(plan.services):
        startup = pebble.ServiceStartup(plan.services[name].startup or 'disabled')
        status = pebble.ServiceStatus(statuses.get(name, pebble.ServiceStatus.INACTIVE))
        out.append(pebble.ServiceInfo(name, startup, status))
    return out


def layer_from_rockcraft(path: pathlib.Path | str) -> pebble.Layer:
    """The layer that an image would have which is built from a rockcraft.yaml. A ValueError if there is no such file."""
    from .. import _yaml

    path = pathlib.Path(path)
    if not path.is_file():
        raise ValueError('rockcraft.yaml file not found at %s' % path)
    raw = _yaml.load(path.read_text(encoding='utf-8'))
    description = '%s (built from the rockcraft.yaml at %s)' % (raw.get('description', '(no description)'), path)
    return pebble.Layer(
        {
            'summary': raw['summary'],
            'description': description,
            'services': raw.get('services', {}),
            'checks': raw.get('checks', {}),
        }
    )
