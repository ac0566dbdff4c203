"""What the API tells of notices and identities."""

from __future__ import annotations

from .._record import record
from ._enums import IdentityAccess, NoticeType, known
from ._times import parse_duration, parse_time
from ._values import Told

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from typing import Any

    from ._dicts import BasicIdentityDict, IdentityDict, LocalIdentityDict


@record
class Notice:
    """Something that happened, once or again and again: the same type and key is the same notice."""

    id: str
    """The supervisor's id for it."""
    user_id: int | None
    """Whose notice it is; None for everybody's."""
    type: NoticeType | str
    """Where it comes from."""
    key: str
    """What it says, as "example.com/backup-done"."""
    first_occurred: datetime.datetime
    """When it first happened."""
    last_occurred: datetime.datetime
    """When it last happened."""
    last_repeated: datetime.datetime
    """When it was last told to those who watch."""
    occurrences: int
    """How often it happened."""
    last_data: dict[str, str] = {}
    """What came with the last of them."""
    repeat_after: datetime.timedelta | None = None
    """For how long after being told it is not told again."""
    expire_after: datetime.timedelta | None = None
    """How long after it last happened it is forgotten."""

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Notice:
        """From a decoded answer."""
        return cls(
            id=d['id'],
            user_id=d.get('user-id'),
            type=known(NoticeType, d['type']),
            key=d['key'],
            first_occurred=parse_time(d['first-occurred']),
            last_occurred=parse_time(d['last-occurred']),
            last_repeated=parse_time(d['last-repeated']),
            occurrences=d['occurrences'],
            last_data=d.get('last-data') or {},
            repeat_after=parse_duration(d['repeat-after']) if 'repeat-after' in d else None,
            expire_after=parse_duration(d['expire-after']) if 'expire-after' in d else None,
        )


class _Given(Told):
    """Equal to what has the same values."""

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


class LocalIdentity(_Given):
    """Known by the user id of whoever connects to the unix socket."""

    def __init__(self, user_id: int):
        self.user_id = user_id

    @classmethod
    def from_dict(cls, d: LocalIdentityDict) -> LocalIdentity:
        """From a decoded answer."""
        return cls(d['user-id'])

    def to_dict(self) -> LocalIdentityDict:
        """As the API takes it."""
        return {'user-id': self.user_id}


class BasicIdentity(_Given):
    """Known by a name and a password."""

    password: str
    """The password's hash in the form that `openssl passwd -6` makes. Read back it is "*****"."""

    def __init__(self, password: str):
        self.password = password

    @classmethod
    def from_dict(cls, d: BasicIdentityDict) -> BasicIdentity:
        """From a decoded answer."""
        return cls(d['password'])

    def to_dict(self) -> BasicIdentityDict:
        """As the API takes it."""
        return {'password': self.password}

    def __repr__(self) -> str:
        return "BasicIdentity(password='*****')"


class Identity(_Given):
    """Someone the supervisor knows, and how much they may do."""

    def __init__(
        self,
        access: IdentityAccess | str,
        local: LocalIdentity | None = None,
        basic: BasicIdentity | None = None,
    ):
        if local is None and basic is None:
            raise ValueError('an identity needs at least one of local and basic, to tell who it is')
        self.access = access
        self.local = local
        self.basic = basic

    @classmethod
    def from_dict(cls, d: IdentityDict) -> Identity:
        """From a decoded answer."""
        return cls(
            access=known(IdentityAccess, d['access']),  # pyright: ignore[reportTypedDictNotRequiredAccess]
            local=LocalIdentity.from_dict(d['local']) if 'local' in d else None,
            basic=BasicIdentity.from_dict(d['basic']) if 'basic' in d else None,
        )

    def to_dict(self) -> IdentityDict:
        """As the API takes it."""
        out: IdentityDict = {'access': str(self.access)}
        if self.local is not None:
            out['local'] = self.local.to_dict()
        if self.basic is not None:
            out['basic'] = self.basic.to_dict()
        return out
