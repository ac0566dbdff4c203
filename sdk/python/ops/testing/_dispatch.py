"""One event: the charm runs in the world that a state speaks of."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import logging
import os
import pathlib
import re
import sys
import warnings

import ops

from .. import _main, _tools
from ..storage import NoSnapshotError, SQLiteStorage
from ._client import BoxClient
from ._environment import environment
from ._exchange import box_of, state_of, world_of
from ._machine import Backend, Machine
from ._values import DeferredEvent, Secret, StoredState
from .errors import BadOwnerPath, NoObserverError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

    from ._box import Box
    from ._context import Context
    from ._events import Event
    from ._state import State

logger = logging.getLogger('ops-scenario.dispatch')

_EVENT_PATH = re.compile(r'(?:.*/)?on/[^/]+\[\d+\]\Z')
_STORED_PATH = re.compile(r'(?:(.*)/)?(\D+)\[(.*)\]\Z')


def _swap(old: Any, new: Any) -> None:
    """Puts one way to run tools in the place of another, in every module of the package that has imported it."""
    for name, module in list(sys.modules.items()):
        if name.startswith('ops.') and vars(module).get('run') is old:
            setattr(module, 'run', new)


class Run(_main._Manager):
    """A dispatch of the real kind, whose tools, storage and containers are played."""

    def __init__(self, state: State, event: Event, context: Context[Any], charm_type: Any, juju_context: Any):
        self.state = copy.deepcopy(state)
        self.event = event
        self.context = context
        self.world = world_of(state, event, context)
        self.boxes: dict[str, Box] = {}
        for name in context._charm_spec.meta.get('containers') or {}:
            known = [c for c in state.containers if c.name == name]
            self.boxes[name] = box_of(known[0] if known else None, name, context)
        self.machine = Machine(self.world)
        self.store: Any = None
        self._framework_class = _capturing(context)
        backend = Backend(self.machine, self._client, juju_context=juju_context)
        with self._undone():
            super().__init__(charm_type, backend, juju_context=juju_context)

    def _client(self, name: str, socket_path: str) -> BoxClient:
        if name not in self.boxes:
            raise RuntimeError('container %r is not in the metadata' % name)
        return BoxClient(self.boxes[name], socket_path)

    @contextlib.contextmanager
    def _undone(self) -> Iterator[None]:
        """What a process of its own may change and a test's process may not."""
        self._saved = (sys.excepthook, warnings.showwarning, list(logging.getLogger().handlers))
        self._level = logging.getLogger().level
        self._tools = (_tools.run, self.machine.run)
        _swap(*self._tools)
        try:
            yield
        except BaseException:
            self.destroy()
            raise
        sys.excepthook, warnings.showwarning = self._saved[:2]

    def destroy(self) -> None:
        """Puts everything back."""
        super().destroy()
        sys.excepthook, warnings.showwarning = self._saved[:2]
        root = logging.getLogger()
        for handler in list(root.handlers):
            if handler not in self._saved[2]:
                root.removeHandler(handler)
        root.setLevel(self._level)
        _swap(*reversed(self._tools))
        self.context._take(self.world)

    def _make_storage(self, dispatcher: Any) -> Any:
        self.store = SQLiteStorage(':memory:')
        for event in self.state.deferred:
            self.store.save_notice(event.handle_path, event.owner, event.observer)
            try:
                self.store.save_snapshot(event.handle_path, dict(event.snapshot_data))
            except ValueError as e:
                raise ValueError('cannot keep %r: its data must be simple types only' % (event,)) from e
        for stored in self.state.stored_states:
            self.store.save_snapshot(stored._handle_path, dict(stored.content))
        return self.store

    def _get_event_to_emit(self, event_name: str) -> Any:
        custom = self.event.custom_event
        if custom is not None:
            return _of_library(self.charm, custom)
        owner = self.charm
        for step in self.event.owner_path:
            if not hasattr(owner, step):
                raise BadOwnerPath('the path %r leads nowhere: there is no %r' % (self.event.path, step))
            owner = getattr(owner, step)
        if not isinstance(owner, ops.ObjectEvents):
            raise BadOwnerPath('the path %r does not lead to events' % self.event.path)
        if not hasattr(owner, self.event.name):
            raise NoObserverError('Cannot fire %r on %s: invalid event (not on charm.on).' % (self.event.name, owner))
        return getattr(owner, self.event.name)

    def _get_event_args(self, bound_event: Any) -> Any:
        args, kwargs = super()._get_event_args(bound_event)
        if self.event.custom_event is not None:
            args = [*args, *(self._as_ops(a) for a in self.event.custom_event_args)]
            kwargs = dict(kwargs, **{k: self._as_ops(v) for k, v in self.event.custom_event_kwargs.items()})
        return args, kwargs

    def _as_ops(self, value: Any) -> Any:
        """A part of the state as the charm sees it."""
        from ._containers import Container
        from ._relations import RelationBase
        from ._values import Port, Storage

        model = self.charm.model
        if isinstance(value, RelationBase):
            return model.get_relation(value.endpoint, value.id)
        if isinstance(value, Container):
            return self.charm.unit.get_container(value.name)
        if isinstance(value, Secret):
            return model.get_secret(id=value.id, label=value.label)
        if isinstance(value, Storage):
            return next(s for s in model.storages[value.name] if s.index == value.index)
        if isinstance(value, Port):
            return ops.Port(value.protocol, value.port)  # type: ignore[arg-type]
        return value._to_ops() if hasattr(value, '_to_ops') else value

    def _close(self) -> None:
        """Everything is stored, and can be read for the last time."""
        self.state = dataclasses.replace(
            state_of(self.state, self.world, self.boxes), deferred=self._deferred(), stored_states=self._stored()
        )

    def _deferred(self) -> list[DeferredEvent]:
        out = []
        for path in self.store.list_snapshots():
            if not _EVENT_PATH.match(path):
                continue
            for handle, owner, observer in self.store.notices(path):
                try:
                    data = self.store.load_snapshot(handle)
                except NoSnapshotError:
                    data = {}
                out.append(DeferredEvent(handle, owner, observer, data))
        return out

    def _stored(self) -> list[StoredState]:
        out = []
        for path in self.store.list_snapshots():
            match = _STORED_PATH.match(path)
            if match and not _EVENT_PATH.match(path):
                owner, kind, name = match.groups()
                content = self.store.load_snapshot(path)
                out.append(StoredState(name, owner_path=owner or None, content=content, _data_type_name=kind))
        return out


