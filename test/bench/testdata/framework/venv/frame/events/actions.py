"""Actions."""

import dataclasses
import typing

from . import base


@dataclasses.dataclass
class Action(base.Event):
    """Action."""

    task: str = ""
    parameters: typing.Dict[str, str] = dataclasses.field(default_factory=dict)


KINDS = {"action": Action}
find = base.finder(KINDS)
