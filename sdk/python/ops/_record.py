"""Frozen values without the price of importing `dataclasses`, which costs more than the rest of this package.

A class under `@record` takes its annotated names as arguments, compares and hashes by them and cannot be changed.
`dataclasses.replace`, `fields` and `asdict` work on it all the same: what they look for is made when they ask.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    from typing_extensions import dataclass_transform

    _T = TypeVar('_T')
else:

    def dataclass_transform(**_):
        return lambda decorate: decorate


_MISSING = object()


@dataclass_transform(frozen_default=True)
def record(cls: type[_T]) -> type[_T]:
    """Make a class of annotated names a frozen value. A list, dict or set as default is copied for each value."""
    names = tuple(cls.__annotations__)
    defaults = {name: cls.__dict__[name] for name in names if name in cls.__dict__}
    for name, default in defaults.items():
        if isinstance(default, (list, dict, set)):
            delattr(cls, name)

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        if len(args) > len(names):
            raise TypeError(f'{cls.__name__} takes {len(names)} arguments, got {len(args)}')
        values = self.__dict__
        for name, value in zip(names, args):
            values[name] = value
        for name, value in kwargs.items():
            if name in values or name not in names:
                raise TypeError(f'{cls.__name__} takes no second or other argument {name!r}')
            values[name] = value
        for name in names:
            if name in values:
                continue
            default = defaults.get(name, _MISSING)
            if default is _MISSING:
                raise TypeError(f'{cls.__name__} needs the argument {name!r}')
            values[name] = default.copy() if isinstance(default, (list, dict, set)) else default

    def __eq__(self: Any, other: Any) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def __hash__(self: Any) -> int:
        return hash(tuple(getattr(self, name) for name in names))

    def __repr__(self: Any) -> str:
        inside = ', '.join(f'{name}={getattr(self, name)!r}' for name in names)
        return f'{self.__class__.__qualname__}({inside})'

    for method in (__init__, __eq__, __hash__, __setattr__, __delattr__):
        setattr(cls, method.__name__, method)
    if cls.__repr__ is object.__repr__:
        setattr(cls, '__repr__', __repr__)
    setattr(cls, '__dataclass_fields__', _Fields(names, defaults))
    setattr(cls, '__match_args__', names)
    setattr(cls, '__signature__', _Signature(__init__, names, defaults))
    return cls


def __setattr__(self: Any, name: str, value: Any) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f'cannot set {name}: a {type(self).__name__} does not change')


def __delattr__(self: Any, name: str) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f'cannot delete {name}: a {type(self).__name__} does not change')


class _Fields:
    """What `dataclasses` reads of a class, made when it is read."""

    def __init__(self, names: tuple[str, ...], defaults: dict[str, Any]):
        self._names, self._defaults = names, defaults

    def __get__(self, instance: Any, owner: type) -> dict[str, Any]:
        import dataclasses

        spec: list[Any] = []
        for name in self._names:
            default = self._defaults.get(name, dataclasses.MISSING)
            if isinstance(default, (list, dict, set)):
                spec.append((name, 'object', dataclasses.field(default_factory=default.copy)))
            elif default is dataclasses.MISSING:
                spec.append((name, 'object'))
            else:
                spec.append((name, 'object', dataclasses.field(default=default)))
        fields = getattr(dataclasses.make_dataclass(owner.__name__, spec), '__dataclass_fields__')
        for name, field in fields.items():
            field.type = owner.__annotations__.get(name, field.type)
        return fields


class _Signature:
    """What `inspect` and `help` tell of the constructor of a class, made when they ask."""

    def __init__(self, init: Any, names: tuple[str, ...], defaults: dict[str, Any]):
        self._init, self._names, self._defaults = init, names, defaults

    def __get__(self, instance: Any, owner: type) -> Any:
        import inspect

        if owner.__init__ is not self._init:  # a subclass with a constructor of its own
            raise AttributeError('__signature__')
        either = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Signature([
            inspect.Parameter(
                name,
                either,
                default=self._defaults.get(name, inspect.Parameter.empty),
                annotation=owner.__annotations__.get(name, inspect.Parameter.empty),
            )
            for name in self._names
        ])
