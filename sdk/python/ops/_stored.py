"""StoredState: attributes that outlive the process."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, MutableSequence, MutableSet, Set

from .storage import NoSnapshotError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator
    from typing import Any, Dict, List, Literal, overload

    from .framework import Object, ObjectEvents, StoredStateData

_SIMPLE = (type(None), int, float, str, bytes, list, dict, set)


class BoundStoredState:
    """The stored state of one object: its attributes are the values."""

    __module__ = 'ops.framework'

    if TYPE_CHECKING:
        _data: StoredStateData
        _attr_name: str

        @overload
        def __getattr__(self, key: Literal['on']) -> ObjectEvents: ...
        @overload
        def __getattr__(self, key: str) -> Any: ...

    def __init__(self, parent: Object, attr_name: str):
        from .framework import Handle, StoredStateData

        framework = parent.framework
        framework.register_type(StoredStateData, parent)
        try:
            data = framework.load_snapshot(Handle(parent, StoredStateData.handle_kind, attr_name))
        except NoSnapshotError:
            data = StoredStateData(parent, attr_name)
        self.__dict__.update(_data=data, _attr_name=attr_name)
        framework.observe(framework.on.commit, data.on_commit)

    def __getattr__(self, key: str) -> Any:
        if key == 'on':
            return self._data.on
        if key not in self._data:
            raise AttributeError(f"attribute '{key}' is not stored")
        return _wrap_stored(self._data, self._data[key])

    def __setattr__(self, key: str, value: Any) -> None:
        if key == 'on':
            raise AttributeError("attribute 'on' is reserved and cannot be set")
        value = _unwrap_stored(self._data, value)
        if not isinstance(value, _SIMPLE):
            kind = type(value).__name__
            raise AttributeError(f'attribute {key!r} cannot be a {kind}: must be int/float/dict/list/etc')
        self._data[key] = value

    def set_default(self, **kwargs: Any) -> None:
        """Set each value that is not there yet."""
        for key, value in kwargs.items():
            if key not in self._data:
                self._data[key] = value


class StoredState:
    """Declares stored state: `_stored = ops.StoredState()` in a class, then `self._stored.set_default(…)`.

    Values are simple types, and lists, dicts and sets of them. They lie beside the charm: on Kubernetes they go when
    the charm is upgraded, so what must last belongs into the peer relation.
    """

    __module__ = 'ops.framework'

    def __init__(self):
        self.parent_type: type[Any] | None = None
        self.attr_name: str | None = None

    if TYPE_CHECKING:

        @overload
        def __get__(self, parent: None, parent_type: type[Any]) -> StoredState: ...
        @overload
        def __get__(self, parent: Object, parent_type: type[Any]) -> BoundStoredState: ...

    def __get__(self, parent: Any, parent_type: type[Any]) -> Any:
        if self.parent_type is not None and self.parent_type not in parent_type.mro():
            raise RuntimeError(f'StoredState shared by {self.parent_type.__name__} and {parent_type.__name__}')
        if parent is None:
            return self
        if self.attr_name is None or self.attr_name not in parent.__dict__:
            self._find(parent_type)
            assert self.attr_name is not None
            parent.__dict__[self.attr_name] = BoundStoredState(parent, self.attr_name)
        return parent.__dict__[self.attr_name]

    def _find(self, parent_type: type[Any]) -> None:
        """Learn under what name, and of what class, this is an attribute."""
        places = [(cls, name) for cls in parent_type.mro() for name, value in cls.__dict__.items() if value is self]
        if not places:
            raise AttributeError(f'cannot find {type(self).__name__} attribute in type {parent_type.__name__}')
        if len(places) > 1:
            first, second = (f'{cls.__name__}.{name}' for cls, name in places[:2])
            raise RuntimeError(f'StoredState shared by {first} and {second}')
        self.parent_type, self.attr_name = places[0]


def _wrap_stored(parent_data: StoredStateData, value: Any) -> Any:
    """A collection as one that tells its owner of changes."""
    for plain, stored in ((dict, StoredDict), (list, StoredList), (set, StoredSet)):
        if isinstance(value, plain):
            return stored(parent_data, value)
    return value


def _unwrap_stored(parent_data: StoredStateData, value: Any) -> Any:
    return value._under if isinstance(value, _Watched) else value


def _compared(method: str, other_type: type[Any]) -> Callable[[Any, Any], Any]:
    """A comparison with another of the kind, or with what it stands for."""

    def compare(self: Any, other: Any) -> Any:
        if isinstance(other, type(self)):
            other = other._under
        elif not isinstance(other, other_type):
            return NotImplemented
        return getattr(self._under, method)(other)

    compare.__name__ = method
    return compare


class _Watched:
    """What the three collections have in common: the plain one beneath, and who must hear of a change."""

    def __init__(self, stored_data: StoredStateData, under: Any):
        self._stored_data, self._under = stored_data, under

    def _changed(self) -> None:
        self._stored_data.dirty = True

    def __len__(self) -> int:
        return len(self._under)

    def __repr__(self) -> str:
        own = type(self)
        return f'{own.__module__}.{own.__name__}({repr(self._under) if self._under else ""})'


if TYPE_CHECKING:
    _AnyDict = MutableMapping[Hashable, Any]
    _AnyList = MutableSequence[Any]
    _AnySet = MutableSet[Any]
else:
    _AnyDict, _AnyList, _AnySet = MutableMapping, MutableSequence, MutableSet


class StoredDict(_Watched, _AnyDict):
    """A dict in stored state."""

    __module__ = 'ops.framework'
    __hash__ = None  # type: ignore[assignment]

    def __getitem__(self, key: Hashable) -> Any:
        return _wrap_stored(self._stored_data, self._under[key])

    def __setitem__(self, key: Hashable, value: Any) -> None:
        self._under[key] = _unwrap_stored(self._stored_data, value)
        self._changed()

    def __delitem__(self, key: Hashable) -> None:
        del self._under[key]
        self._changed()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._under)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StoredDict):
            other = other._under
        return self._under == other if isinstance(other, Mapping) else NotImplemented


class StoredList(_Watched, _AnyList):
    """A list in stored state."""

    __module__ = 'ops.framework'
    __hash__ = None  # type: ignore[assignment]

    def __getitem__(self, index: Any) -> Any:
        return _wrap_stored(self._stored_data, self._under[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        self._under[index] = _unwrap_stored(self._stored_data, value)
        self._changed()

    def __delitem__(self, index: Any) -> None:
        del self._under[index]
        self._changed()

    def insert(self, index: int, value: Any) -> None:
        """Put a value before another."""
        self._under.insert(index, _unwrap_stored(self._stored_data, value))
        self._changed()

    def append(self, value: Any) -> None:
        """Put a value at the end."""
        self._under.append(_unwrap_stored(self._stored_data, value))
        self._changed()

    __eq__ = _compared('__eq__', list)
    __lt__ = _compared('__lt__', list)
    __le__ = _compared('__le__', list)
    __gt__ = _compared('__gt__', list)
    __ge__ = _compared('__ge__', list)


class StoredSet(_Watched, _AnySet):
    """A set in stored state."""

    __module__ = 'ops.framework'
    __hash__ = None  # type: ignore[assignment]

    def add(self, key: Any) -> None:
        """Put a value in."""
        self._under.add(key)
        self._changed()

    def discard(self, key: Any) -> None:
        """Take a value out, if it is in."""
        self._under.discard(key)
        self._changed()

    def __contains__(self, key: Any) -> bool:
        return key in self._under

    def __iter__(self) -> Iterator[Any]:
        return iter(self._under)

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> set[Any]:
        return set(it)

    def _plain(self, other: Any) -> Any:
        return other._under if isinstance(other, StoredSet) else other

    def __le__(self, other: Any) -> bool:
        other = self._plain(other)
        return self._under <= other if isinstance(other, Set) else NotImplemented

    def __ge__(self, other: Any) -> bool:
        other = self._plain(other)
        return self._under >= other if isinstance(other, Set) else NotImplemented

    def __eq__(self, other: object) -> bool:
        other = self._plain(other)
        return self._under == other if isinstance(other, Set) else NotImplemented
