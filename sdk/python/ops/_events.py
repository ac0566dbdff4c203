"""Events: their handles, how a class declares them, how they are emitted."""

from __future__ import annotations

import logging

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from typing import Any, NoReturn

    from ._objects import Object
    from .framework import Framework

logger = logging.getLogger('ops.framework')


class Handle:
    """The path of an object or an event: kinds, some with a key, as in `Charm/on/start[7]`."""

    __module__ = 'ops.framework'

    def __init__(self, parent: Handle | Object | None, kind: str, key: str | None):
        self._parent: Handle | None = parent if parent is None or isinstance(parent, Handle) else parent.handle
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

    __module__ = 'ops.framework'
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

    __module__ = 'ops.framework'

    def defer(self) -> NoReturn:
        """Refuse.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError('cannot defer lifecycle events')


class PreCommitEvent(LifecycleEvent):
    """Everything is about to be stored; what is changed now is stored too."""

    __module__ = 'ops.framework'


class CommitEvent(LifecycleEvent):
    """Stored state is written down now."""

    __module__ = 'ops.framework'


class EventSource:
    """Declares an event of a class: `changed = EventSource(ChangedEvent)` gives its objects `.changed`."""

    __module__ = 'ops.framework'

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

    __module__ = 'ops.framework'

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

    __module__ = 'ops.framework'

    def __get__(self, obj: Object | None, obj_type: type[Object]) -> str:
        return obj_type.__dict__.get('handle_kind') or obj_type.__name__


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
