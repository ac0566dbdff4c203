"""Events, who observes them, and what is kept of both between two dispatches."""

from __future__ import annotations

import logging
import marshal
import os
import re
import sys
import types
import weakref
from contextlib import contextmanager

from ._stored import (
    BoundStoredState,
    StoredDict,
    StoredList,
    StoredSet,
    StoredState,
    _unwrap_stored,
    _wrap_stored,
)
from .storage import JujuStorage, NoSnapshotError, SQLiteStorage

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn, Protocol

    from .charm import CharmMeta
    from .model import Model

    class Serializable(Protocol):
        """What can be kept as a snapshot and made again from it."""

        handle_kind: str
        handle: Handle

        def snapshot(self) -> dict[str, Any]:
            """Return what to keep."""

        def restore(self, snapshot: dict[str, Any]) -> None:
            """Become what was kept."""


__all__ = [
    'BoundEvent', 'BoundStoredState', 'CommitEvent', 'EventBase', 'EventSource', 'Framework', 'FrameworkEvents',
    'Handle', 'HandleKind', 'JujuStorage', 'LifecycleEvent', 'NoSnapshotError', 'NoTypeError', 'Object',
    'ObjectEvents', 'PreCommitEvent', 'PrefixedEvents', 'SQLiteStorage', 'Serializable', 'StoredDict', 'StoredList',
    'StoredSet', 'StoredState', 'StoredStateData', '_unwrap_stored', '_wrap_stored',
]  # fmt: skip

logger = logging.getLogger(__name__)


def __getattr__(name: str) -> Any:
    if name == 'Serializable':  # a Protocol needs `typing`, which nothing else here does
        from ._serializable import Serializable

        return Serializable
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


class Handle:
    """The path of an object or an event: kinds, some with a key, as in `Charm/on/start[7]`."""

    def __init__(self, parent: Handle | Object | None, kind: str, key: str | None):
        self._parent: Handle | None = parent.handle if isinstance(parent, Object) else parent
        self._kind, self._key = kind, key
        own = f'{kind}[{key}]' if key else kind
        self._path = f'{self._parent.path}/{own}' if self._parent else own

    def nest(self, kind: str, key: str | None) -> Handle:
        """The handle of something below this."""
        return Handle(self, kind, key)

    @classmethod
    def from_path(cls, path: str) -> Handle:
        """The handle whose path this is.

        Raises:
            RuntimeError: when it cannot be one.
        """
        handle: Handle | None = None
        for part in path.split('/'):
            kind, bracket, key = part.partition('[')
            if bracket and (not key.endswith(']') or '[' in key):
                raise RuntimeError(f'attempted to restore invalid handle path {path}')
            handle = Handle(handle, kind, key[:-1] if bracket else None)
        assert handle is not None
        return handle

    @property
    def parent(self) -> Handle | None:
        """The handle above, or None at the top."""
        return self._parent

    @property
    def kind(self) -> str:
        """The last kind of the path."""
        return self._kind

    @property
    def key(self) -> str | None:
        """The last key of the path."""
        return self._key

    @property
    def path(self) -> str:
        """The whole path."""
        return self._path

    def __str__(self) -> str:
        return self._path

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Handle):
            return NotImplemented
        return (self._parent, self._kind, self._key) == (other._parent, other._kind, other._key)

    def __hash__(self) -> int:
        return hash((self._parent, self._kind, self._key))


class EventBase:
    """The base of every event.

    An event that carries something of its own says so in `snapshot` and takes it back in `restore`: every observer gets
    an event that was made from its snapshot, a deferred one in a later process.
    """

    framework: Framework = None  # type: ignore[assignment]
    """Set before an observer sees the event."""

    def __init__(self, handle: Handle):
        self.handle = handle
        self.deferred: bool = False

    def __repr__(self) -> str:
        return f'<{self.__class__.__name__} via {self.handle}>'

    def defer(self) -> None:
        """Have this event again, in this handler, at the next dispatch, before anything else.

        The handler goes on after this call; to stop there is a `return` of its own. Next time it begins at its top.
        Other handlers of the event are not called again. The next dispatch may be hours away and of any kind.
        """
        logger.debug('Deferring %s.', self)
        self.deferred = True

    def snapshot(self) -> dict[str, Any]:
        """Return what this event must carry on, in simple types."""
        return {}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Take back what `snapshot` returned."""
        self.deferred = False


class LifecycleEvent(EventBase):
    """An event of the framework itself: it belongs to one dispatch and cannot be deferred."""

    def defer(self) -> NoReturn:
        """Refuse.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError('cannot defer lifecycle events')


