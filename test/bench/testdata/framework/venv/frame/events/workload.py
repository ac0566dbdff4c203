"""Workloads."""

import dataclasses
import typing

from . import base


@dataclasses.dataclass
class PebbleReady(base.Event):
    """Pebble ready."""

    workload: str = ""
    notice: typing.Optional[str] = None


@dataclasses.dataclass
class PebbleCustomNotice(base.Event):
    """Pebble custom notice."""

    workload: str = ""
    notice: typing.Optional[str] = None


@dataclasses.dataclass
class PebbleCheckFailed(base.Event):
    """Pebble check failed."""

    workload: str = ""
    notice: typing.Optional[str] = None


@dataclasses.dataclass
class PebbleCheckRecovered(base.Event):
    """Pebble check recovered."""

    workload: str = ""
    notice: typing.Optional[str] = None


KINDS = {"pebble_ready": PebbleReady, "pebble_custom_notice": PebbleCustomNotice, "pebble_check_failed": PebbleCheckFailed, "pebble_check_recovered": PebbleCheckRecovered}
find = base.finder(KINDS)
