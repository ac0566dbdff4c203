"""The state: what Juju knows of a unit before and after an event."""

from __future__ import annotations

import ops

from ._containers import Container
from ._piece import Piece, fresh, piece
from ._relations import PeerRelation, Relation, RelationBase, SubordinateRelation
from ._values import PORTS, Model, Storage, StoredState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Mapping, Sequence, TypeVar, overload

    from ._context import Context
    from ._values import DeferredEvent, Network, Port, Resource, Secret

    _R = TypeVar('_R', bound=RelationBase)


@piece
class State(Piece):
    """What Juju knows of a unit. It does not change: running an event gives another one.

    To make one that differs in a few fields, use `dataclasses.replace`.
    """

    _positional = 0

    config: Mapping[str, str | int | float | bool] = fresh(dict)
    """The options that are set; the others have their defaults."""
    relations: Iterable[RelationBase] = frozenset()
    """The relations."""
    networks: Iterable[Network] = frozenset()
    """The networks that differ from the default."""
    containers: Iterable[Container] = frozenset()
    """The containers, whether they answer or not."""
    storages: Iterable[Storage] = frozenset()
    """The storages that are attached."""
    opened_ports: Iterable[Port] = frozenset()
    """The ports that the unit has opened."""
    leader: bool = False
    """Whether the unit is the leader."""
    model: Model = fresh(Model)
    """The model."""
    secrets: Iterable[Secret] = frozenset()
    """The secrets that the charm owns or was granted."""
    resources: Iterable[Resource] = frozenset()
    """The resources that there are."""
    planned_units: int = 1
    """How many units the application is to have, this one included."""
    deferred: Sequence[DeferredEvent] = ()
    """Events that were deferred: they come before the event that is run."""
    stored_states: Iterable[StoredState] = frozenset()
    """What the charm has stored."""
    app_status: ops.StatusBase = fresh(ops.UnknownStatus)
    """The status of the application."""
    unit_status: ops.StatusBase = fresh(ops.UnknownStatus)
    """The status of the unit."""
    workload_version: str = ''
    """The version of the workload that the charm has told."""

    def _settle(self) -> None:
        self._put(config=dict(self.config or {}), deferred=list(self.deferred), model=self.model or Model())
        for name in ('app_status', 'unit_status'):
            status = getattr(self, name)
            if status is None:
                self._put(**{name: ops.UnknownStatus()})
            elif not isinstance(status, ops.StatusBase):
                raise TypeError('%s must be a status, as ActiveStatus(), not %r' % (name, status))
        for name in ('relations', 'networks', 'containers', 'secrets', 'resources', 'stored_states'):
            self._put(**{name: frozenset(getattr(self, name))})
        self._put(opened_ports=frozenset(_port(p) for p in self.opened_ports))
        self._put(storages=frozenset(_storage(s) for s in self.storages))

    def get_container(self, container: str, /) -> Container:
        """The container of a name; a KeyError if there is none."""
        for found in self.containers:
            if found.name == container:
                return found
        raise KeyError('container: %s not found in the State' % container)

    def get_network(self, binding_name: str, /) -> Network:
        """The network of a binding; a KeyError if the state has none, and the default holds."""
        for found in self.networks:
            if found.binding_name == binding_name:
                return found
        raise KeyError('network: %s not found in the State' % binding_name)

    def get_secret(self, *, id: str | None = None, label: str | None = None) -> Secret:
        """The secret of an id, a label or both; a KeyError if there is none."""
        if id is None and label is None:
            raise ValueError('an id or a label is needed to find a secret')
        for found in self.secrets:
            if id in (None, found.id) and label in (None, found.label):
                return found
        raise KeyError('secret: not found in the State')

    def get_stored_state(self, stored_state: str, /, *, owner_path: str | None = None) -> StoredState:
        """What an object has stored under a name; a ValueError if it has not."""
        for found in self.stored_states:
            if (found.name, found.owner_path) == (stored_state, owner_path):
                return found
        raise ValueError('stored state: %s of %s not found in the State' % (stored_state, owner_path))

    def get_storage(self, storage: str, /, *, index: int = 0) -> Storage:
        """The storage of a name and number; a ValueError if there is none."""
        for found in self.storages:
            if (found.name, found.index) == (storage, index):
                return found
        raise ValueError('storage: name=%s, index=%s not found in the State' % (storage, index))

    if TYPE_CHECKING:

        @overload
        def get_relation(self, relation: int, /) -> RelationBase: ...

        @overload
        def get_relation(self, relation: _R, /) -> _R: ...

    def get_relation(self, relation: int | RelationBase, /) -> Any:
        """The relation of a number, or the one that a relation of another state has become.

        Raises KeyError if there is none, and ValueError if it is of another kind or endpoint than the one given.
        """
        number = relation.id if isinstance(relation, RelationBase) else relation
        for found in self.relations:
            if found.id != number:
                continue
            if isinstance(relation, RelationBase):
                if (type(found), found.endpoint) != (type(relation), relation.endpoint):
                    raise ValueError('get_relation: relation %d is another one now:\nasked for %r\nfound %r' % (number, relation, found))
            return found
        raise KeyError('relation: id=%s not found in the State' % number)

    def get_relations(self, endpoint: str) -> tuple[RelationBase, ...]:
        """The relations of an endpoint, which is named as in the metadata."""
        return tuple(found for found in self.relations if found.endpoint == endpoint)

    @classmethod
    def from_context(
        cls,
        ctx: Context[Any],
        *,
        config: Mapping[str, str | int | float | bool] | None = None,
        relations: Iterable[RelationBase] | None = None,
        containers: Iterable[Container] | None = None,
        storages: Iterable[Storage] | None = None,
        stored_states: Iterable[StoredState] | None = None,
        **kwargs: Any,
    ) -> State:
        """The state of a unit that has all that its metadata speaks of, and nothing more.

        Every option has its default, every endpoint a relation, every container answers. What is given comes instead
        of what the metadata says for it; the other arguments are those of a state.
        """
        spec = ctx._charm_spec
        options = {n: o['default'] for n, o in spec.options().items() if 'default' in o}
        options.update(config or {})
        related = list(relations or ())
        for endpoint, role, meta in spec.endpoints():
            if not any(r.endpoint == endpoint for r in related):
                related.append(_relation(endpoint, role, meta))
        boxes = list(containers or ())
        for name in spec.meta.get('containers') or {}:
            if not any(c.name == name for c in boxes):
                boxes.append(Container(name, can_connect=True))
        stores = list(storages or ())
        for name in spec.meta.get('storage') or {}:
            if not any(s.name == name for s in stores):
                stores.append(Storage(name))
        kept = list(stored_states or ())
        owner = spec.charm_type.handle_kind
        for name in dir(spec.charm_type):
            if isinstance(getattr(spec.charm_type, name), ops.StoredState):
                if not any((s.name, s.owner_path) == (name, owner) for s in kept):
                    kept.append(StoredState(name, owner_path=owner))
        return cls(
            config=options, relations=related, containers=boxes, storages=stores, stored_states=kept, **kwargs
        )


def _relation(endpoint: str, role: str, meta: Mapping[str, Any]) -> RelationBase:
    if role == 'peers':
        return PeerRelation(endpoint, meta['interface'])
    kind = SubordinateRelation if meta.get('scope') == 'container' else Relation
    return kind(endpoint, meta['interface'])


def _port(port: Any) -> Any:
    if isinstance(port, ops.Port):
        return PORTS[port.protocol](port=port.port)
    return port


def _storage(storage: Any) -> Any:
    return Storage(storage.name, index=storage.index) if isinstance(storage, ops.Storage) else storage
