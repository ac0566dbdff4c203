"""What containers are seen as: under their names, with the services, checks and notices that are looked at late."""

from __future__ import annotations

from collections.abc import Mapping

from . import pebble

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator
    from typing import Any, Dict, TypeVar

    from ._backend import _ModelBackend
    from ._container import Container

    _V = TypeVar('_V')

    class _ByName(Mapping[str, _V]):
        _items: Dict[str, _V]

        def __getitem__(self, key: str) -> _V: ...
        def __iter__(self) -> Iterator[str]: ...
        def __len__(self) -> int: ...
else:

    class _ByName(Mapping):
        """Things under their names."""

        def __getitem__(self, key):
            return self._items[key]

        def __iter__(self):
            return iter(self._items)

        def __len__(self):
            return len(self._items)

        def __repr__(self):
            return repr(self._items)

        def __class_getitem__(cls, item):
            return cls


class MultiPushPullError(Exception):
    """Some of the files could not be copied; the others were."""

    __module__ = 'ops.model'

    def __init__(self, message: str, errors: list[tuple[str, Exception]]):
        self.message = message
        """What failed."""
        self.errors = errors
        """The sources that could not be copied, each with its error."""

    def __str__(self) -> str:
        source, error = self.errors[0]
        more = f' (and {len(self.errors) - 1} more)' if len(self.errors) > 1 else ''
        return f'{self.message}: {source}: {error}{more}'

    def __repr__(self) -> str:
        return f'MultiPushPullError({self.message!r}, {len(self.errors)} errors)'


class ContainerMapping(_ByName['Container']):
    """The unit's containers, each made when it is asked for."""

    __module__ = 'ops.model'

    def __init__(self, names: Iterable[str], backend: _ModelBackend):
        self._items: dict[str, Any] = dict.fromkeys(names)
        self._backend = backend

    def __getitem__(self, key: str) -> Container:
        container = self._items[key]
        if container is None:
            from ._container import Container

            container = self._items[key] = Container(key, self._backend)
        return container


class ServiceInfoMapping(_ByName['pebble.ServiceInfo']):
    """How services are, by name."""

    __module__ = 'ops.model'

    def __init__(self, services: Iterable[pebble.ServiceInfo]):
        self._items = {service.name: service for service in services}


class CheckInfoMapping(_ByName['pebble.CheckInfo']):
    """How checks are, by name."""

    __module__ = 'ops.model'

    def __init__(self, checks: Iterable[pebble.CheckInfo]):
        self._items = {check.name: check for check in checks}


class _Loaded:
    """Stands for something of the supervisor that is fetched when more of it is wanted than the event tells."""

    _fields: frozenset[str] = frozenset()

    def _fetch(self) -> Any:
        raise NotImplementedError

    def __getattr__(self, item: str) -> Any:
        # Only what the supervisor's own object has. Anything else, as `__deepcopy__`, must not cause a call.
        if item not in self._fields:
            raise AttributeError(f'{type(self).__name__!r} object has no attribute {item!r}')
        if '_whole' not in self.__dict__:
            self.__dict__['_whole'] = self._fetch()
        return getattr(self.__dict__['_whole'], item)


class LazyNotice(_Loaded):
    """The notice of an event: what the event does not tell is fetched when it is looked at."""

    __module__ = 'ops.model'
    id: str
    type: pebble.NoticeType | str
    key: str
    if TYPE_CHECKING:
        user_id: int | None
        first_occurred: datetime.datetime
        last_occurred: datetime.datetime
        last_repeated: datetime.datetime
        occurrences: int
        last_data: Dict[str, str]
        repeat_after: datetime.timedelta | None
        expire_after: datetime.timedelta | None
    _fields = frozenset(
        'user_id first_occurred last_occurred last_repeated occurrences last_data repeat_after expire_after'.split()
    )

    def __init__(self, container: Container, id: str, type: str, key: str):
        self._container, self.id, self.key = container, id, key
        try:
            self.type = pebble.NoticeType(type)
        except ValueError:
            self.type = type

    def _fetch(self) -> Any:
        return self._container.get_notice(self.id)

    def __repr__(self) -> str:
        kind = f'NoticeType.{self.type.name}' if isinstance(self.type, pebble.NoticeType) else repr(self.type)
        return f'LazyNotice(id={self.id!r}, type={kind}, key={self.key!r})'


class LazyCheckInfo(_Loaded):
    """The check of an event: how it is now is fetched when it is looked at."""

    __module__ = 'ops.model'
    name: str
    if TYPE_CHECKING:
        level: pebble.CheckLevel | str | None
        startup: pebble.CheckStartup
        status: pebble.CheckStatus | str
        successes: int | None
        failures: int
        threshold: int
        change_id: pebble.ChangeID | None
    _fields = frozenset('level startup status successes failures threshold change_id'.split())

    def __init__(self, container: Container, name: str):
        self._container, self.name = container, name

    def _fetch(self) -> Any:
        return self._container.get_check(self.name)

    def __repr__(self) -> str:
        return f'LazyCheckInfo(name={self.name!r})'
