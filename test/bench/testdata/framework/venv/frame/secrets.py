"""Secrets."""

import dataclasses
import hashlib
import re
import typing
import datetime


@dataclasses.dataclass
class Info:
    """What the owner may know."""

    id: str
    label: typing.Optional[str] = None
    revision: int = 0
    expires: typing.Optional[datetime.datetime] = None
    rotation: typing.Optional[str] = None
    description: str = ""
    model_uuid: typing.Optional[str] = None


@dataclasses.dataclass
class Secret:
    """One, with what was read of it."""

    info: Info
    content: typing.Dict[str, str] = dataclasses.field(default_factory=dict)


ID = re.compile(r"^(?:secret:)?(?://[0-9a-f-]{36}/)?(?P<id>[0-9a-v]{20})$")


def digest(content):
    """Tell two contents apart without keeping them."""
    return hashlib.sha256(repr(sorted(content.items())).encode()).hexdigest()
