"""The end of every event."""

import dataclasses
import typing

from . import base


@dataclasses.dataclass
class CollectUnitStatus(base.Event):
    """Collect unit status."""

    found: typing.List[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class CollectAppStatus(base.Event):
    """Collect app status."""

    found: typing.List[str] = dataclasses.field(default_factory=list)


KINDS = {"collect_unit_status": CollectUnitStatus, "collect_app_status": CollectAppStatus}
find = base.finder(KINDS)
