"""Whether state, event and metadata can be true together.

What cannot happen under Juju is refused before the charm runs, as a test of it would prove nothing. Each rule yields
what it found; what is only unlikely is told through `unlikely`. SCENARIO_SKIP_CONSISTENCY_CHECKS turns all rules off.
"""

from __future__ import annotations

import collections
import logging
import marshal
import os
import re

from .. import pebble
from ._relations import PeerRelation, SubordinateRelation
from .errors import InconsistentScenarioError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator

    from ._events import Event
    from ._spec import CharmSpec
    from ._state import State

logger = logging.getLogger('ops-scenario.consistency')


class Case:
    """What the rules look at."""

    def __init__(self, state: State, event: Event, spec: CharmSpec, juju: str, unit: int):
        self.state = state
        self.event = event
        self.spec = spec
        self.juju = tuple(int(n) for n in re.findall(r'\d+', juju)[:3])
        self.unit = unit
        self.unlikely: list[str] = []

    def known(self) -> bool:
        """Whether the event is one that Juju or the framework emits, not one of a library."""
        return self.event.kind != 'custom'


def check_consistency(state: State, event: Event, spec: CharmSpec, juju: str, unit: int) -> None:
    """Raises InconsistentScenarioError with all that was found, and logs what is unlikely."""
    if os.environ.get('SCENARIO_SKIP_CONSISTENCY_CHECKS'):
        return
    case = Case(state, event, spec, juju, unit)
    wrong = [text for rule in RULES for text in rule(case)]
    if wrong:
        raise InconsistentScenarioError('Inconsistent scenario. The following errors were found: ' + '\n'.join(wrong))
    for text in case.unlikely:
        logger.warning('This scenario is unlikely: %s', text)


def resources(case: Case) -> Iterator[str]:
    """Resources are those of the metadata."""
    declared = set(case.spec.meta.get('resources') or {})
    for name in sorted({r.name for r in case.state.resources} - declared):
        yield 'resource %r is not in the metadata, which has %s' % (name, sorted(declared))


def event(case: Case) -> Iterator[str]:
    """An event carries what it is about, under the name that the metadata has for it, and the state has it too."""
    kind = case.event.kind
    if kind == 'custom':
        case.unlikely.append('%s is not an event of Juju, so nothing is known of what it needs' % case.event.name)
    about = _ABOUT.get(kind)
    if about is None:
        return
    words, get, held = about
    it = get(case.event)
    if it is None:
        yield '%s is an event of a %s, so it needs one: make it with Context.on' % (case.event.name, words)
        return
    name = it.endpoint if kind == 'relation' else it.name
    if case.event.subject != name:
        yield '%s does not fit the %s %r: the name must be the one of the metadata' % (case.event.name, words, name)
    if held is not None and it not in held(case.state):
        yield 'cannot emit %s: its %s %r is not in the state; the event needs the very same object' % (
            case.event.name, words, name
        )  # fmt: skip


_ABOUT: dict[str, tuple[str, Callable[[Any], Any], Any]] = {
    'relation': ('relation', lambda e: e.relation, lambda s: s.relations),
    'workload': ('container', lambda e: e.container, lambda s: s.containers),
    'storage': ('storage', lambda e: e.storage, lambda s: s.storages),
    'action': ('action', lambda e: e.action, None),
}


def relation_events(case: Case) -> Iterator[str]:
    """Events of a unit in a relation need a unit."""
    name, relation = case.event.name, case.event.relation
    of_a_unit = name.endswith(('_relation_joined', '_relation_changed', '_relation_departed'))
    if not of_a_unit or relation is None or case.event.relation_remote_unit_id is not None:
        return
    units = [u for r in case.state.relations if r.id == relation.id for u in r._remote_unit_ids]
    if not units and any(r.id == relation.id for r in case.state.relations):
        yield '%r needs a remote unit, and the relation has none: give remote_unit' % name
    elif units:
        case.unlikely.append('%r does not say of which unit it is, so it is of unit %d' % (name, units[0]))


