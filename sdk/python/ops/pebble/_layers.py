"""Layers, plans and what they are made of.

An entry of a layer is a table of keys. For each key the table says of which kind its value is, which settles three
things at once: what an absent key becomes, when a value is left out of the dictionary, and how a merge goes.
"""

from __future__ import annotations

from ._enums import CheckLevel, CheckStartup, known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from ._dicts import CheckDict, ExecDict, HttpDict, LayerDict, LogTargetDict, PlanDict, ServiceDict, TcpDict

# Kinds of values: a text is "" when absent and a number None; a list grows by a merge, a map is merged by key; a block
# is None when absent, and is merged field by field.
_TEXT, _NUMBER, _LIST, _MAP, _BLOCK, _STARTUP, _LEVEL = range(7)
_EMPTY = {_TEXT: '', _NUMBER: None, _BLOCK: None, _STARTUP: '', _LEVEL: ''}


def _table(**kinds: int) -> dict[str, tuple[str, int]]:
    return {attribute: (attribute.replace('_', '-'), kind) for attribute, kind in kinds.items()}


def _read(raw: dict[str, Any], key: str, kind: int) -> Any:
    if kind == _LIST:
        return list(raw.get(key, ()))
    if kind == _MAP:
        return dict(raw.get(key) or {})
    value = raw.get(key, _EMPTY[kind])
    if kind == _BLOCK:
        return _copied(value)
    if kind == _STARTUP:
        return CheckStartup(value)
    return known(CheckLevel, value) if kind == _LEVEL else value


def _copied(value: Any) -> Any:
    return {key: _copied(item) for key, item in value.items()} if isinstance(value, dict) else value


class _Comparable:
    """Equal to whatever has the same dictionary, and to that dictionary itself."""

    def to_dict(self) -> Any:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if isinstance(other, dict):
            return bool(self.to_dict() == other)
        if isinstance(other, type(self)):
            return bool(self.to_dict() == other.to_dict())
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return '%s(%r)' % (type(self).__name__, self.to_dict())


class _Entry(_Comparable):
    _keys: ClassVar[dict[str, tuple[str, int]]]

    def __init__(self, name: str, raw: Any = None):
        self.name = name
        for attribute, (key, kind) in self._keys.items():
            setattr(self, attribute, _read(raw or {}, key, kind))

    def to_dict(self) -> Any:
        """The dictionary of what is set."""
        out = {}
        for attribute, (key, _) in self._keys.items():
            value = getattr(self, attribute)
            value = getattr(value, 'value', value)
            if value:
                out[key] = value
        return out

    def _merge(self, other: Any) -> None:
        """What a layer with `override: merge` does: what other has set wins, lists grow, maps are merged."""
        for attribute, (_, kind) in self._keys.items():
            value = getattr(other, attribute)
            if not value or value is CheckStartup.UNSET:
                continue
            if kind == _LIST:
                getattr(self, attribute).extend(value)
            elif kind == _MAP:
                getattr(self, attribute).update(value)
            elif kind == _BLOCK:
                setattr(self, attribute, _merged_block(getattr(self, attribute), value))
            else:
                setattr(self, attribute, value)


def _merged_block(mine: dict[str, Any] | None, theirs: dict[str, Any]) -> dict[str, Any]:
    out = dict(mine or {})
    for key, value in theirs.items():
        if isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = {**out[key], **value}
        elif value:
            out[key] = value
    return out


class Service(_Entry):
    """A service of a layer or of the plan."""

    name: str
    summary: str
    description: str
    startup: str
    override: str
    command: str
    after: list[str]
    before: list[str]
    requires: list[str]
    environment: dict[str, str]
    user: str
    user_id: int | None
    group: str
    group_id: int | None
    working_dir: str
    on_success: str
    on_failure: str
    on_check_failure: dict[str, Any]
    backoff_delay: str
    backoff_factor: int | None
    backoff_limit: str
    kill_delay: str | None

    _keys = _table(
        summary=_TEXT,
        description=_TEXT,
        startup=_TEXT,
        override=_TEXT,
        command=_TEXT,
        after=_LIST,
        before=_LIST,
        requires=_LIST,
        environment=_MAP,
        user=_TEXT,
        user_id=_NUMBER,
        group=_TEXT,
        group_id=_NUMBER,
        working_dir=_TEXT,
        on_success=_TEXT,
        on_failure=_TEXT,
        on_check_failure=_MAP,
        backoff_delay=_TEXT,
        backoff_factor=_NUMBER,
        backoff_limit=_TEXT,
        kill_delay=_TEXT,
    )

    if TYPE_CHECKING:

        def __init__(self, name: str, raw: ServiceDict | None = None): ...

        def to_dict(self) -> ServiceDict: ...


