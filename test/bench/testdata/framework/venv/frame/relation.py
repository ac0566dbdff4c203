"""Relations and their databags."""

import dataclasses
import typing


@dataclasses.dataclass
class Unit:
    """One of them."""

    name: str
    app: str = ""


@dataclasses.dataclass
class Application:
    """A number of units."""

    name: str
    local: bool = False


@dataclasses.dataclass
class Databag:
    """What one side says."""

    owner: str
    values: typing.Dict[str, str] = dataclasses.field(default_factory=dict)
    writable: bool = False


@dataclasses.dataclass
class Relation:
    """Two applications that know each other."""

    id: int
    endpoint: str
    app: typing.Optional[Application] = None
    units: typing.Set[str] = dataclasses.field(default_factory=set)
    data: typing.Dict[str, Databag] = dataclasses.field(default_factory=dict)
    active: bool = True


@dataclasses.dataclass
class Meta:
    """What metadata.yaml says of an endpoint."""

    name: str
    role: str
    interface: str = ""
    limit: typing.Optional[int] = None
    scope: str = "global"
    optional: bool = False