def actions(case: Case) -> Iterator[str]:
    """An action and its parameters are those of the metadata."""
    action = case.event.action
    if case.event.kind != 'action' or action is None:
        return
    declared = case.spec.actions or {}
    if action.name not in declared:
        yield 'action %r is not declared; the charm has %s' % (action.name, sorted(declared))
        return
    params = (declared[action.name] or {}).get('params') or {}
    types = {}
    for name, schema in params.items():
        word = (schema or {}).get('type')
        if not word:
            yield 'parameter %r of action %r has no type' % (name, action.name)
        elif word not in _TYPES:
            yield 'parameter %r of action %r is of the unknown type %r' % (name, action.name, word)
        types[name] = _TYPES.get(word or '')
    for name, value in action.params.items():
        if name not in types:
            yield 'action %r has no parameter %r; it has %s' % (action.name, name, sorted(types))
        elif types[name] is not None and not _is_a(value, types[name]):
            yield 'parameter %r of action %r must be of type %s, not %r' % (name, action.name, params[name]['type'], value)


_TYPES: dict[str, Any] = {
    'string': str,
    'boolean': bool,
    'integer': int,
    'number': (int, float),
    'array': (list, tuple),
    'object': dict,
}


def _is_a(value: Any, kind: Any) -> bool:
    return isinstance(value, kind)


def storages(case: Case) -> Iterator[str]:
    """Storages are those of the metadata, each there once."""
    declared = set(case.spec.meta.get('storage') or {})
    for name in sorted({s.name for s in case.state.storages} - declared):
        yield 'storage %r is not in the metadata, which has %s' % (name, sorted(declared))
    storage = case.event.storage
    if case.event.kind == 'storage' and storage is not None and storage.name not in declared:
        yield '%s is of storage %r, which is not in the metadata' % (case.event.name, storage.name)
    counts = collections.Counter((s.name, s.index) for s in case.state.storages)
    for (name, index), n in counts.items():
        if n > 1:
            yield 'storage %s/%d is in the state %d times' % (name, index, n)


def config(case: Case) -> Iterator[str]:
    """Options are those of the charm, of their types."""
    options = case.spec.options()
    kinds = {'string': str, 'int': int, 'float': float, 'boolean': bool}
    if case.juju >= (3, 4):
        kinds['secret'] = str
    for name, value in case.state.config.items():
        if name not in options:
            yield 'config option %r is not declared in config.yaml or charmcraft.yaml' % name
            continue
        kind = options[name].get('type')
        if not kind:
            yield 'config option %r is declared without a type' % name
        elif kind not in kinds:
            yield 'config option %r is declared of the unknown type %r' % (name, kind)
        elif not isinstance(value, kinds[kind]):
            yield 'config option %r must be of type %s, not %r' % (name, kind, value)
        elif kind == 'secret' and not re.match(r'secret:[0-9a-z]{20}\Z', str(value)):
            yield 'config option %r must be the id of a secret, not %r' % (name, value)


def secrets(case: Case) -> Iterator[str]:
    """A secret of an event is in the state, and Juju knows secrets."""
    secret = case.event.secret
    if case.event.kind != 'secret' or secret is None:
        return
    if secret not in case.state.secrets:
        yield 'cannot emit %s: its secret %r is not in the state; the event needs the very same object' % (
            case.event.name, secret.id
        )  # fmt: skip
    elif case.juju < (3,):
        yield 'secrets are not supported before Juju 3.0'


def networks(case: Case) -> Iterator[str]:
    """Networks are of endpoints or extra bindings, and those have different names."""
    extra = set(case.spec.meta.get('extra-bindings') or ())
    endpoints = {name for name, _, _ in case.spec.endpoints()}
    bindable = {name for name, _, meta in case.spec.endpoints() if meta.get('scope') != 'container'}
    for name in sorted({n.binding_name for n in case.state.networks} - extra - bindable - {'juju-info'}):
        yield 'network %r is of no binding in the metadata' % name
    for name in sorted(endpoints & extra):
        yield 'the metadata has %r both as an endpoint and as an extra binding' % name


def relations(case: Case) -> Iterator[str]:
    """Relations are of endpoints of the metadata, of the class for them, and have numbers of their own."""
    declared = case.spec.endpoints()
    names = [name for name, _, _ in declared]
    if len(names) != len(set(names)):
        yield 'duplicate endpoint name in metadata.'
    metas = {name: (role, meta) for name, role, meta in declared}
    counts = collections.Counter(r.id for r in case.state.relations)
    for number, n in counts.items():
        if n > 1:
            yield 'relation id %d is in the state %d times' % (number, n)
    for relation in case.state.relations:
        if relation.endpoint not in metas:
            yield 'relation endpoint %s is not declared in metadata.' % relation.endpoint
            continue
        role, meta = metas[relation.endpoint]
        want = 'PeerRelation' if role == 'peers' else 'Relation'
        if role != 'peers' and meta.get('scope') == 'container':
            want = 'SubordinateRelation'
        if want != _class(relation):
            yield 'a relation of endpoint %r must be a %s, not a %s' % (relation.endpoint, want, type(relation).__name__)
        if isinstance(relation, PeerRelation) and case.unit in relation.peers_data:
            yield 'peers_data is of the other units; what this unit (%d) has written is local_unit_data' % case.unit