class PreCommitEvent(LifecycleEvent):
    """Everything is about to be stored; what is changed now is stored too."""


class CommitEvent(LifecycleEvent):
    """Stored state is written down now."""


class EventSource:
    """Declares an event of a class: `changed = EventSource(ChangedEvent)` gives its objects `.changed`."""

    def __init__(self, event_type: type[EventBase]):
        if not (isinstance(event_type, type) and issubclass(event_type, EventBase)):
            raise RuntimeError(f'Event requires a subclass of EventBase as an argument, got {event_type}')
        self.event_type = event_type
        self.event_kind: str | None = None
        self.emitter_type: type[Object] | None = None

    def __set_name__(self, emitter_type: type[Object], event_kind: str) -> None:
        if self.event_kind is not None:
            first = f'{getattr(self.emitter_type, "__name__", self.emitter_type)}.{self.event_kind}'
            again = f'{emitter_type.__name__}.{event_kind}'
            raise RuntimeError(f'EventSource({self.event_type.__name__}) reused as {first} and {again}')
        self.event_kind, self.emitter_type = event_kind, emitter_type

    def __get__(self, emitter: Object | None, emitter_type: type[Object]) -> BoundEvent:
        if emitter is None:
            return self  # type: ignore[return-value]
        kind = self.event_kind or ''
        framework = getattr(emitter, 'framework', None)
        if framework is not None:
            framework.register_type(self.event_type, emitter, kind)
        return BoundEvent(emitter, self.event_type, kind)


class BoundEvent:
    """An event of one object: what `observe` takes and what can be emitted."""

    def __init__(self, emitter: Object, event_type: type[EventBase], event_kind: str):
        self.emitter, self.event_type, self.event_kind = emitter, event_type, event_kind

    def __repr__(self) -> str:
        source = f'{type(self.emitter).__name__}.{self.event_kind}'
        return f'<BoundEvent {self.event_type.__name__} bound to {source} at {hex(id(self))}>'

    def emit(self, *args: Any, **kwargs: Any) -> None:
        """Call every observer now, one after the other; the arguments are those of the event's class.

        An event emitted by a handler is handled before that handler goes on.
        """
        framework = self.emitter.framework
        event = self.event_type(Handle(self.emitter, self.event_kind, framework._next_event_key()), *args, **kwargs)
        event.framework = framework
        framework._emit(event)


class HandleKind:
    """The kind in the handles of a class's objects: the class's name, unless it says another."""

    def __get__(self, obj: Object | None, obj_type: type[Object]) -> str:
        return obj_type.__dict__.get('handle_kind') or obj_type.__name__


class Object:
    """Something with a place in the framework's tree, which can observe events and keep state.

    Args:
        parent: the framework, or the object that this belongs to.
        key: what tells it from its siblings of the same kind.

    Raises:
        RuntimeError: when that place is taken.
    """

    handle_kind: str = HandleKind()  # type: ignore[assignment]

    if TYPE_CHECKING:

        @property
        def on(self) -> ObjectEvents:
            """The object's events."""

    def __init__(self, parent: Framework | Object, key: str | None):
        self.framework: Framework
        if isinstance(parent, Framework):
            # A framework that held itself would never be freed by counting alone.
            self.framework = weakref.proxy(parent) if parent is self else parent
            self.handle = Handle(None, self.handle_kind, key)
        else:
            self.framework = parent.framework
            self.handle = Handle(parent, self.handle_kind, key)
        self.framework._track(self)

    @property
    def model(self) -> Model:
        """The model that the charm sees."""
        return self.framework.model


