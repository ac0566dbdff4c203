"""From a state to what plays it, and back: a world for the hook tools, a box for each container."""

from __future__ import annotations

import dataclasses
import logging

from .. import pebble
from ._box import Box, ExecArgs, ExecResult
from ._containers import CheckInfo, Notice
from ._relations import PeerRelation, SubordinateRelation
from ._values import PORTS, Secret
from ._world import Held, Link, World, secret_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._context import Context
    from ._events import Event
    from ._relations import RelationBase
    from ._state import State

logger = logging.getLogger('ops-scenario.containers')


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
