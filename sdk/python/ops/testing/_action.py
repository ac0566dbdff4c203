"""How an action ends."""

from __future__ import annotations

import dataclasses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._state import State


@dataclasses.dataclass(frozen=True)
class ActionOutput:
    """What an action told."""

    logs: list[str]
    """What it logged."""
    results: dict[str, Any]
    """Its results."""


class ActionFailed(Exception):  # noqa: N818  (the name is part of the API)
    """An action failed on purpose, with `event.fail`."""

    message: str
    """What it said."""
    output: ActionOutput
    """What it told before; of `Context.run` that is in the context instead."""
    state: State | None
    """The state after it; None with a Harness."""

    def __init__(self, message: str, output: ActionOutput | None = None, *, state: State | None = None):
        super().__init__(message)
        self.message = message
        self.output = output or ActionOutput([], {})
        self.state = state

    def __str__(self) -> str:
        return self.message or 'event.fail() called, but no message provided'
