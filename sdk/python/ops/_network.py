"""Networks of endpoints and relations."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, List, Union

    from ._backend import _ModelBackend
    from .model import Relation

    _Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address, str]
    _Subnet = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
    _Bindings = Mapping[str, 'Binding']
else:
    _Bindings = Mapping

logger = logging.getLogger(__name__)


def _address(text: str) -> _Address:
    """An address; a name, as some clouds have, stays one."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        logger.debug('%s is a name, not an address.', text)
        return text


class BindingMapping(_Bindings):
    """The networks that were asked for. Which there are, only the metadata knows, so it cannot be gone through."""

    __module__ = 'ops.model'

    def __init__(self, backend: _ModelBackend):
        self._backend = backend
        self._data: dict[Any, Binding] = {}

    def get(self, binding_key: str | Relation) -> Binding:  # type: ignore[override]
        """The network of an endpoint, an extra binding or a relation."""
        found = self._data.get(binding_key)
        if found is None:
            if isinstance(binding_key, str):
                found = Binding(binding_key, None, self._backend)
            elif hasattr(binding_key, 'id') and hasattr(binding_key, 'name'):
                found = Binding(binding_key.name, binding_key.id, self._backend)
            else:
                from ._errors import ModelError

                raise ModelError(f'binding key must be str or relation instance, not {type(binding_key).__name__}')
            self._data[binding_key] = found
        return found

    def __getitem__(self, item: str | Relation) -> Binding:
        return self.get(item)

    def __iter__(self) -> Iterator[str]:
        raise NotImplementedError('the bindings cannot be gone through: ask for one')

    def __len__(self) -> int:
        raise NotImplementedError('the bindings cannot be counted: ask for one')


class Binding:
    """What an endpoint is bound to."""

    __module__ = 'ops.model'

    def __init__(self, name: str, relation_id: int | None, backend: _ModelBackend):
        self.name = name
        """The endpoint or the extra binding."""
        self._relation_id, self._backend = relation_id, backend
        self._network: Network | None = None

    def _network_get(self, name: str, relation_id: int | None = None) -> Network:
        return Network(self._backend.network_get(name, relation_id))

    @property
    def network(self) -> Network:
        """Its network."""
        if self._network is None:
            from ._errors import RelationNotFoundError

            try:
                self._network = self._network_get(self.name, self._relation_id)
            except RelationNotFoundError:
                if self._relation_id is None:
                    raise
                # The relation is gone, as in relation-broken: the endpoint's own network holds.
                self._network = self._network_get(self.name)
        return self._network


class Network:
    """Addresses of a unit on one network."""

    __module__ = 'ops.model'
    interfaces: List[NetworkInterface]
    """One for each address, so an interface may be there several times."""
    ingress_addresses: List[_Address]
    """What others reach the unit under."""
    egress_subnets: List[_Subnet]
    """Where others see the unit come from."""

    def __init__(self, network_info: Any):
        self.interfaces = [
            NetworkInterface(interface.get('interface-name'), address)
            for interface in network_info.get('bind-addresses') or []
            for address in interface.get('addresses') or []
        ]
        self.ingress_addresses = [_address(text) for text in network_info.get('ingress-addresses') or []]
        self.egress_subnets = [ipaddress.ip_network(text) for text in network_info.get('egress-subnets') or []]

    @property
    def bind_address(self) -> _Address | None:
        """What the unit should listen on: the first address."""
        return self.interfaces[0].address if self.interfaces else None

    @property
    def ingress_address(self) -> _Address | None:
        """What to tell others: the first of `ingress_addresses`."""
        return self.ingress_addresses[0] if self.ingress_addresses else None

    def __repr__(self) -> str:
        return f'<Network of {self.interfaces}, ingress {self.ingress_addresses}>'


class NetworkInterface:
    """One address of an interface."""

    __module__ = 'ops.model'
    name: str
    """The interface, as `eth0`."""
    address: _Address | None
    """The address."""
    subnet: _Subnet | None
    """The network that it is in, which may be just itself."""

    def __init__(self, name: str, address_info: Any):
        self.name = name
        text = address_info.get('value')
        if text is None:
            text = address_info.get('address')
        self.address = _address(text) if text else None
        span = address_info.get('cidr') or text
        self.subnet = ipaddress.ip_network(span) if span else None

    def __repr__(self) -> str:
        return f'<NetworkInterface {self.name} {self.address} in {self.subnet}>'
