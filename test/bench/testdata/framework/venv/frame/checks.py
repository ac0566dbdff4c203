"""Checks of a workload."""

import dataclasses
import typing
import enum


class CheckStatus(enum.Enum):
    """Up or down."""

    UP = "up"
    DOWN = "down"



@dataclasses.dataclass
class Check:
    """What is looked at."""

    name: str
    level: typing.Literal["alive", "ready", ""] = ""
    period: str = "10s"
    timeout: str = "3s"
    threshold: int = 3
    http: typing.Optional[typing.Dict[str, str]] = None
    tcp: typing.Optional[typing.Dict[str, int]] = None
    exec: typing.Optional[typing.Dict[str, str]] = None


@dataclasses.dataclass
class State:
    """How it is."""

    check: Check
    status: CheckStatus
    failures: int = 0
    change: typing.Optional[str] = None
