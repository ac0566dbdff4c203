"""One event from a state: a world is made of the state, the charm runs in it, and a state is made of the world."""

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

from .. import _main, _tools, pebble
from ..storage import NoSnapshotError, SQLiteStorage
from ._box import Box, ExecArgs, ExecResult
from ._client import BoxClient
from ._containers import CheckInfo, Notice
from ._environment import environment
from ._machine import Backend, Machine
from ._relations import PeerRelation, Relation, SubordinateRelation
from ._values import PORTS, DeferredEvent, Secret, StoredState
from ._world import Held, Link, World, secret_key
from .errors import BadOwnerPath, NoObserverError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

    from ._context import Context
    from ._events import Event
    from ._relations import RelationBase
    from ._state import State

logger = logging.getLogger('ops-scenario.dispatch')

_EVENT_PATH = re.compile(r'(?:.*/)?on/[^/]+\[\d+\]\Z')
_STORED_PATH = re.compile(r'(?:(.*)/)?(\D+)\[(.*)\]\Z')


def world_of(state: State, event: Event, context: Context[Any]) -> World:
    """The world that a state speaks of."""
    spec = context._charm_spec
    world = World(spec, context.app_name, context.unit_id, context.juju_version)
    world.leader, world.planned, world.version = state.leader, state.planned_units, state.workload_version
    world.trusted, world.action = context.app_trusted, event.action
    world.model_name, world.model_uuid = state.model.name, state.model.uuid
    world.cloud = None if state.model.cloud_spec is None else state.model.cloud_spec._to_tool()
    world.config = {n: o['default'] for n, o in spec.options().items() if 'default' in o}
    world.config.update(state.config)
    world.links = {r.id: _link(r, world) for r in state.relations}
    world.networks = {(n.binding_name, None): n._to_tool() for n in state.networks}
    world.storages = {(s.name, s.index): str(context._storage_root(s.name, s.index)) for s in state.storages}
    world.ports = {(p.protocol, p.port) for p in state.opened_ports}
    world.secrets = {secret_key(s.id): _held(s, world) for s in state.secrets}
    world.resources = {r.name: str(r.path) for r in state.resources}
    world.statuses = {'unit': state.unit_status, 'app': state.app_status}
    return world


def _link(relation: RelationBase, world: World) -> Link:
    peer = isinstance(relation, PeerRelation)
    app = world.app if peer else getattr(relation, 'remote_app_name')
    link = Link(relation.id, relation.endpoint, app, peer, getattr(relation, 'remote_model_uuid', None))
    link.units = ['%s/%d' % (app, n) for n in relation._remote_unit_ids]
    link.bags = {'%s/%d' % (app, n): dict(bag) for n, bag in _remote_bags(relation).items()}
    if not peer:
        link.bags[app] = dict(getattr(relation, 'remote_app_data'))
    link.bags[world.app] = dict(relation.local_app_data)
    link.bags[world.unit] = dict(relation.local_unit_data)
    return link


def _remote_bags(relation: Any) -> dict[int, Any]:
    if isinstance(relation, PeerRelation):
        return dict(relation.peers_data)
    if isinstance(relation, SubordinateRelation):
        return {relation.remote_unit_id: relation.remote_unit_data}
    return dict(relation.remote_units_data)


def _held(secret: Secret, world: World) -> Held:
    owner = {'unit': world.unit, 'app': world.app, 'application': world.app}.get(secret.owner or '')
    held = Held(secret.id, dict(secret.tracked_content), owner)
    held.latest_content = dict(secret.latest_content or {})
    held.tracked, held.latest = secret._tracked_revision, secret._latest_revision
    held.revisions = list(range(1, held.latest + 1))
    held.label, held.description = secret.label, secret.description
    held.expire, held.rotate = secret.expire, secret.rotate
    held.grants = {number: set(names) for number, names in secret.remote_grants.items()}
    return held


def state_of(state: State, world: World, boxes: dict[str, Box]) -> State:
    """The state that a world has come to."""
    return dataclasses.replace(
        state,
        relations=[_relation(r, world) for r in state.relations],
        containers=[_container(c, boxes.get(c.name)) for c in state.containers],
        opened_ports=[PORTS[protocol](port=number) for protocol, number in world.ports],  # type: ignore[call-arg]
        secrets=[_secret(held, world) for held in world.secrets.values()],
        app_status=world.statuses['app'],
        unit_status=world.statuses['unit'],
        workload_version=world.version,
    )


def _relation(relation: RelationBase, world: World) -> Any:
    bags = world.links[relation.id].bags
    return dataclasses.replace(relation, local_app_data=bags[world.app], local_unit_data=bags[world.unit])


def _secret(held: Held, world: World) -> Secret:
    secret = Secret(
        held.tracked_content,
        latest_content=held.latest_content,
        id=held.id,
        owner={world.unit: 'unit', world.app: 'app'}.get(held.owner or ''),
        remote_grants={number: frozenset(names) for number, names in held.grants.items()},
        label=held.label,
        description=held.description,
        expire=held.expire,
        rotate=held.rotate,
    )
    secret._put(_tracked_revision=held.tracked, _latest_revision=held.latest)
    return secret


def _container(container: Any, box: Box | None) -> Any:
    if box is None:
        return container
    infos = []
    for check in box.checks.values():
        infos.append(CheckInfo(**dict(vars(check), level=check.level or None)))
    if not container.check_infos:
        infos = [dataclasses.replace(i) for i in infos]
    return dataclasses.replace(
        container,
        layers=box.layers,
        service_statuses=box.statuses,
        check_infos=infos,
        notices=[Notice(**dict(vars(n), last_data=dict(n.last_data))) for n in box.notices.values()],
    )


def box_of(container: Any, name: str, context: Context[Any]) -> Box:
    """What plays a container of a state; one that is not in the state does not answer."""
    box = Box(name, context._container_root(name))
    if container is None:
        box.reset_files({})
        return box
    box.can_connect = container.can_connect
    box.base = dict(container._base_plan)
    box.layers = {label: pebble.Layer(layer.to_dict()) for label, layer in container.layers.items()}
    box.statuses = dict(container.service_statuses)
    box.notices = {(n._type_name, n.key): n._to_ops() for n in container.notices}
    for info in container.check_infos:
        box.checks[info.name] = info._to_ops()
        kind = 'perform-check' if info.status is pebble.CheckStatus.UP else 'recover-check'
        if info.change_id:
            box.record(info.change_id, kind, info.name, 'Doing', False)
    answers = {e.command_prefix: e for e in container.execs}
    box.run = lambda args: _answer(args, answers, name, context)
    if box.reset_files({str(m.location): str(m.source) for m in container.mounts.values()}):
        logger.warning(
            'the files of container %r from an earlier run are gone: each run begins with the mounts of its state', name
        )
    return box


def _answer(args: ExecArgs, answers: dict[Any, Any], name: str, context: Context[Any]) -> ExecResult:
    for n in range(len(args.command), -1, -1):
        found = answers.get(tuple(args.command[:n]))
        if found is not None:
            context.exec_history.setdefault(name, []).append(args)
            return ExecResult(found.return_code, found.stdout, '' if args.combine_stderr else found.stderr)
    raise pebble.ExecError(
        args.command,
        127,
        '',
        'mock for cmd %r not found: give Container %r an Exec(%r, …) in execs' % (args.command, name, args.command),
    )


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