def _of_library(charm: Any, custom: Any) -> Any:
    """The event of the charm's own instance of the class that a custom event is of."""
    for name in dir(charm):
        part = getattr(charm, name, None)
        if not isinstance(part, ops.Object):
            continue
        for attribute in dir(part):
            events = getattr(part, attribute, None)
            if isinstance(events, ops.ObjectEvents) and type(events) is type(custom.emitter):
                return getattr(events, custom.event_kind)
    raise NoObserverError('no attribute of the charm has events of %s' % type(custom.emitter).__name__)


def _capturing(context: Context[Any]) -> Any:
    own = (ops.PreCommitEvent, ops.CommitEvent, ops.CollectStatusEvent)

    class Capturing(ops.Framework):
        """A framework that tells the context which events it emits."""

        def set_breakpointhook(self) -> Any:
            """The test's own is left alone."""

        def _emit(self, event: Any) -> None:
            if context.capture_framework_events or not isinstance(event, own):
                event.restore(event.snapshot())
                context.emitted_events.append(event)
            super()._emit(event)

        def _reemit(self, single_event_path: str | None = None) -> None:
            if context.capture_deferred_events and single_event_path is None:
                for path, _, _ in self._storage.notices(None):
                    self._tell(path)
            super()._reemit(single_event_path)

        def _tell(self, path: str) -> None:
            try:
                event = self.load_snapshot(ops.Handle.from_path(path))
            except ops.NoTypeError:
                return
            event.deferred = False
            self._forget(event)
            event.restore(event.snapshot())
            context.emitted_events.append(event)

    return Capturing


def own_events(charm_type: Any) -> Any:
    """A charm class like the given one whose events are its own: a framework defines events on the class for good."""
    events = type(charm_type.on)
    body = {'__module__': events.__module__, '__qualname__': events.__qualname__, '__doc__': events.__doc__}
    wrapped = type(events.__name__, (events,), dict(body))
    body = {'__module__': charm_type.__module__, '__qualname__': charm_type.__qualname__, '__doc__': charm_type.__doc__}
    return type(charm_type.__name__, (charm_type,), dict(body, on=wrapped()))


@contextlib.contextmanager
def running(state: State, event: Event, context: Context[Any]) -> Iterator[Run]:
    """A charm, ready to be given an event; afterwards the process is as it was."""
    with charm_root(context) as root:
        saved = dict(os.environ)
        env = environment(state, event, context, root)
        os.environ.update(env)
        run = None
        try:
            run = Run(state, event, context, own_events(context._charm_spec.charm_type), ops.JujuContext.from_environ(env))
            yield run
        finally:
            try:
                _end(run)
            finally:
                for name in set(os.environ) - set(saved):
                    del os.environ[name]
                os.environ.update(saved)


def _end(run: Run | None) -> None:
    if run is None:
        return
    try:
        if not run.framework._closed:  # libraries of charms wrap its close, and theirs may not be called twice
            run.framework.close()
    finally:
        run.destroy()


@contextlib.contextmanager
def charm_root(context: Context[Any]) -> Iterator[pathlib.Path]:
    """A directory with the charm's metadata; the user's own, if there is one, is put back as it was."""
    import tempfile

    from .. import _yaml

    spec = context._charm_spec
    texts = {'metadata.yaml': spec.meta, 'config.yaml': spec.config or {}, 'actions.yaml': spec.actions or {}}
    with contextlib.ExitStack() as stack:
        if context.charm_root:
            root = pathlib.Path(context.charm_root)
        else:
            root = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        had = {name: (root / name).read_bytes() if (root / name).exists() else None for name in texts}
        if not spec.is_autoloaded and any(had.values()):
            logger.warning(
                'the metadata files in %s are replaced by the metadata of the Context while an event runs', root
            )
        try:
            for name, value in texts.items():
                (root / name).write_text(_yaml.dump(value), encoding='utf-8')
            yield root
        finally:
            for name, content in had.items():
                if content is not None:
                    (root / name).write_bytes(content)
                elif (root / name).exists():
                    (root / name).unlink()
