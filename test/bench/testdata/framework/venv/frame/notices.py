"""Notices of a workload."""

import dataclasses
import typing
import datetime
import enum


class Kind(enum.Enum):
    """Who gave it."""

    CUSTOM = "custom"
    CHANGE = "change-update"



@dataclasses.dataclass
class Notice:
    """Something that happened."""

    id: str
    type: typing.Union[Kind, str]
    key: str
    user: typing.Optional[int] = None
    first: typing.Optional[datetime.datetime] = None
    last: typing.Optional[datetime.datetime] = None
    occurrences: int = 0
    data: typing.Dict[str, str] = dataclasses.field(default_factory=dict)
    expire_after: typing.Optional[datetime.timedelta] = None
