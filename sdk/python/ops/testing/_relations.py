"""Relations of a state, one class for each kind of other side."""

from __future__ import annotations

from ._piece import Counter, Piece, check_name, fresh, piece
from .errors import StateValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, Mapping

next_relation_id = Counter(1)

_ADDRESS = '192.0.2.0'
ADDRESSES = {'egress-subnets': _ADDRESS, 'ingress-address': _ADDRESS, 'private-address': _ADDRESS}
"""What Juju puts into the databag of each unit."""


def _addresses() -> dict[str, str]:
    return dict(ADDRESSES)


@piece
class RelationBase(Piece):
    """What relations of all kinds have. Make one of the classes below."""

    _positional = 2
    _key = 'id'

    endpoint: str
    """The endpoint of this charm, as its metadata names it."""
    interface: str | None = None
    """The interface; what the metadata says unless given."""
    id: int = fresh(next_relation_id)
    """The number that Juju gave it."""
    local_app_data: Mapping[str, str] = fresh(dict)
    """What this application has written."""
    local_unit_data: Mapping[str, str] = fresh(_addresses)
    """What this unit has written, and Juju for it."""

    def _settle(self) -> None:
        if type(self) is RelationBase:
            raise RuntimeError('a RelationBase is no relation yet: make a Relation, PeerRelation or SubordinateRelation')
        check_name(self.endpoint, 'relation endpoint')
        for bag in self._bags():
            _check_bag(bag)
        self._detach()

    def _bags(self) -> Iterator[Any]:
        yield self.local_app_data
        yield self.local_unit_data

    @property
    def relation_id(self) -> Any:
        """Was renamed to `id`."""
        raise AttributeError('a relation has its number as .id, not as .relation_id')

    @property
    def _remote_unit_ids(self) -> tuple[int, ...]:
        raise NotImplementedError


def _check_bag(bag: Any) -> None:
    if not isinstance(bag, dict):
        raise StateValidationError('a databag is a dict, not a %s' % type(bag).__name__)
    for key, value in bag.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise StateValidationError('databags hold strings, not %r: %r' % (key, value))


@piece
class Relation(RelationBase):
    """A relation with another application."""

    remote_app_name: str = 'remote'
    """The other application."""
    limit: int = 1
    """How many relations the endpoint takes."""
    remote_app_data: Mapping[str, str] = fresh(dict)
    """What the other application has written."""
    remote_units_data: Mapping[int, Mapping[str, str]] = fresh(lambda: {0: _addresses()})
    """What its units have written, by their numbers."""
    remote_model_uuid: str | None = None
    """The other application's model; this one's unless given."""

    def _bags(self) -> Iterator[Any]:
        yield from super()._bags()
        yield self.remote_app_data
        yield from self.remote_units_data.values()

    @property
    def _remote_unit_ids(self) -> tuple[int, ...]:
        return tuple(self.remote_units_data)


@piece
class SubordinateRelation(RelationBase):
    """A relation between a subordinate and its principal, seen from either side."""

    remote_app_data: Mapping[str, str] = fresh(dict)
    """What the other application has written."""
    remote_unit_data: Mapping[str, str] = fresh(_addresses)
    """What its one unit here has written."""
    remote_app_name: str = 'remote'
    """The other application."""
    remote_unit_id: int = 0
    """The number of its unit here."""

    def _bags(self) -> Iterator[Any]:
        yield from super()._bags()
        yield self.remote_app_data
        yield self.remote_unit_data

    @property
    def _remote_unit_ids(self) -> tuple[int, ...]:
        return (self.remote_unit_id,)

    @property
    def remote_unit_name(self) -> str:
        """The other unit, as "remote/0"."""
        return '%s/%d' % (self.remote_app_name, self.remote_unit_id)


@piece
class PeerRelation(RelationBase):
    """A relation among the units of this application."""

    peers_data: Mapping[int, Mapping[str, str]] = fresh(dict)
    """What the other units have written, by their numbers; this unit's own is in local_unit_data."""

    def _bags(self) -> Iterator[Any]:
        yield from super()._bags()
        yield from self.peers_data.values()

    @property
    def _remote_unit_ids(self) -> tuple[int, ...]:
        return tuple(self.peers_data)
