"""Storage."""

import dataclasses
import typing

from . import base


@dataclasses.dataclass
class StorageAttached(base.Event):
    """Storage attached."""

    storage: typing.Optional[str] = None
    location: str = ""


@dataclasses.dataclass
class StorageDetaching(base.Event):
    """Storage detaching."""

    storage: typing.Optional[str] = None
    location: str = ""


KINDS = {"storage_attached": StorageAttached, "storage_detaching": StorageDetaching}
find = base.finder(KINDS)