def _class(relation: Any) -> str:
    if isinstance(relation, PeerRelation):
        return 'PeerRelation'
    return 'SubordinateRelation' if isinstance(relation, SubordinateRelation) else 'Relation'


def containers(case: Case) -> Iterator[str]:
    """Containers are those of the metadata, and what an event says of one is in the state."""
    declared = set(case.spec.meta.get('containers') or {})
    held = {c.name: c for c in case.state.containers}
    for name in sorted(set(held) - declared):
        yield 'container %r is not in the metadata, which has %s' % (name, sorted(declared))
    if case.event.kind == 'workload':
        yield from _workload(case, declared, held)
    for container in held.values():
        repeated = [p for p, n in collections.Counter(e.command_prefix for e in container.execs).items() if n > 1]
        if repeated:
            yield 'container %s has more than one answer for the command %s' % (container.name, repeated)
        yield from _checks(container)


def _workload(case: Case, declared: set[str], held: dict[str, Any]) -> Iterator[str]:
    name, event = case.event.subject, case.event
    if name not in declared:
        yield '%s is of container %r, which is not in the metadata' % (event.name, name)
    if name not in held:
        yield '%s is of container %r, which is not in the state' % (event.name, name)
    if event.container is not None and not event.container.can_connect:
        case.unlikely.append('%s comes while container %r does not answer' % (event.name, name))
    if event.notice and event.notice.id not in {n.id for c in held.values() for n in c.notices}:
        yield '%s is of notice %r, which no container in the state has' % (event.name, event.notice.key)
    check = event.check_info
    if check and name in held and check.name not in {c.name for c in held[name].check_infos}:
        yield '%s is of check %r, which container %r in the state does not have' % (event.name, check.name, name)


def _checks(container: Any) -> Iterator[str]:
    planned = container.plan.checks
    for info in container.check_infos:
        where = 'container %r has a check %r' % (container.name, info.name)
        if info.name not in planned:
            has = 'only checks: ' + ', '.join(sorted(planned)) if planned else 'no checks'
            yield '%s but the plan has %s.' % (where, has)
            continue
        plan = planned[info.name]
        unset = pebble.CheckStartup.UNSET
        pairs = (
            ('level', info.level or pebble.CheckLevel.UNSET, plan.level),
            ('startup', _enabled(info.startup or unset), _enabled(plan.startup)),
            ('threshold', 3 if info.threshold is None else info.threshold, 3 if plan.threshold is None else plan.threshold),
        )
        for what, mine, theirs in pairs:
            if mine != theirs:
                yield "%s with a different '%s' (%s) than the plan (%s)." % (where, what, mine, theirs)


def _enabled(startup: Any) -> Any:
    return pebble.CheckStartup.ENABLED if startup == pebble.CheckStartup.UNSET else startup


def cloud_spec(case: Case) -> Iterator[str]:
    """Kubernetes charms see their cloud from Juju 3.6.10 on."""
    model = case.state.model
    if model.type == 'kubernetes' and model.cloud_spec and case.juju < (3, 6, 10):
        yield "CloudSpec is not available for Kubernetes charms before Juju 3.6.10: take that, or a Model(type='lxd')"


def stored_states(case: Case) -> Iterator[str]:
    """Stored states have names of their own within their owner, and hold simple types."""
    counts = collections.Counter((s.owner_path, s.name) for s in case.state.stored_states)
    for (owner, name), n in counts.items():
        if n > 1:
            yield '%s has %d stored states of the name %r' % (owner, n, name)
    for stored in case.state.stored_states:
        try:
            marshal.dumps(stored.content)  # type: ignore[arg-type]
        except ValueError:
            yield 'the stored state %s.%s must hold simple types only' % (stored.owner_path, stored.name)


RULES: tuple[Callable[[Case], Iterator[str]], ...] = (
    containers,
    config,
    resources,
    event,
    relation_events,
    actions,
    secrets,
    storages,
    relations,
    networks,
    cloud_spec,
    stored_states,
)
"""All rules."""
