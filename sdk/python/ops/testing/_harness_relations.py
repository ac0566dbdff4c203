"""Relations and networks of a harness."""

from __future__ import annotations

import random
import warnings

import ops

from ._world import Link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Mapping

    from ._harness_world import HarnessWorld


class Relations:
    """A part of the harness."""

    _world: HarnessWorld
    _model: ops.Model
    _meta: ops.CharmMeta
    _charm: Any

    if TYPE_CHECKING:

        def _emits(self) -> bool: ...

    def _link(self, relation_id: int) -> Link:
        link = self._world.links.get(relation_id)
        if link is None:
            raise ops.RelationNotFoundError('relation id %s not found' % relation_id)
        return link

    def _relation(self, link: Link) -> Any:
        return self._model.get_relation(link.endpoint, link.id)

    def _forget(self, link: Link) -> None:
        self._model.relations._invalidate(link.endpoint)

    def _emit(self, link: Link, event: str, unit: str | None = None, app: str | None = None) -> None:
        if not self._emits():
            return
        args: list[Any] = [self._relation(link), self._model.get_app(app or link.app)]
        if unit is not None:
            args.append(self._model.get_unit(unit))
        if event == 'relation_departed':
            args.append(unit)
        getattr(self._charm.on[link.endpoint], event).emit(*args)

    def add_relation(
        self,
        relation_name: str,
        remote_app: str,
        *,
        app_data: Mapping[str, str] | None = None,
        unit_data: Mapping[str, str] | None = None,
    ) -> int:
        """Relates the charm with an application; the number of the relation.

        With app_data or unit_data the unit 0 of that application joins.
        """
        meta = self._meta.relations.get(relation_name)
        if meta is None:
            raise ops.RelationNotFoundError(
                'relation %r not declared in metadata, which has %s' % (relation_name, sorted(self._meta.relations))
            )
        number = self._world.next_relation
        self._world.next_relation += 1
        link = Link(number, relation_name, remote_app, meta.role.is_peer())
        link.bags = {remote_app: {}, self._world.app: {}, self._world.unit: {}}
        self._world.links[number] = link
        self._forget(link)
        self._emit(link, 'relation_created')
        if app_data is not None or unit_data is not None:
            self.add_relation_unit(number, remote_app + '/0')
            self.update_relation_data(number, remote_app, app_data or {})
            self.update_relation_data(number, remote_app + '/0', unit_data or {})
        self._default_networks(link)
        return number

    def _default_networks(self, link: Link) -> None:
        """A relation has a network from the start, unless the test has said what holds for all bindings."""
        networks = self._world.networks
        if ('', None) in networks:
            return
        if (link.endpoint, link.id) not in networks:
            self.add_network('10.0.0.10', endpoint=link.endpoint, relation_id=link.id)
        if (link.endpoint, None) not in networks:
            self.add_network('192.0.2.0', endpoint=link.endpoint)

    def remove_relation(self, relation_id: int) -> None:
        """Removes a relation, its units first."""
        link = self._link(relation_id)
        for unit in list(link.units):
            self.remove_relation_unit(relation_id, unit)
        relations = self._model.relations
        before, relations._broken_relation_id = relations._broken_relation_id, relation_id
        self._forget(link)
        try:
            self._emit(link, 'relation_broken')
        finally:
            relations._broken_relation_id = before
            self._forget(link)
        del self._world.links[relation_id]
        for held in self._world.secrets.values():
            held.grants.pop(relation_id, None)

    def add_relation_unit(self, relation_id: int, remote_unit_name: str) -> None:
        """A unit joins a relation."""
        link = self._link(relation_id)
        app = remote_unit_name.partition('/')[0]
        if app != link.app:
            warnings.warn(
                'the other application of relation %d is %r: %r is no unit of it' % (relation_id, link.app, remote_unit_name),
                stacklevel=2,
            )
        if remote_unit_name not in link.units:
            link.units.append(remote_unit_name)
        link.bags.setdefault(remote_unit_name, {})
        self._forget(link)
        self._emit(link, 'relation_joined', remote_unit_name)

    def remove_relation_unit(self, relation_id: int, remote_unit_name: str) -> None:
        """A unit leaves a relation."""
        link = self._link(relation_id)
        if remote_unit_name not in link.units:
            raise ops.RelationNotFoundError('unit %r is not in relation %d' % (remote_unit_name, relation_id))
        unit = self._model.get_unit(remote_unit_name)
        relation = self._relation(link)
        relation.units.discard(unit)  # it is no longer listed, and what it wrote can still be read
        self._emit(link, 'relation_departed', remote_unit_name)
        link.units.remove(remote_unit_name)
        link.bags.pop(remote_unit_name, None)
        self._forget(link)

    def get_relation_data(self, relation_id: int, app_or_unit: Any) -> Any:
        """A databag; None if there is none. It is the model's own, for reading."""
        if relation_id not in self._world.links:
            raise KeyError('relation id %s not found' % relation_id)
        return self._world.links[relation_id].bags.get(getattr(app_or_unit, 'name', app_or_unit))

    def update_relation_data(self, relation_id: int, app_or_unit: str, key_values: Mapping[str, str]) -> None:
        """Writes to a databag. Empty values remove their keys."""
        link = self._link(relation_id)
        bag = link.bags.get(app_or_unit)
        if bag is None:
            raise KeyError('relation %d has no databag of %r; it has %s' % (relation_id, app_or_unit, sorted(link.bags)))
        before = dict(bag)
        for key, value in key_values.items():
            if not isinstance(key, str) or not isinstance(value, str):
                raise ops.RelationDataTypeError('databags hold strings, not %r: %r' % (key, value))
            bag[key] = value
            if value == '':
                del bag[key]
        self._forget_bag(link, app_or_unit)
        if bag != before and self._concerns(link, app_or_unit):
            unit = app_or_unit if '/' in app_or_unit else None
            self._emit(link, 'relation_changed', unit, app_or_unit.partition('/')[0])

    def _forget_bag(self, link: Link, name: str) -> None:
        relation = self._relation(link)
        entity: Any = self._model.get_unit(name) if '/' in name else self._model.get_app(name)
        if relation is not None and entity in relation.data:
            relation.data[entity]._invalidate()

    def _concerns(self, link: Link, name: str) -> bool:
        """Whether the charm is told of a change: not of its own, but of what its leader wrote for all peers."""
        if name == self._world.unit:
            return False
        return name != self._world.app or link.peer and not self._world.leader

    def _emit_created_relations(self) -> None:
        """Peers are there from the start; the others are as the test has added them, in any order."""
        names = list(self._meta.relations)
        random.shuffle(names)
        for name in names:
            links = [link for link in self._world.links.values() if link.endpoint == name]
            if not links and self._meta.relations[name].role.is_peer():
                self.add_relation(name, self._world.app)
            random.shuffle(links)
            for link in links:
                self._emit(link, 'relation_created')

    def _emit_joined_relation(self, relation_id: int) -> None:
        link = self._link(relation_id)
        if link.bags.get(link.app):
            self._emit(link, 'relation_changed')
        for unit in sorted(link.units):
            self._emit(link, 'relation_joined', unit)
            self._emit(link, 'relation_changed', unit)

    def add_network(
        self,
        address: str,
        *,
        endpoint: str | None = None,
        relation_id: int | None = None,
        cidr: str | None = None,
        interface: str = 'eth0',
        ingress_addresses: Iterable[str] | None = None,
        egress_subnets: Iterable[str] | None = None,
    ) -> None:
        """Says what network-get answers: for all bindings, for an endpoint, or for one relation of it."""
        import ipaddress

        if relation_id is not None and endpoint is None:
            raise TypeError('endpoint must be set if relation_id is provided')
        if endpoint is not None and endpoint not in {*self._meta.relations, *self._meta.extra_bindings}:
            raise ops.ModelError('network endpoint %r not found' % endpoint)
        if relation_id is not None and self._world.link(relation_id, endpoint) is None:
            raise ops.ModelError('relation_id %d is no relation of endpoint %r' % (relation_id, endpoint))
        parsed = ipaddress.ip_address(address)
        if cidr is None:
            cidr = str(ipaddress.ip_network('%s/%d' % (address, 24 if parsed.version == 4 else 64), strict=False))
        self._world.networks[endpoint or '', relation_id] = {
            'bind-addresses': [{'interface-name': interface, 'addresses': [{'cidr': cidr, 'value': address}]}],
            'egress-subnets': [cidr] if egress_subnets is None else list(egress_subnets),
            'ingress-addresses': [address] if ingress_addresses is None else list(ingress_addresses),
        }
