"""Files and images that were given at deploy."""

import dataclasses
import typing
import pathlib


@dataclasses.dataclass
class Meta:
    """What metadata.yaml says."""

    name: str
    type: str
    filename: typing.Optional[str] = None
    description: str = ""


@dataclasses.dataclass
class Resource:
    """One that is there."""

    meta: Meta
    path: typing.Optional[pathlib.Path] = None
