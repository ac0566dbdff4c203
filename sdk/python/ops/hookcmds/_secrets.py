"""The hook tools of secrets. Content never is among a tool's arguments."""

from __future__ import annotations

import datetime
from typing import Dict, List, Literal, Union, overload

from .._tools import ask, run, secret_options
from ._types import SecretInfo, SecretRotate

_Expire = Union[datetime.datetime, str, None]
_JSON = '--format=json'


def _flags(**values: object) -> List[str]:
    return [part for name, value in values.items() if value is not None for part in (f'--{name}', str(value))]


def secret_add(
    content: Dict[str, str],
    *,
    label: str | None = None,
    description: str | None = None,
    expire: _Expire = None,
    rotate: SecretRotate | None = None,
    owner: Literal['application', 'unit'] = 'application',
) -> str:
    """Create a secret; return its id."""
    options = secret_options(label, description, expire, rotate)
    return run('secret-add', *options, '--owner', owner, content=content).strip()


@overload
def secret_get(
    *, id: str, label: str | None = None, refresh: bool = False, peek: bool = False
) -> Dict[str, str]: ...
@overload
def secret_get(
    *, id: str | None = None, label: str, refresh: bool = False, peek: bool = False
) -> Dict[str, str]: ...
def secret_get(
    *, id: str | None = None, label: str | None = None, refresh: bool = False, peek: bool = False
) -> Dict[str, str]:
    """The content that is tracked; with `refresh` the newest from now on, with `peek` the newest just now."""
    which = [] if id is None else [id]
    return ask(
        'secret-get', _JSON, *which, *_flags(label=label), *['--refresh'] * refresh, *['--peek'] * peek
    )


def secret_grant(id: str, relation_id: int, *, unit: str | None = None) -> None:
    """Let the other side of a relation read it, or one unit of it."""
    run('secret-grant', *_flags(relation=relation_id, unit=unit), id)


def secret_ids() -> List[str]:
    """The secrets that this unit, or its application, owns."""
    return ask('secret-ids', _JSON)


@overload
def secret_info_get(*, id: str) -> SecretInfo: ...
@overload
def secret_info_get(*, label: str) -> SecretInfo: ...
def secret_info_get(*, id: str | None = None, label: str | None = None) -> SecretInfo:
    """What is known of a secret that this unit, or its application, owns."""
    return SecretInfo._from_dict(ask('secret-info-get', _JSON, *([] if id is None else [id]), *_flags(label=label)))


def secret_remove(id: str, *, revision: int | None = None) -> None:
    """Remove a secret, or one revision."""
    run('secret-remove', id, *_flags(revision=revision))


def secret_revoke(
    id: str, *, relation_id: int | None = None, app: str | None = None, unit: str | None = None
) -> None:
    """Take a grant back."""
    run('secret-revoke', *_flags(relation=relation_id, app=app, unit=unit), id)


def secret_set(
    id: str,
    *,
    content: Dict[str, str] | None = None,
    label: str | None = None,
    description: str | None = None,
    expire: _Expire = None,
    rotate: SecretRotate | None = None,
    owner: Literal['application', 'unit'] = 'application',
) -> None:
    """Change a secret: content makes a new revision."""
    options = secret_options(label, description, expire, rotate)
    run('secret-set', *options, '--owner', owner, id, content=content)
