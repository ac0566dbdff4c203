"""Secrets."""

from __future__ import annotations

import enum
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from typing import Any, Dict

    from ._backend import _ModelBackend
    from .model import Relation, Unit

_KEY = re.compile(r'[a-z](?:-?[a-z0-9]){2,}\Z')


class SecretRotate(enum.Enum):
    """How often a secret's owner wants to be asked for new content."""

    __module__ = 'ops.model'
    NEVER = 'never'
    HOURLY = 'hourly'
    DAILY = 'daily'
    WEEKLY = 'weekly'
    MONTHLY = 'monthly'
    QUARTERLY = 'quarterly'
    YEARLY = 'yearly'


def expiry(expire: Any) -> datetime.datetime | None:
    """A time of expiry from one, or from how long it is until then."""
    if expire is None:
        return None
    import datetime

    if isinstance(expire, datetime.datetime):
        return expire
    if isinstance(expire, datetime.timedelta):
        return datetime.datetime.now(tz=datetime.timezone.utc) + expire
    kind = type(expire).__name__
    raise TypeError(f'Expiration time must be a datetime or timedelta from now, not {kind}')


class SecretInfo:
    """What is known of a secret beside its content."""

    __module__ = 'ops.model'

    def __init__(
        self,
        id: str,
        label: str | None,
        revision: int,
        expires: datetime.datetime | None,
        rotation: SecretRotate | None,
        rotates: datetime.datetime | None,
        description: str | None = None,
        *,
        model_uuid: str | None = None,
    ):
        if model_uuid is None:
            import warnings

            warnings.warn('SecretInfo should be given a `model_uuid`', DeprecationWarning, stacklevel=2)
        self.id = Secret._canonicalize_id(id, model_uuid)
        self.label, self.description = label, description
        self.revision = revision
        self.expires = expires
        self.rotation, self.rotates = rotation, rotates

    @classmethod
    def from_dict(cls, id: str, d: Dict[str, Any], model_uuid: str | None = None) -> SecretInfo:
        """Read what secret-info-get prints under an id, of the model with that UUID."""
        from ._time import parse

        if model_uuid is None:
            import warnings

            warnings.warn('SecretInfo.from_dict: `model_uuid` should always be provided', DeprecationWarning, stacklevel=2)

        policies = {policy.value: policy for policy in SecretRotate}
        expires, rotates = d.get('expiry'), d.get('rotates')
        return cls(
            id,
            d.get('label'),
            d['revision'],
            parse(expires) if expires else None,
            policies.get(d.get('rotation', '')),
            parse(rotates) if rotates else None,
            d.get('description'),
            model_uuid=model_uuid,
        )

    def __repr__(self) -> str:
        names = ('id', 'label', 'revision', 'expires', 'rotation', 'rotates', 'description')
        shown = (getattr(self, name) for name in names)
        return f'SecretInfo({", ".join(f"{n}={v}" if n == "rotation" else f"{n}={v!r}" for n, v in zip(names, shown))})'


class Secret:
    """A secret that this unit, or its application, owns or was granted."""

    __module__ = 'ops.model'

    def __init__(
        self,
        backend: _ModelBackend,
        id: str | None = None,
        label: str | None = None,
        content: Dict[str, str] | None = None,
    ):
        if not (id or label):
            raise TypeError('Must provide an id or label, or both')
        self._backend = backend
        self._id = None if id is None else self._canonicalize_id(id, backend.model_uuid)
        self._label, self._content = label, content

    def __repr__(self) -> str:
        known = (('id', self._id), ('label', self._label))
        return f'<Secret {" ".join(f"{name}={value!r}" for name, value in known if value is not None)}>'

    @staticmethod
    def _canonicalize_id(id: str, model_uuid: str | None) -> str:
        """An id as a URI, with the model where it is known."""
        id = id.strip()
        if id.startswith('secret:'):
            return id
        return f'secret:{id}' if model_uuid is None else f'secret://{model_uuid}/{id}'

    @classmethod
    def _validate_content(cls, content: Any) -> None:
        if not isinstance(content, dict):
            raise TypeError(f'Secret content must be a dict, not {type(content).__name__}')
        if not content:
            raise ValueError('Secret content must not be empty')
        wrong = [key for key in content if not _KEY.match(key)]
        if wrong:
            raise ValueError(
                f'Invalid secret keys: {wrong}. A key has three characters at least: lower-case letters, digits and'
                ' single dashes, a letter first and no dash last.'
            )
        wrong = [key for key, value in content.items() if not isinstance(value, str)]
        if wrong:
            kinds = ' or '.join(sorted({type(content[key]).__name__ for key in wrong}))
            raise TypeError(f'Invalid secret values for keys: {wrong}. Values should be of type str, not {kinds}.')

    @property
    def id(self) -> str | None:
        """Its URI. None for a secret that was got by its label, until the URI was needed."""
        return self._id

    @property
    def unique_identifier(self) -> str | None:
        """The part of the URI that is the secret's own."""
        if self._id is None:
            return None
        return self._id.rpartition('/')[2].rpartition(':')[2]

    @property
    def label(self) -> str | None:
        """What it was labelled or asked for."""
        return self._label

    def get_content(self, *, refresh: bool = False) -> Dict[str, str]:
        """The content of the revision that this unit has been tracking; with `refresh` of the newest, from now on."""
        if refresh or self._content is None:
            self._content = self._backend.secret_get(id=self.id, label=self.label, refresh=refresh)
        return dict(self._content)

    def peek_content(self) -> Dict[str, str]:
        """The content of the newest revision, without tracking it."""
        return self._backend.secret_get(id=self.id, label=self.label, peek=True)

    def get_info(self) -> SecretInfo:
        """What is known of it. Only its owner may ask.

        Raises:
            SecretNotFoundError: when there is none.
            ModelError: for anybody else.
        """
        return self._backend.secret_info_get(id=self.id, label=self.label)

    def _need_id(self) -> str:
        if self._id is None:
            self._id = self.get_info().id
        return self._id

    def set_content(self, content: Dict[str, str]) -> None:
        """Add a revision with this content. What was tracked before stays until it is refreshed."""
        self._validate_content(content)
        self._backend.secret_set(self._need_id(), content=content)

    def set_info(
        self,
        *,
        label: str | None = None,
        description: str | None = None,
        expire: datetime.datetime | datetime.timedelta | None = None,
        rotate: SecretRotate | None = None,
    ) -> None:
        """Change what is given; the arguments are those of `Application.add_secret`."""
        if label is None and description is None and expire is None and rotate is None:
            raise TypeError('Must provide a label, description, expiration time, or rotation policy')
        self._backend.secret_set(
            self._need_id(), label=label, description=description, expire=expiry(expire), rotate=rotate
        )

    def grant(self, relation: Relation, *, unit: Unit | None = None) -> None:
        """Let the application at the other end of a relation read it, or one unit of it, for as long as it lasts."""
        self._backend.secret_grant(self._need_id(), relation.id, unit=unit.name if unit is not None else None)

    def revoke(self, relation: Relation, *, unit: Unit | None = None) -> None:
        """Take a grant back."""
        self._backend.secret_revoke(self._need_id(), relation.id, unit=unit.name if unit is not None else None)

    def remove_revision(self, revision: int) -> None:
        """Remove one revision; the event secret-remove tells which nobody tracks any more."""
        self._backend.secret_remove(self._need_id(), revision=revision)

    def remove_all_revisions(self) -> None:
        """Remove the secret."""
        self._backend.secret_remove(self._need_id())
