"""Addresses."""

import dataclasses
import typing
import ipaddress


@dataclasses.dataclass
class Interface:
    """An address of the unit."""

    name: str
    address: typing.Union[ipaddress.IPv4Address, ipaddress.IPv6Address, str, None] = None
    subnet: typing.Union[ipaddress.IPv4Network, ipaddress.IPv6Network, None] = None


@dataclasses.dataclass
class Network:
    """How an endpoint is reached."""

    interfaces: typing.List[Interface] = dataclasses.field(default_factory=list)
    ingress: typing.List[str] = dataclasses.field(default_factory=list)
    egress: typing.List[str] = dataclasses.field(default_factory=list)