class ObjectEvents(Object):
    """The events of an object, as its attribute `on`. Subclass it and declare each with an EventSource."""

    handle_kind = 'on'

    def __init__(self, parent: Object | None = None, key: str | None = None):
        if parent is not None:
            super().__init__(parent, key)
        self._cache: weakref.WeakKeyDictionary[Object, ObjectEvents] = weakref.WeakKeyDictionary()

    def __get__(self, emitter: Object | None, emitter_type: type[Object]) -> ObjectEvents:
        if emitter is None:
            return self
        own = self._cache.get(emitter)
        if own is None:
            own = self._cache[emitter] = type(self)(emitter)
        return own

    @classmethod
    def define_event(cls, event_kind: str, event_type: type[EventBase]) -> None:
        """Add an event to this class.

        Args:
            event_kind: the attribute that it becomes.
            event_type: its class.

        Raises:
            RuntimeError: when the name cannot be an attribute, or already is one.
        """
        import keyword

        wrong = None
        if not event_kind.isidentifier():
            wrong = 'is not a valid python identifier'
        elif keyword.iskeyword(event_kind):
            wrong = 'is a python keyword'
        elif hasattr(cls, event_kind):
            wrong = f'overlaps with an existing type {cls} attribute'
        if wrong:
            raise RuntimeError(f'unable to define an event with event_kind that {wrong}: {event_kind}')
        source = EventSource(event_type)
        source.__set_name__(cls, event_kind)
        setattr(cls, event_kind, source)

    def _event_kinds(self) -> list[str]:
        kinds: dict[str, bool] = {}
        for cls in type(self).__mro__:
            for name, value in cls.__dict__.items():
                kinds.setdefault(name, isinstance(value, EventSource))
        return sorted(name for name, is_event in kinds.items() if is_event)

    def events(self) -> dict[str, BoundEvent]:
        """Every event of the object under its name."""
        return {kind: getattr(self, kind) for kind in self._event_kinds()}

    def __getitem__(self, key: str) -> PrefixedEvents:
        return PrefixedEvents(self, key)

    def __repr__(self) -> str:
        own = type(self)
        return f'<{own.__module__}.{own.__qualname__}: {", ".join(self._event_kinds())}>'

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Events that a charm's metadata defines are no secret to type checkers."""


class PrefixedEvents:
    """The events whose names begin alike: `self.on['db'].relation_joined`."""

    def __init__(self, emitter: Object, key: str):
        self._emitter = emitter
        self._prefix = key.replace('-', '_') + '_'

    def __getattr__(self, name: str) -> BoundEvent:
        return getattr(self._emitter, self._prefix + name)


class FrameworkEvents(ObjectEvents):
    """The events of a framework."""

    pre_commit = EventSource(PreCommitEvent)
    """Before state is stored."""
    commit = EventSource(CommitEvent)
    """State is stored."""


class NoTypeError(Exception):
    """A snapshot has nothing in this charm that it could become."""

    def __init__(self, handle_path: str):
        self.handle_path = handle_path

    def __str__(self) -> str:
        return f'cannot restore {self.handle_path} since no class was registered for it'


