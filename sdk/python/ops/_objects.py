"""Objects: what has a place in the framework's tree, with its events."""

from __future__ import annotations

import weakref

from ._events import BoundEvent, CommitEvent, EventBase, EventSource, Handle, HandleKind, PreCommitEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .framework import Framework
    from .model import Model


class Object:
    """Something with a place in the framework's tree, which can observe events and keep state.

    Args:
        parent: the framework, or the object that this belongs to.
        key: what tells it from its siblings of the same kind.

    Raises:
        RuntimeError: when that place is taken.
    """

    __module__ = 'ops.framework'
    handle_kind: str = HandleKind()  # type: ignore[assignment]
    _is_framework = False

    if TYPE_CHECKING:

        @property
        def on(self) -> ObjectEvents:
            """The object's events."""
            ...

    def __init__(self, parent: Framework | Object, key: str | None):
        self.framework: Framework
        if parent._is_framework:
            # A framework that held itself would never be freed by counting alone.
            self.framework = weakref.proxy(parent) if parent is self else parent  # type: ignore[assignment]
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

    __module__ = 'ops.framework'
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

    __module__ = 'ops.framework'

    def __init__(self, emitter: Object, key: str):
        self._emitter = emitter
        self._prefix = key.replace('-', '_') + '_'

    def __getattr__(self, name: str) -> BoundEvent:
        return getattr(self._emitter, self._prefix + name)


class FrameworkEvents(ObjectEvents):
    """The events of a framework."""

    __module__ = 'ops.framework'
    pre_commit = EventSource(PreCommitEvent)
    """Before state is stored."""
    commit = EventSource(CommitEvent)
    """State is stored."""


class NoTypeError(Exception):
    """A snapshot has nothing in this charm that it could become."""

    __module__ = 'ops.framework'

    def __init__(self, handle_path: str):
        self.handle_path = handle_path

    def __str__(self) -> str:
        return f'cannot restore {self.handle_path} since no class was registered for it'


class StoredStateData(Object):
    """The values of one StoredState."""

    __module__ = 'ops.framework'

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
