"""Ports."""

import dataclasses
import typing


@dataclasses.dataclass
class Port:
    """One that is open."""

    protocol: typing.Optional[typing.Literal["tcp", "udp", "icmp"]]
    port: typing.Optional[int] = None


@dataclasses.dataclass
class Range:
    """Several."""

    first: Port
    last: Port
