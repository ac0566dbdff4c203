"""The states of units and applications."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, ClassVar

SETTABLE = ('active', 'blocked', 'maintenance', 'waiting')
_ORDER = ('active', 'waiting', 'maintenance', 'blocked', 'error')  # the worst last


class StatusBase:
    """The base of every status; statuses of the same class and message are equal.

    Args:
        message: a few words for the user.
    """

    __module__ = 'ops.model'
    _statuses: ClassVar[dict[str, type[StatusBase]]] = {}
    name: str
    """What the model calls it."""

    def __init__(self, message: str = ''):
        if type(self) is StatusBase:
            raise TypeError('cannot instantiate a base class')
        self.message = message

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        StatusBase._register(cls)

    def __eq__(self, other: object) -> bool:
        return isinstance(self, type(other)) and self.message == getattr(other, 'message', None)

    def __hash__(self) -> int:
        return hash((self.name, self.message))

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.message!r})'

    @classmethod
    def from_name(cls, name: str, message: str) -> StatusBase:
        """The status that has this name.

        Raises:
            KeyError: when none has.
        """
        return UnknownStatus() if name == 'unknown' else cls._statuses[name](message)

    @classmethod
    def from_status_name(cls, name: str, message: str = '') -> StatusBase:
        """The status that has this name, as tests of charms ask for it.

        Raises:
            KeyError: when none has.
        """
        return StatusBase.from_name(name, message)

    @classmethod
    def from_ops(cls, obj: StatusBase) -> StatusBase:
        """The status itself: those of `ops.testing` are no others."""
        return obj

    @classmethod
    def register(cls, child: type[StatusBase]) -> type[StatusBase]:
        """Deprecated: a subclass is known as soon as it is defined."""
        import warnings

        warnings.warn('StatusBase.register is for internal use only', DeprecationWarning, stacklevel=2)
        cls._register(child)
        return child

    @classmethod
    def _register(cls, child: type[StatusBase]) -> None:
        if not isinstance(getattr(child, 'name', None), str):
            raise TypeError(f"Can't register StatusBase subclass {child}: it needs a class attribute `name`, a str")
        cls._statuses[child.name] = child

    @classmethod
    def _get_highest_priority(cls, statuses: Iterable[StatusBase]) -> StatusBase:
        """The one that the user must hear of; of equals the first."""
        return max(statuses, key=lambda status: _ORDER.index(status.name) if status.name in _ORDER else -1)


class UnknownStatus(StatusBase):
    """Nobody has said how it goes. Cannot be set."""

    __module__ = 'ops.model'
    name = 'unknown'

    def __init__(self):
        super().__init__('')

    def __repr__(self) -> str:
        return 'UnknownStatus()'


class ErrorStatus(StatusBase):
    """A hook failed. Cannot be set."""

    __module__ = 'ops.model'
    name = 'error'


class ActiveStatus(StatusBase):
    """It does what it is there for."""

    __module__ = 'ops.model'
    name = 'active'

    def __init__(self, message: str = ''):
        super().__init__(message)


class BlockedStatus(StatusBase):
    """It needs somebody to do something: the message says what."""

    __module__ = 'ops.model'
    name = 'blocked'


class MaintenanceStatus(StatusBase):
    """It is busy with itself."""

    __module__ = 'ops.model'
    name = 'maintenance'


class WaitingStatus(StatusBase):
    """It waits for another unit or application."""

    __module__ = 'ops.model'
    name = 'waiting'
