"""What the parts of a state have in common.

A piece is a frozen dataclass. Its constructor takes the first few fields by place and the others by name only, on
every version of Python; the class says how many with `_positional`. After that `_settle` copies and checks.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import itertools
import re

from .errors import StateValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Iterator, TypeVar

    from typing_extensions import dataclass_transform

    _T = TypeVar('_T')
else:

    def dataclass_transform(**_):
        return lambda decorate: decorate


@dataclass_transform(frozen_default=True)
def piece(cls: type[_T]) -> type[_T]:
    """Make a class a piece. It is hashed by the field that its `_key` names, or by all of them."""
    key = getattr(cls, '_key', None)
    if key is not None and '__hash__' not in cls.__dict__:
        setattr(cls, '__hash__', lambda self: hash(getattr(self, key)))
    own_eq = '__eq__' in cls.__dict__
    return dataclasses.dataclass(init=False, frozen=True, eq=not own_eq, repr='__repr__' not in cls.__dict__)(cls)


class _Signature:
    """What `inspect` and `help` tell of the constructor of a piece."""

    def __get__(self, instance: Any, owner: type[Piece]) -> inspect.Signature:
        if owner.__init__ is not Piece.__init__ or not dataclasses.is_dataclass(owner):
            raise AttributeError('__signature__')
        parameters: list[inspect.Parameter] = []
        for at, field in enumerate(dataclasses.fields(owner)):
            default: Any = inspect.Parameter.empty
            if field.default is not dataclasses.MISSING:
                default = field.default
            elif field.default_factory is not dataclasses.MISSING:
                default = ...  # made anew for each piece
            by_place = at < owner._positional
            kind = inspect.Parameter.POSITIONAL_OR_KEYWORD if by_place else inspect.Parameter.KEYWORD_ONLY
            parameters.append(inspect.Parameter(field.name, kind, default=default, annotation=field.type))
        return inspect.Signature(sorted(parameters, key=lambda p: p.kind))


class Piece:
    """The constructor of all pieces."""

    _positional = 1  # how many fields may be given by place
    _key = None
    if not TYPE_CHECKING:
        __signature__ = _Signature()

    def __init__(self, *args: Any, **kwargs: Any):
        name = type(self).__name__
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        if len(args) > self._positional:
            raise TypeError(
                '%s takes %d arguments by place, got %d: give the others by name' % (name, self._positional, len(args))
            )
        values = dict(zip([f.name for f in fields], args))
        for key, value in kwargs.items():
            if key in values:
                raise TypeError('%s got %r twice' % (name, key))
            values[key] = value
        for field in fields:
            if field.name in values:
                value = values.pop(field.name)
            elif field.default is not dataclasses.MISSING:
                value = field.default
            elif field.default_factory is not dataclasses.MISSING:
                value = field.default_factory()
            else:
                raise TypeError('%s needs the argument %r' % (name, field.name))
            object.__setattr__(self, field.name, value)
        if values:
            raise TypeError('%s has no argument %s' % (name, ', '.join(map(repr, values))))
        self._settle()

    def _settle(self) -> None:
        """Copies what could be changed from outside, and checks."""
        self._detach()

    def _detach(self) -> None:
        for key, value in vars(self).items():
            if isinstance(value, (dict, list)):
                object.__setattr__(self, key, copy.deepcopy(value))

    def _put(self, **values: Any) -> None:
        for key, value in values.items():
            object.__setattr__(self, key, value)


def fresh(make: Callable[[], Any]) -> Any:
    """A field whose default is made anew for each piece."""
    return dataclasses.field(default_factory=make)


class Counter:
    """Numbers for pieces that are given none. Tests run in one process, so they are unique in it."""

    def __init__(self, first: int):
        self._numbers: Iterator[int] = itertools.count(first)

    def __call__(self) -> int:
        return next(self._numbers)


def strings(value: Iterable[str], what: str) -> list[str]:
    """A list of strings; one string is not taken for a list of its letters."""
    if isinstance(value, (str, bytes)):
        raise StateValidationError('%s must be a list of strings, not the one string %r' % (what, value))
    return list(value)


_DASHED = 'lower-case letters, digits and dashes, with a letter or digit at both ends'
_NAMES = {
    'relation endpoint': (
        re.compile(r'[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*\Z'),
        'lower-case letters and digits, with single dashes or underscores between, beginning with a letter',
    ),
    'storage': (
        re.compile(r'[a-z][a-z0-9]*(?:-[a-z0-9]*[a-z][a-z0-9]*)*\Z'),
        'lower-case letters and digits in parts with single dashes between, beginning with a letter and with a letter'
        ' in each part',
    ),
    'action': (re.compile(r'[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\Z'), _DASHED),
    'container': (re.compile(r'[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z'), _DASHED + ', 63 of them at most'),
}


def check_name(name: str, kind: str) -> None:
    """Refuses a name that Juju would not take for a thing of that kind."""
    form, words = _NAMES[kind]
    if not isinstance(name, str) or not form.match(name):
        raise StateValidationError('invalid %s name %r: it consists of %s' % (kind, name, words))