class Check(_Entry):
    """A health check of a layer or of the plan."""

    name: str
    override: str
    level: CheckLevel | str
    startup: CheckStartup
    period: str | None
    timeout: str | None
    threshold: int | None
    http: HttpDict | None
    tcp: TcpDict | None
    exec: ExecDict | None

    _keys = _table(
        override=_TEXT,
        level=_LEVEL,
        startup=_STARTUP,
        period=_TEXT,
        timeout=_TEXT,
        threshold=_NUMBER,
        http=_BLOCK,
        tcp=_BLOCK,
        exec=_BLOCK,
    )

    if TYPE_CHECKING:

        def __init__(self, name: str, raw: CheckDict | None = None): ...

        def to_dict(self) -> CheckDict: ...


class LogTarget(_Entry):
    """A place that logs of services are sent to."""

    name: str
    override: str
    type: str
    location: str
    services: list[str]
    labels: dict[str, str]

    _keys = _table(override=_TEXT, type=_TEXT, location=_TEXT, services=_LIST, labels=_MAP)

    if TYPE_CHECKING:

        def __init__(self, name: str, raw: LogTargetDict | None = None): ...

        def to_dict(self) -> LogTargetDict: ...


_SECTIONS = (('services', 'services', Service), ('checks', 'checks', Check), ('log_targets', 'log-targets', LogTarget))


def _parsed(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, str):
        return raw or {}
    from .. import _yaml

    return _yaml.load(raw) or {}


def _entries(raw: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        attribute: {name: kind(name, entry) for name, entry in (raw.get(key) or {}).items()}
        for attribute, key, kind in _SECTIONS
    }


class _Document(_Comparable):
    def _section(self, attribute: str) -> dict[str, Any]:
        return getattr(self, attribute)  # type: ignore[no-any-return]

    def to_dict(self) -> Any:
        """The dictionary of what is set; empty sections are left out."""
        out = {}
        for attribute, key, _ in _SECTIONS:
            entries = {name: entry.to_dict() for name, entry in self._section(attribute).items()}
            if entries:
                out[key] = entries
        return out

    def to_yaml(self) -> str:
        """The YAML text, keys sorted."""
        from .. import _yaml

        return _yaml.dump(self.to_dict())

    def __str__(self) -> str:
        return self.to_yaml()


class Layer(_Document):
    """A layer: what is added to the plan, from a dictionary or from YAML text."""

    summary: str
    """What the layer is for."""
    description: str
    """The same at length."""
    services: dict[str, Service]
    """The services by name."""
    checks: dict[str, Check]
    """The checks by name."""
    log_targets: dict[str, LogTarget]
    """The log targets by name."""

    def __init__(self, raw: str | LayerDict | None = None):
        known_keys = _parsed(raw)
        self.summary = known_keys.get('summary', '')
        self.description = known_keys.get('description', '')
        vars(self).update(_entries(known_keys))

    def to_dict(self) -> LayerDict:
        """The dictionary of what is set; what is empty is left out."""
        out: Any = {}
        if self.summary:
            out['summary'] = self.summary
        if self.description:
            out['description'] = self.description
        out.update(super().to_dict())
        return out  # type: ignore[no-any-return]


class Plan(_Document):
    """All layers as they combine. It is for reading."""

    def __init__(self, raw: str | PlanDict | None = None):
        self._sections = _entries(_parsed(raw))

    def _section(self, attribute: str) -> dict[str, Any]:
        return self._sections[attribute]

    @property
    def services(self) -> dict[str, Service]:
        """The services by name."""
        return self._sections['services']

    @property
    def checks(self) -> dict[str, Check]:
        """The checks by name."""
        return self._sections['checks']

    @property
    def log_targets(self) -> dict[str, LogTarget]:
        """The log targets by name."""
        return self._sections['log_targets']

    if TYPE_CHECKING:

        def to_dict(self) -> PlanDict: ...
