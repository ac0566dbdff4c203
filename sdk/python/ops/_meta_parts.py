"""What a charm's metadata speaks of, each as an object: endpoints, storage, resources, options, containers, …"""

from __future__ import annotations

import enum
import os

from ._errors import ModelError
from ._record import record
from .jujuversion import JujuVersion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, Dict, List, Literal, Tuple


class RelationRole(enum.Enum):
    """On which side of a relation an endpoint is."""

    __module__ = 'ops.charm'
    peer = 'peer'
    requires = 'requires'
    provides = 'provides'

    def is_peer(self) -> bool:
        """Whether it is a relation among the application's own units."""
        return self is RelationRole.peer


class RelationMeta:
    """An endpoint."""

    __module__ = 'ops.charm'
    VALID_SCOPES: ClassVar[List[str]] = ['global', 'container']

    def __init__(self, role: RelationRole, relation_name: str, raw: Dict[str, Any]):
        assert isinstance(role, RelationRole), f'role should be one of {list(RelationRole)}, not {role!r}'
        self.role = role
        """Its side."""
        self.relation_name = relation_name
        """Its name."""
        self.interface_name: str | None = raw['interface']
        """What both sides agree on."""
        self.limit: int | None = raw.get('limit')
        """How many relations it can have."""
        self.scope: str = raw.get('scope') or 'global'
        """`global`, or `container` for the relation with a principal."""
        self.optional: bool = raw.get('optional', False)
        """Whether the charm does without; a remark only."""
        if self.limit is not None and not isinstance(self.limit, int):
            raise TypeError(f'limit should be an int, not {type(self.limit)}')
        if self.scope not in self.VALID_SCOPES:
            allowed = ', '.join(repr(scope) for scope in self.VALID_SCOPES)
            raise TypeError(f"scope should be one of {allowed}; not '{self.scope}'")


class StorageMeta:
    """A storage that units get."""

    __module__ = 'ops.charm'

    def __init__(self, name: str, raw: Dict[str, Any]):
        self.storage_name = name
        """Its name."""
        self.type: str = raw['type']
        """`filesystem` or `block`."""
        self.description: str = raw.get('description', '')
        """For people."""
        self.shared: bool = raw.get('shared', False)
        """Whether all units have the same."""
        self.read_only: bool = raw.get('read-only', False)
        """Whether it cannot be written."""
        self.minimum_size: str | None = raw.get('minimum-size')
        """As `10G`."""
        self.location: str | None = raw.get('location')
        """Where it is mounted."""
        self.properties: List[str] = raw.get('properties', [])
        """What else it must be."""
        self.multiple_range: Tuple[int, int | None] | None = None
        """The least and the most of it that a unit can have; None for no most."""
        if 'multiple' in raw:
            self.multiple_range = _range(str(raw['multiple']['range']))


def _range(text: str) -> tuple[int, int | None]:
    """`2`, `1-3`, `0-` or `2+`."""
    if text.endswith('+'):
        return int(text[:-1]), None
    first, dash, last = text.partition('-')
    if not dash:
        return int(first), int(first)
    return int(first), int(last) if last else None


class ResourceMeta:
    """A file or an image that comes with the charm."""

    __module__ = 'ops.charm'

    def __init__(self, name: str, raw: Dict[str, Any]):
        self.resource_name = name
        """Its name."""
        self.type: str = raw['type']
        """`file` or `oci-image`."""
        self.filename: str | None = raw.get('filename')
        """What the file is called."""
        self.description: str = raw.get('description', '')
        """For people."""


class PayloadMeta:
    """Something that the charm runs."""

    __module__ = 'ops.charm'

    def __init__(self, name: str, raw: Dict[str, Any]):
        self.payload_name = name
        """Its name."""
        self.type: str = raw['type']
        """What it is."""


@record
class MetadataLinks:
    """Where there is more about the charm."""

    websites: List[str]
    sources: List[str]
    issues: List[str]
    documentation: str | None


class JujuAssumesCondition(enum.Enum):
    """How many of several features must be there."""

    __module__ = 'ops.charm'
    ALL = 'all-of'
    ANY = 'any-of'


