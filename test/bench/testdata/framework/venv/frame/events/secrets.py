"""Secrets."""

import dataclasses
import typing

from . import base


@dataclasses.dataclass
class SecretChanged(base.Event):
    """Secret changed."""

    id: str = ""
    label: typing.Optional[str] = None
    revision: int = 0


@dataclasses.dataclass
class SecretRotate(base.Event):
    """Secret rotate."""

    id: str = ""
    label: typing.Optional[str] = None
    revision: int = 0


@dataclasses.dataclass
class SecretRemove(base.Event):
    """Secret remove."""

    id: str = ""
    label: typing.Optional[str] = None
    revision: int = 0


@dataclasses.dataclass
class SecretExpired(base.Event):
    """Secret expired."""

    id: str = ""
    label: typing.Optional[str] = None
    revision: int = 0


KINDS = {"secret_changed": SecretChanged, "secret_rotate": SecretRotate, "secret_remove": SecretRemove, "secret_expired": SecretExpired}
find = base.finder(KINDS)