class StoredStateData(Object):
    """The values of one StoredState."""

    def __init__(self, parent: Object, attr_name: str):
        super().__init__(parent, attr_name)
        self._cache: dict[str, Any] = {}
        self.dirty: bool = False

    def __getitem__(self, key: str) -> Any:
        return self._cache.get(key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._cache[key] = value
        self.dirty = True

    def __contains__(self, key: str) -> bool:
        return key in self._cache

    def snapshot(self) -> dict[str, Any]:
        """Return every value."""
        return self._cache

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Take the values that were stored."""
        self._cache = snapshot
        self.dirty = False

    def on_commit(self, event: EventBase) -> None:
        """Store what was changed."""
        if self.dirty:
            self.framework.save_snapshot(self)
            self.dirty = False


_LOST_EVENT = re.compile(r'(?:.*/)?on/[a-zA-Z_]+\[\d+\]\Z')
_BREAKPOINT = re.compile(r'[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\Z')


class Framework(Object):
    """Knows who observes what, hands events over, and stores what must outlive the process.

    Args:
        storage: where that lies.
        charm_dir: the charm's directory.
        meta: the charm's metadata.
        model: what the charm sees.
        event_name: the event that this dispatch is for.
        juju_debug_at: names of breakpoints to stop at.
        skip_duplicate_events: do not queue what already waits in the queue, for the same handler and with the same data.
    """

    on = FrameworkEvents()  # type: ignore[assignment]
    """`pre_commit` and `commit`."""
    model: Model = None  # type: ignore[assignment]
    """What the charm sees."""
    meta: CharmMeta = None  # type: ignore[assignment]
    """The charm's metadata."""
    charm_dir: pathlib.Path = None  # type: ignore[assignment]
    """The charm's directory."""

    def __init__(
        self,
        storage: SQLiteStorage | JujuStorage,
        charm_dir: str | pathlib.Path,
        meta: CharmMeta,
        model: Model,
        event_name: str | None = None,
        juju_debug_at: set[str] | None = None,
        skip_duplicate_events: bool = True,
    ):
        super().__init__(self, None)
        if charm_dir is not None:
            from pathlib import Path

            self.charm_dir = Path(charm_dir)
        self.meta, self.model = meta, model
        self.skip_duplicate_events = skip_duplicate_events
        self._event_name = event_name.replace('-', '_') if event_name else event_name
        self._juju_debug_at = juju_debug_at or set()
        self._welcomed = False
        self._closed = False
        # Observers by what they observe; the path of an observer, and the object while it lives; classes by place.
        self._routes: dict[tuple[str, str], list[tuple[str, str]]] = {}
        self._observer: weakref.WeakValueDictionary[str, Object] = weakref.WeakValueDictionary()
        self._objects: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
        self._types: dict[tuple[str | None, str], type[Any]] = {}
        self._known_types: set[type[Any]] = set()
        if isinstance(storage, (str, os.PathLike)):
            logger.warning('A Framework takes a storage, not the path of one.')
            storage = SQLiteStorage(os.fspath(storage))
        self._storage: Any = storage
        self._stored = self._load_counter()

    def _load_counter(self) -> StoredStateData:
        self.register_type(StoredStateData, None, StoredStateData.handle_kind)
        try:
            return self.load_snapshot(Handle(None, StoredStateData.handle_kind, '_stored'))
        except NoSnapshotError:
            counter = StoredStateData(self, '_stored')
            counter['event_count'] = 0
            return counter

    # The tree.

    def _track(self, obj: Any) -> None:
        if obj is self:
            return
        path = obj.handle.path
        if path in self._objects:
            raise RuntimeError(f'two objects claiming to be {path} have been created')
        self._objects[path] = obj

    def _forget(self, obj: Any) -> None:
        self._objects.pop(obj.handle.path, None)

    def register_type(self, cls: type[Any], parent: Handle | Object | None, kind: str | None = None) -> None:
        """Say what class a snapshot below a parent is of."""
        above = parent.handle if isinstance(parent, Object) else parent
        self._types[above.path if above else None, kind or cls.handle_kind] = cls
        self._known_types.add(cls)

    # Snapshots.

    def _check_simple(self, value: Any, data: dict[str, Any]) -> None:
        """Refuse what could not be read back, or only as long as some class keeps its name."""
        if type(value) not in self._known_types:
            raise RuntimeError(f'cannot save {type(value).__name__} values before registering that type')
        try:
            marshal.dumps(data)
        except ValueError:
            name = type(value).__name__
            raise ValueError(f'unable to save the data for {name}, it must contain only simple types: {data!r}') from None

    def save_snapshot(self, value: StoredStateData | EventBase) -> None:
        """Store a value.

        Raises:
            RuntimeError: when its class was not registered.
            ValueError: when it holds anything but simple types.
        """
        data = value.snapshot()
        self._check_simple(value, data)
        self._storage.save_snapshot(value.handle.path, data)

    def load_snapshot(self, handle: Handle) -> Any:
        """Make a value again.

        Raises:
            NoTypeError: when its class was not registered.
            NoSnapshotError: when it was not stored.
        """
        cls = self._types.get((handle.parent.path if handle.parent else None, handle.kind))
        if cls is None:
            raise NoTypeError(handle.path)
        data = self._storage.load_snapshot(handle.path)
        value = cls.__new__(cls)
        value.framework, value.handle = self, handle
        value.restore(data)
        self._track(value)
        return value

    def drop_snapshot(self, handle: Handle) -> None:
        """Forget a stored value."""
        self._storage.drop_snapshot(handle.path)

    def commit(self) -> None:
        """Store everything, for good."""
        self.on.pre_commit.emit()
        self.on.commit.emit()
        self.save_snapshot(self._stored)
        self._storage.commit()

    def close(self) -> None:
        """Give the storage up."""
        self._storage.close()
        self._closed = True

    # Observing and emitting.

    @property
    def _observers(self) -> list[tuple[str, str, str, str]]:
        """(observer path, method, emitter path, event kind) of everyone who observes."""
        return [(path, method, *route) for route, seen in self._routes.items() for path, method in seen]

    def observe(self, bound_event: BoundEvent, observer: Callable[[Any], None]) -> None:
        """Have a method called with each event; several are called in the order they came.

        Args:
            bound_event: the event, as `self.on.start`.
            observer: a method of an Object that takes the event and needs nothing else.

        Raises:
            TypeError: when it is another thing.
        """
        if not isinstance(bound_event, BoundEvent):
            raise TypeError(f'Framework.observe requires a BoundEvent as second parameter, got {bound_event}')
        if not isinstance(observer, types.MethodType):
            raise TypeError(f"Framework.observe requires a method as the 'observer' parameter, got {observer}")
        emitter, owner = bound_event.emitter, observer.__self__
        if not hasattr(emitter, 'handle'):
            raise TypeError(f'event emitter {type(emitter).__name__} must have a "handle" attribute')
        assert isinstance(owner, Object), "can't register observers that aren't `Object`s"
        if not _takes_one(observer):
            name = f'{type(owner).__name__}.{observer.__name__}'
            raise TypeError(f"{name} must be callable with only 'self' and the 'event'")
        self.register_type(bound_event.event_type, emitter, bound_event.event_kind)
        self._observer[owner.handle.path] = owner
        route = self._routes.setdefault((emitter.handle.path, bound_event.event_kind), [])
        route.append((owner.handle.path, observer.__name__))

    def _next_event_key(self) -> str:
        """A number that no event of this unit ever had."""
        self._stored['event_count'] += 1
        return str(self._stored['event_count'])

    def _waits(self, event: EventBase, data: dict[str, Any]) -> set[tuple[str, str]]:
        """The handlers for whom the like of this event already waits in the queue."""
        waiting: set[tuple[str, str]] = set()
        place = event.handle.path.partition('[')[0]
        for path, observer_path, method in self._storage.notices():
            if path.partition('[')[0] != place or (observer_path, method) in waiting:
                continue
            try:
                same = self._storage.load_snapshot(path) == data
            except NoSnapshotError:
                same = not data
            if same:
                waiting.add((observer_path, method))
        return waiting

    def _emit(self, event: EventBase) -> None:
        """Queue an event for everyone who observes it, then hand it over."""
        handle = event.handle
        assert handle.parent is not None, 'the handle of an event has a parent'
        data = event.snapshot()
        self._check_simple(event, data)
        observers = self._routes.get((handle.parent.path, handle.kind), ())
        waiting = self._waits(event, data) if observers and self.skip_duplicate_events else set()
        fresh: list[tuple[str, str]] = []
        for observer in observers:
            if observer in waiting:
                logger.info('Not queueing %s for %s.%s: the same waits already.', handle, *observer)
            else:
                fresh.append(observer)
        if not fresh:
            return
        # All of them, before the first is called: either everyone is going to see it, or nobody.
        self._storage.save_snapshot(handle.path, data)
        for observer_path, method in fresh:
            self._storage.save_notice(handle.path, observer_path, method)
        self._reemit(handle.path)

    def reemit(self) -> None:
        """Hand over again what was deferred, to those who deferred it."""
        self._reemit()

    def _reemit(self, single_event_path: str | None = None) -> None:
        queue = list(self._storage.notices(single_event_path))
        at = 0
        while at < len(queue):
            path, kept = queue[at][0], False
            while at < len(queue) and queue[at][0] == path:
                at += 1
                place = '' if single_event_path else f'{at} of {len(queue)}'
                if self._hand_over(*queue[at - 1], place):
                    kept = True
                else:
                    self._storage.drop_notice(*queue[at - 1])
            if not kept:
                self._storage.drop_snapshot(path)

    def _hand_over(self, event_path: str, observer_path: str, method_name: str, place: str) -> bool:
        """Make an event from its snapshot and give it to one handler; whether that deferred it."""
        try:
            event = self.load_snapshot(Handle.from_path(event_path))
        except NoTypeError:
            return False
        event.deferred = False
        observer = self._observer.get(observer_path)
        if observer is None:
            logger.warning(
                'Nobody is at %s any more: the object that observed was not kept in an attribute.', observer_path
            )
        else:
            if place:
                logger.debug('Deferred before, now again: %s (%s).', event, place)
            elif self._event_name not in (None, '', event.handle.kind) and not isinstance(event, LifecycleEvent):
                logger.debug('Emitting custom event %s.', event)
            handler = getattr(observer, method_name, None)
            if handler is not None:
                with self._event_context(event.handle.kind):
                    self._call(handler, event)
        self._forget(event)  # the next handler gets one of its own
        return event.deferred

    def _call(self, handler: Callable[[Any], None], event: EventBase) -> None:
        if self._juju_debug_at and not self._juju_debug_at.isdisjoint(('all', 'hook')):
            from .charm import ActionEvent, HookEvent

            if isinstance(event, (ActionEvent, HookEvent)):
                import pdb

                self._welcome()
                pdb.runcall(handler, event)
                return
        handler(event)

    @contextmanager
    def _event_context(self, event_name: str) -> Iterator[None]:
        """Let the model know, for a while, that a handler of this event is running ('' for none)."""
        backend = self.model._backend if self.model else None
        if backend is None:
            yield
            return
        before = self._event_name, backend._hook_is_running
        self._event_name = backend._hook_is_running = event_name
        try:
            yield
        finally:
            self._event_name, backend._hook_is_running = before

    def remove_unreferenced_events(self) -> None:
        """Forget stored events that nobody waits for; very old frameworks left such."""
        for path in list(self._storage.list_snapshots()):
            if _LOST_EVENT.match(path) and not any(True for _ in self._storage.notices(path)):
                self._storage.drop_snapshot(path)

    # Debugging.

    def set_breakpointhook(self) -> Any | None:
        """Make the builtin `breakpoint()` this framework's; return what it was."""
        before = getattr(sys, 'breakpointhook', None)
        if before is not None:
            sys.breakpointhook = self.breakpoint
        return before

    def _welcome(self) -> None:
        if not self._welcomed:
            self._welcomed = True
            print('\nThe charm has stopped here, in pdb: `h` helps, `c` goes on, `q` ends the hook.\n', file=sys.stderr)

    def breakpoint(self, name: str | None = None) -> None:
        """Stop in the debugger here, when JUJU_DEBUG_AT names this breakpoint, or all.

        Args:
            name: lower case, digits and dashes; `all` and `hook` have a meaning of their own.

        Raises:
            ValueError: when it is no such name.
        """
        if name is not None:
            if not isinstance(name, str):
                raise TypeError('breakpoint names must be strings')
            if name in ('all', 'hook'):
                raise ValueError('breakpoint names "all" and "hook" are reserved')
            if not _BREAKPOINT.match(name):
                raise ValueError('breakpoint names must look like "foo" or "foo-bar"')
        wanted = self._juju_debug_at
        if not wanted:
            return
        if 'all' not in wanted and name not in wanted:
            logger.warning('Breakpoint %r skipped (not found in the requested breakpoints: %s)', name, wanted)
            return
        import inspect
        import pdb

        self._welcome()
        here = inspect.currentframe()
        pdb.Pdb().set_trace(here.f_back if here else None)


def _takes_one(method: types.MethodType) -> bool:
    """Whether a method can be called with one argument."""
    code, function = getattr(method.__func__, '__code__', None), method.__func__
    if code is None or hasattr(function, '__signature__'):
        import inspect

        try:
            inspect.signature(method, follow_wrapped=False).bind(None)
        except TypeError:
            return False
        return True
    needed = code.co_argcount - len(getattr(function, '__defaults__', None) or ())
    named = set(code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount])
    if named - set(getattr(function, '__kwdefaults__', None) or ()):
        return False
    return needed <= 2 and (code.co_argcount >= 2 or bool(code.co_flags & 0x04))
