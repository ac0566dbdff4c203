"""Relations."""

import dataclasses
import typing

from . import base


@dataclasses.dataclass
class RelationCreated(base.Event):
    """Relation created."""

    relation: typing.Optional[int] = None
    app: str = ""
    unit: str = ""


@dataclasses.dataclass
class RelationJoined(base.Event):
    """Relation joined."""

    relation: typing.Optional[int] = None
    app: str = ""
    unit: str = ""


@dataclasses.dataclass
class RelationChanged(base.Event):
    """Relation changed."""

    relation: typing.Optional[int] = None
    app: str = ""
    unit: str = ""


@dataclasses.dataclass
class RelationDeparted(base.Event):
    """Relation departed."""

    relation: typing.Optional[int] = None
    app: str = ""
    unit: str = ""


@dataclasses.dataclass
class RelationBroken(base.Event):
    """Relation broken."""

    relation: typing.Optional[int] = None
    app: str = ""
    unit: str = ""


KINDS = {"relation_created": RelationCreated, "relation_joined": RelationJoined, "relation_changed": RelationChanged, "relation_departed": RelationDeparted, "relation_broken": RelationBroken}
find = base.finder(KINDS)