@record
class JujuAssumes:
    """Features that the charm needs."""

    features: List[str | JujuAssumes]
    """Their names, and groups of them."""
    condition: JujuAssumesCondition = JujuAssumesCondition.ALL
    """Whether it needs all or any."""

    @classmethod
    def from_list(
        cls, raw: List[Any], condition: JujuAssumesCondition = JujuAssumesCondition.ALL
    ) -> JujuAssumes:
        """Read the list under `assumes`."""
        features: list[Any] = []
        for entry in raw:
            if isinstance(entry, str):
                features.append(entry)
                continue
            features.extend(cls.from_list(inner, JujuAssumesCondition(word)) for word, inner in entry.items())
        return cls(features=features, condition=condition)


class ActionMeta:
    """An action."""

    __module__ = 'ops.charm'

    def __init__(self, name: str, raw: Dict[str, Any] | None = None):
        raw = raw or {}
        self.name = name
        """Its name."""
        self.title: str = raw.get('title', '')
        """For people."""
        self.description: str = raw.get('description', '')
        """For people."""
        self.parameters: Dict[str, Any] = raw.get('params', {})
        """Its parameters, in JSON schema."""
        self.required: List[str] = raw.get('required', [])
        """Those that must be given."""
        old = JujuVersion(os.environ.get('JUJU_VERSION', '0.0.0')) < '4.0.0'
        self.additional_properties: bool = raw.get('additionalProperties', old)
        """Whether others may be given."""


@record
class ConfigMeta:
    """An option of the application's config."""

    name: str
    """Its name."""
    type: Literal['boolean', 'int', 'float', 'string', 'secret']
    """What it takes."""
    default: bool | int | float | str | None
    """What it is when it is not set."""
    description: str | None
    """For people."""


@record
class ContainerBase:
    """A base that a container can have."""

    os_name: str
    """As `ubuntu`."""
    channel: str
    """As `22.04/stable`."""
    architectures: List[str]
    """Where it runs."""

    @classmethod
    def from_dict(cls, d: Dict[str, Any]) -> ContainerBase:
        """Read an entry of `bases`."""
        return cls(os_name=d['name'], channel=d['channel'], architectures=d['architectures'])


class ContainerStorageMeta:
    """A storage that a container has, at one place or several."""

    __module__ = 'ops.charm'

    def __init__(self, storage: str, location: str):
        self.storage = storage
        """The storage's name."""
        self._locations = [location]

    def add_location(self, location: str) -> None:
        """Add a place."""
        self._locations.append(location)

    @property
    def locations(self) -> List[str]:
        """Where it is mounted."""
        return self._locations

    @property
    def location(self) -> str:
        """The one place where it is mounted.

        Raises:
            RuntimeError: when there are several.
        """
        if len(self._locations) > 1:
            raise RuntimeError(
                f'storage {self.storage!r} has more than one mount point in the container: see locations'
            )
        return self._locations[0]


class ContainerMeta:
    """A container."""

    __module__ = 'ops.charm'

    def __init__(self, name: str, raw: Dict[str, Any] | None):
        self.name = name
        """Its name."""
        self.resource: str | None = None
        """The resource that is its image."""
        self.bases: List[ContainerBase] | None = None
        """The bases that it can be made of instead, the best first."""
        self._mounts: dict[str, ContainerStorageMeta] = {}
        if not raw:
            return
        self.resource = raw.get('resource')
        self.bases = [ContainerBase.from_dict(base) for base in raw.get('bases', ())]
        if self.resource and self.bases:
            raise ModelError('A container may specify a resource or base, not both.')
        for mount in raw.get('mounts', ()):
            storage, location = mount.get('storage', ''), mount.get('location', '')
            if storage in self._mounts and location:
                self._mounts[storage].add_location(location)
            elif location:
                self._mounts[storage] = ContainerStorageMeta(storage, location)

    @property
    def mounts(self) -> Dict[str, ContainerStorageMeta]:
        """What storage it has, by name."""
        return self._mounts


for _cls in (MetadataLinks, JujuAssumes, ConfigMeta, ContainerBase):
    _cls.__module__ = 'ops.charm'
