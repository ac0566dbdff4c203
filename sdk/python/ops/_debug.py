"""Breakpoints: their names, and the debugger at one."""

from __future__ import annotations

import inspect
import pdb
import re

_NAME = re.compile(r'[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\Z')


def check(name: object) -> None:
    """Refuse what cannot be the name of a breakpoint.

    Raises:
        TypeError: when it is no text.
        ValueError: when it has another form, or a meaning of its own.
    """
    if name is None:
        return
    if not isinstance(name, str):
        raise TypeError('breakpoint names must be strings')
    if name in ('all', 'hook'):
        raise ValueError('breakpoint names "all" and "hook" are reserved')
    if not _NAME.match(name):
        raise ValueError('breakpoint names must look like "foo" or "foo-bar"')


def stop() -> None:
    """Start the debugger where the caller's caller is."""
    here = inspect.currentframe()
    caller = here.f_back if here else None
    pdb.Pdb().set_trace(caller.f_back if caller else None)
