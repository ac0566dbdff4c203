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

from ._events import (
    BoundEvent,
    CommitEvent,
    EventBase,
    EventSource,
    Handle,
    HandleKind,
    LifecycleEvent,
    PreCommitEvent,
    _takes_one,
)
from ._objects import FrameworkEvents, NoTypeError, Object, ObjectEvents, PrefixedEvents, StoredStateData
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
    from typing import Any
    from ._serializable import Serializable
    from .charm import CharmMeta
    from .model import Model

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


_LOST_EVENT = re.compile(r'(?:.*/)?on/[a-zA-Z_]+\[\d+\]\Z')


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
    _is_framework = True

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
        self.meta = meta
        self.model = model  # pyright: ignore[reportIncompatibleMethodOverride]
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
        value: Any = object.__new__(cls)
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
                _, observer_path, method = queue[at - 1]
                if self._hand_over(path, observer_path, method, place):
                    kept = True
                else:
                    self._storage.drop_notice(path, observer_path, method)
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
        from ._debug import check, stop

        check(name)
        wanted = self._juju_debug_at
        if not wanted:
            return
        if 'all' not in wanted and name not in wanted:
            logger.warning('Breakpoint %r skipped (not found in the requested breakpoints: %s)', name, wanted)
            return
        self._welcome()
        stop()
