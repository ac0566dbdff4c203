"""The fields of a user's class: for config, action parameters and databags that are loaded into one."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict


def _is_dataclass(cls: type[Any]) -> bool:
    return hasattr(cls, '__dataclass_fields__')


def _pydantic(cls: type[Any]) -> dict[str, str]:
    """Field name to alias of a Pydantic class."""
    return {name: field.alias or name for name, field in cls.model_fields.items()}  # type: ignore[attr-defined]


def arguments(cls: type[Any]) -> Dict[str, str] | None:
    """What the model calls each field of a class, and the argument that it is.

    Returns:
        None for a class that does not say what fields it has: it gets everything.
    """
    if _is_dataclass(cls):
        import dataclasses

        validated = getattr(cls, '__is_pydantic_dataclass__', False)  # such a class takes arguments by alias
        found: dict[str, str] = {}
        for field in dataclasses.fields(cls):
            alias = field.metadata.get('alias', field.name)
            found[alias] = alias if validated else field.name
        return found
    if hasattr(cls, 'model_fields'):
        return {alias: alias for alias in _pydantic(cls).values()}
    return None


def values(obj: object, absent: Any) -> Dict[str, Any]:
    """The fields of an object under what the model calls them; `absent` for one that it does not have."""
    cls = type(obj)
    if _is_dataclass(cls):
        import dataclasses

        plain = dataclasses.asdict(obj)  # type: ignore[call-overload]
        fields: Any = dataclasses.fields(cls)  # type: ignore[arg-type]
        return {field.metadata.get('alias', field.name): plain.get(field.name, absent) for field in fields}
    if hasattr(cls, 'model_fields'):
        plain = obj.model_dump(mode='json', by_alias=True, exclude_defaults=False)  # type: ignore[attr-defined]
        return {alias: plain.get(alias, absent) for alias in _pydantic(cls).values()}
    from typing import get_type_hints

    return {name: getattr(obj, name) for name in get_type_hints(cls)}
