"""Actions."""

import dataclasses
import typing


@dataclasses.dataclass
class Meta:
    """What actions.yaml says."""

    name: str
    title: str = ""
    description: str = ""
    parameters: typing.Dict[str, typing.Any] = dataclasses.field(default_factory=dict)
    required: typing.List[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Task:
    """One that runs."""

    id: str
    meta: typing.Optional[Meta] = None
    results: typing.Dict[str, str] = dataclasses.field(default_factory=dict)
    failure: str = ""
