"""The protocol `ops.Serializable`, in a module of its own because protocols need `typing`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Protocol

if TYPE_CHECKING:
    from .framework import Handle


class Serializable(Protocol):
    """What can be kept as a snapshot and made again from it."""

    handle_kind: str = ''

    @property
    def handle(self) -> Handle:
        """Its place."""
        ...

    @handle.setter
    def handle(self, val: Handle) -> None: ...

    def snapshot(self) -> Dict[str, Any]:
        """Return what to keep."""
        ...

    def restore(self, snapshot: Dict[str, Any]) -> None:
        """Become what was kept."""
        ...
