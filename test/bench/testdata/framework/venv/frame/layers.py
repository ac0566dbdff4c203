"""Layers of a plan."""

import dataclasses
import typing

from . import checks


@dataclasses.dataclass
class Service:
    """A program that is kept running."""

    name: str
    command: str = ""
    override: str = "merge"
    startup: str = ""
    after: typing.List[str] = dataclasses.field(default_factory=list)
    requires: typing.List[str] = dataclasses.field(default_factory=list)
    environment: typing.Dict[str, str] = dataclasses.field(default_factory=dict)
    user: typing.Optional[str] = None
    backoff_delay: str = ""


@dataclasses.dataclass
class Target:
    """Where logs go."""

    name: str
    type: str = "loki"
    location: str = ""
    services: typing.List[str] = dataclasses.field(default_factory=list)
    labels: typing.Dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Layer:
    """A part of the plan."""

    summary: str = ""
    services: typing.Dict[str, Service] = dataclasses.field(default_factory=dict)
    looks: typing.Dict[str, checks.Check] = dataclasses.field(default_factory=dict)
    targets: typing.Dict[str, Target] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Plan:
    """What all layers say together."""

    layers: typing.List[Layer] = dataclasses.field(default_factory=list)
