"""Spans, which go nowhere unless somebody wants them."""

import contextlib
import contextvars
import dataclasses
import random
import time
import typing

current = contextvars.ContextVar("current", default=None)


@dataclasses.dataclass
class Span:
    """A piece of time."""

    name: str
    parent: typing.Optional["Span"] = None
    id: int = dataclasses.field(default_factory=lambda: random.getrandbits(64))
    began: float = dataclasses.field(default_factory=time.monotonic)
    attributes: typing.Dict[str, str] = dataclasses.field(default_factory=dict)


@contextlib.contextmanager
def span(name):
    """Run what is inside as a span."""
    s = Span(name, current.get())
    token = current.set(s)
    try:
        yield s
    finally:
        current.reset(token)
