"""What a charm sees of its model: units, applications, relations, config, status, ports, storage, secrets.

Everything is asked for when it is used, and only once where it cannot change within a dispatch.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Mapping

from ._backend import MAX_LOG_LINE_LEN, _ModelBackend
from ._errors import (
    InvalidStatusError,
    ModelError,
    RelationDataAccessError,
    RelationDataError,
    RelationDataTypeError,
    RelationNotFoundError,
    SecretNotFoundError,
    TooManyRelatedAppsError,
)
from ._lazy import LazyMapping, _GenericLazyMapping
from ._record import record
from ._relation import Relation, RelationData, RelationDataContent, RelationMapping
from ._status import SETTABLE as _SETTABLE_STATUS_NAMES
from ._status import (
    ActiveStatus,
    BlockedStatus,
    ErrorStatus,
    MaintenanceStatus,
    StatusBase,
    UnknownStatus,
    WaitingStatus,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    import pathlib
    from collections.abc import Iterable, Iterator
    from typing import Any, Dict, List, Literal, NoReturn, Union

    from ._container import (
        CheckInfoMapping,
        Container,
        ContainerMapping,
        LazyCheckInfo,
        LazyNotice,
        MultiPushPullError,
        ServiceInfoMapping,
    )
    from ._network import Binding, BindingMapping, Network, NetworkInterface
    from ._secret import Secret, SecretInfo, SecretRotate
    from .charm import CharmMeta
    from .jujuversion import JujuVersion

    _ConfigMapping = _GenericLazyMapping[Union[bool, int, float, str]]
    _StorageLists = Mapping[str, List['Storage']]
else:
    _ConfigMapping, _StorageLists = _GenericLazyMapping, Mapping

__all__ = [
    'ActiveStatus', 'Application', 'Binding', 'BindingMapping', 'BlockedStatus', 'CheckInfoMapping',
    'CloudCredential', 'CloudSpec', 'ConfigData', 'Container', 'ContainerMapping', 'ErrorStatus',
    'InvalidStatusError', 'LazyCheckInfo', 'LazyMapping', 'LazyNotice', 'MAX_LOG_LINE_LEN', 'MaintenanceStatus',
    'Model', 'ModelError', 'MultiPushPullError', 'Network', 'NetworkInterface', 'OpenedPort', 'Pod', 'Port',
    'Relation', 'RelationData', 'RelationDataAccessError', 'RelationDataContent', 'RelationDataError',
    'RelationDataTypeError', 'RelationMapping', 'RelationNotFoundError', 'RemoteModel', 'Resources', 'Secret',
    'SecretInfo', 'SecretNotFoundError', 'SecretRotate', 'ServiceInfoMapping', 'StatusBase', 'Storage',
    'StorageMapping', 'TooManyRelatedAppsError', 'Unit', 'UnknownStatus', 'WaitingStatus', '_ModelBackend',
    '_SETTABLE_STATUS_NAMES',
]  # fmt: skip

logger = logging.getLogger(__name__)

_ELSEWHERE = {
    'Binding': '_network', 'BindingMapping': '_network', 'Network': '_network', 'NetworkInterface': '_network',
    'Secret': '_secret', 'SecretInfo': '_secret', 'SecretRotate': '_secret',
    'Container': '_container', 'ContainerMapping': '_container', 'CheckInfoMapping': '_container',
    'LazyCheckInfo': '_container', 'LazyNotice': '_container', 'MultiPushPullError': '_container',
    'ServiceInfoMapping': '_container', 'pebble': 'pebble',
}  # fmt: skip


def __getattr__(name: str) -> Any:
    home = _ELSEWHERE.get(name)
    if home is None:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from importlib import import_module

    module = import_module('.' + home, __package__)
    value = globals()[name] = module if name == home else getattr(module, name)
    return value


class Model:
    """The model, from this unit's point of view."""

    def __init__(
        self,
        meta: CharmMeta,
        backend: _ModelBackend,
        broken_relation_id: int | None = None,
        remote_unit_name: str | None = None,
    ):
        self._backend = backend
        self._cache = _ModelCache(meta, backend)
        self._unit: Unit = self._cache.get(Unit, backend.unit_name)
        remote = self._cache.get(Unit, remote_unit_name) if remote_unit_name else None
        self._relations = RelationMapping(
            meta.relations, self._unit, backend, self._cache, broken_relation_id, _remote_unit=remote
        )
        self._config = ConfigData(backend)
        self._resources = Resources(meta.resources, backend)
        self._storages = StorageMapping(meta.storages, backend)
        self._bindings: BindingMapping | None = None

    @property
    def unit(self) -> Unit:
        """The unit that this charm runs for."""
        return self._unit

    @property
    def app(self) -> Application:
        """Its application."""
        return self._unit.app

    @property
    def relations(self) -> RelationMapping:
        """The relations of each endpoint, in a list under its name."""
        return self._relations

    @property
    def config(self) -> ConfigData:
        """The application's config."""
        return self._config

    @property
    def resources(self) -> Resources:
        """The charm's resources."""
        return self._resources

    @property
    def storages(self) -> StorageMapping:
        """The unit's storage, in a list under each name."""
        return self._storages

    @property
    def pod(self) -> Pod:
        """How charms without a sidecar specify their pod. Deprecated in every Juju that still has it."""
        return Pod(self._backend)

    @property
    def name(self) -> str:
        """The model's name."""
        return self._backend.model_name

    @property
    def uuid(self) -> str:
        """The model's identifier."""
        return self._backend.model_uuid

    @property
    def juju_version(self) -> JujuVersion:
        """The version of Juju, or the one that is stood in for."""
        return self._backend._juju_context.version

    def get_unit(self, unit_name: str) -> Unit:
        """A unit by name; whether there is one is not asked."""
        return self._cache.get(Unit, unit_name)

    def get_app(self, app_name: str) -> Application:
        """An application by name; whether there is one is not asked."""
        return self._cache.get(Application, app_name)

    def get_relation(self, relation_name: str, relation_id: int | None = None) -> Relation | None:
        """The one relation of an endpoint, or the one that has the id.

        Returns:
            None when the endpoint has none.

        Raises:
            TooManyRelatedAppsError: when it has several and no id is given.
        """
        return self._relations._get_unique(relation_name, relation_id)

    def get_binding(self, binding_key: str | Relation) -> Binding:
        """The network of an endpoint, of an extra binding, or of one relation."""
        if self._bindings is None:
            from ._network import BindingMapping

            self._bindings = BindingMapping(self._backend)
        return self._bindings.get(binding_key)

    def get_secret(self, *, id: str | None = None, label: str | None = None) -> Secret:
        """A secret that this unit owns or was granted. With both, the secret gets the label.

        Raises:
            SecretNotFoundError: when there is none, or it was not granted.
        """
        if not (id or label):
            raise TypeError('Must provide an id or label, or both')
        from ._secret import Secret

        if id is not None:
            id = Secret._canonicalize_id(id, self.uuid)
        return Secret(self._backend, id=id, label=label, content=self._backend.secret_get(id=id, label=label))

    def get_cloud_spec(self) -> CloudSpec:
        """The cloud, with a credential, for an application that was trusted.

        Raises:
            ModelError: when it was not.
        """
        return self._backend.credential_get()


class _ModelCache:
    """Units and applications, one object for each."""

    def __init__(self, meta: CharmMeta, backend: _ModelBackend):
        self._meta, self._backend = meta, backend
        self._known: weakref.WeakValueDictionary[tuple[type[Any], str], Any] = weakref.WeakValueDictionary()

    def get(self, entity_type: type[Any], name: str) -> Any:
        entity = self._known.get((entity_type, name))
        if entity is None:
            entity = self._known[entity_type, name] = entity_type(name, self._meta, self._backend, self)
        return entity


class _Entity:
    """What a unit and an application have in common."""

    _word = ''

    def __init__(self, name: str, backend: _ModelBackend, ours: str):
        self.name, self._backend = name, backend
        self._ours = name == ours
        self._status: StatusBase | None = None
        self._collected_statuses: list[StatusBase] = []

    def _invalidate(self) -> None:
        self._status = None

    def _read_status(self, is_app: bool) -> StatusBase:
        if not self._ours:
            return UnknownStatus()
        if self._status is None:
            raw = self._backend.status_get(is_app=is_app)
            self._status = StatusBase.from_name(raw['status'], raw['message'])
        return self._status

    def _write_status(self, value: StatusBase, is_app: bool) -> None:
        if not isinstance(value, StatusBase):
            raise InvalidStatusError(f'invalid value provided for {self._word} {self} status: {value}')
        if not self._ours:
            raise RuntimeError(f'cannot set status for a remote {self._word} {self}')
        if is_app:
            self._lead('set')
        self._backend.status_set(value.name, value.message, is_app=is_app)
        self._status = value

    def _lead(self, verb: str) -> None:
        if not self._backend.is_leader():
            from .log import security_event

            security_event('CRITICAL', 'authz_fail', f'status-{verb}', 'only the leader has the application status')
            raise RuntimeError(f'cannot {verb} application status as a non-leader unit')

    def _add_secret(
        self, owner: str, content: Dict[str, str], label: str | None, description: str | None, expire: Any, rotate: Any
    ) -> Secret:
        from ._secret import Secret, expiry

        Secret._validate_content(content)
        id = self._backend.secret_add(
            content, label=label, description=description, expire=expiry(expire), rotate=rotate, owner=owner
        )
        return Secret(self._backend, id=id, label=label, content=dict(content))

    def __repr__(self) -> str:
        return f'<{type(self).__module__}.{type(self).__name__} {self.name}>'


class Application(_Entity):
    """An application: the charm's own, or one that it has a relation with."""

    name: str
    """What it was deployed as."""
    _word = 'application'

    def __init__(self, name: str, meta: CharmMeta, backend: _ModelBackend, cache: _ModelCache):
        super().__init__(name, backend, backend.app_name)
        self._is_our_app = self._ours

    @property
    def status(self) -> StatusBase:
        """How the application is. Only its leader knows and sets it; of others it is unknown.

        Raises:
            RuntimeError: for a unit that does not lead, or when it is set for another application.
            InvalidStatusError: when it is set to what is no status.
        """
        if self._ours:
            self._lead('get')
        return self._read_status(is_app=True)

    @status.setter
    def status(self, value: StatusBase) -> None:
        self._write_status(value, is_app=True)

    def planned_units(self) -> int:
        """How many units the application is meant to have: those that are not on their way out.

        Raises:
            RuntimeError: for another application.
        """
        if not self._ours:
            raise RuntimeError(f'cannot get planned units for a remote application {self}.')
        return self._backend.planned_units()

    def add_secret(
        self,
        content: Dict[str, str],
        *,
        label: str | None = None,
        description: str | None = None,
        expire: datetime.datetime | datetime.timedelta | None = None,
        rotate: SecretRotate | None = None,
    ) -> Secret:
        """Create a secret of the application.

        Args:
            content: keys of lower-case letters, digits and dashes, with their values.
            label: a name for this application's own use.
            description: for people.
            expire: when, or in how long, the content should no longer be used.
            rotate: how often the charm wants to be asked for new content.

        Raises:
            ValueError, TypeError: for content that a secret cannot have.
            ModelError: for a unit that does not lead.
        """
        return self._add_secret('application', content, label, description, expire, rotate)


class Unit(_Entity):
    """A unit: the charm's own, a peer, or one of another application."""

    name: str
    """As `web/0`."""
    app: Application
    """Its application."""
    _word = 'unit'

    def __init__(self, name: str, meta: CharmMeta, backend: _ModelBackend, cache: _ModelCache):
        super().__init__(name, backend, backend.unit_name)
        self.app = cache.get(Application, name.partition('/')[0])
        self._is_our_unit = self._ours
        self._meta = meta
        self._containers: ContainerMapping | None = None

    @property
    def status(self) -> StatusBase:
        """How the unit is; of another unit it is unknown.

        Raises:
            RuntimeError: when it is set for another unit.
            InvalidStatusError: when it is set to what is no status.
        """
        return self._read_status(is_app=False)

    @status.setter
    def status(self, value: StatusBase) -> None:
        self._write_status(value, is_app=False)

    def is_leader(self) -> bool:
        """Whether this unit leads its application: true holds for 30 seconds at least.

        Raises:
            RuntimeError: for another unit.
        """
        if not self._ours:
            raise RuntimeError(f'leadership status of remote units ({self}) is not visible to other applications')
        return self._backend.is_leader()

    def set_workload_version(self, version: str) -> None:
        """Show users which version of the workload runs."""
        if not isinstance(version, str):
            raise TypeError(f'workload version must be a str, not {type(version).__name__}: {version!r}')
        self._backend.application_version_set(version)

    @property
    def containers(self) -> Mapping[str, Container]:
        """The unit's containers by name.

        Raises:
            RuntimeError: for another unit.
        """
        if not self._ours:
            raise RuntimeError(f'cannot get container for a remote unit {self}')
        if self._containers is None:
            from ._container import ContainerMapping

            self._containers = ContainerMapping(self._meta.containers, self._backend)
        return self._containers

    def get_container(self, container_name: str) -> Container:
        """One container.

        Raises:
            ModelError: when the charm's metadata has none of that name.
        """
        try:
            return self.containers[container_name]
        except KeyError:
            raise ModelError(f'container {container_name!r} not found') from None

    def add_secret(
        self,
        content: Dict[str, str],
        *,
        label: str | None = None,
        description: str | None = None,
        expire: datetime.datetime | datetime.timedelta | None = None,
        rotate: SecretRotate | None = None,
    ) -> Secret:
        """Create a secret of this unit; the arguments are those of `Application.add_secret`."""
        return self._add_secret('unit', content, label, description, expire, rotate)

    def open_port(self, protocol: Literal['tcp', 'udp', 'icmp'], port: int | None = None) -> None:
        """Open a port to the outside, once the application is exposed. See also `set_ports`."""
        self._backend.open_port(protocol.lower(), port)

    def close_port(self, protocol: Literal['tcp', 'udp', 'icmp'], port: int | None = None) -> None:
        """Close a port that this unit opened."""
        self._backend.close_port(protocol.lower(), port)

    def opened_ports(self) -> set[Port]:
        """The ports that this unit has open."""
        return self._backend.opened_ports()

    def set_ports(self, *ports: int | Port) -> None:
        """Have these ports open, a number meaning TCP, and no others."""
        wanted = {Port('tcp', port) if isinstance(port, int) else Port(port.protocol, port.port) for port in ports}
        opened = self._backend.opened_ports()
        for port in opened - wanted:
            self._backend.close_port(port.protocol, port.port)
        for port in wanted - opened:
            self._backend.open_port(port.protocol, port.port)

    def reboot(self, now: bool = False) -> None:
        """Reboot the machine after this hook; or at once, which ends the charm here and runs the hook again after.

        Raises:
            RuntimeError: for another unit.
            ModelError: when it cannot be, as on Kubernetes.
        """
        if not self._ours:
            raise RuntimeError(f'cannot reboot a remote unit {self}')
        self._backend.reboot(now)


@record
class Port:
    """A port that is open."""

    protocol: Literal['tcp', 'udp', 'icmp']
    """The protocol."""
    port: int | None
    """The number; None for ICMP."""


OpenedPort = Port


class ConfigData(_ConfigMapping):
    """The application's config: options that are set, or have a default. It does not change within a dispatch."""

    def __init__(self, backend: _ModelBackend):
        self._backend = backend

    def _load(self) -> Dict[str, bool | int | float | str]:
        return self._backend.config_get()


class Resources:
    """The files and images that come with the charm."""

    def __init__(self, names: Iterable[str], backend: _ModelBackend):
        self._backend = backend
        self._paths: dict[str, pathlib.Path | None] = dict.fromkeys(names)

    def fetch(self, name: str) -> pathlib.Path:
        """Where a resource lies, fetched if need be.

        Raises:
            NameError: when the metadata has none of that name.
            ModelError: when it could not be had.
        """
        if name not in self._paths:
            raise NameError(f'invalid resource name: {name}')
        path = self._paths[name]
        if path is None:
            from pathlib import Path

            path = self._paths[name] = Path(self._backend.resource_get(name))
        return path


class Pod:
    """What Juju before sidecars called a pod."""

    def __init__(self, backend: _ModelBackend):
        self._backend = backend

    def set_spec(self, spec: Mapping[str, Any], k8s_resources: Mapping[str, Any] | None = None) -> None:
        """Say what the pod is to be. Only the leader can.

        Raises:
            ModelError: for another unit, and where there are no such pods any more.
        """
        if not self._backend.is_leader():
            raise ModelError('cannot set a pod spec as this unit is not a leader')
        self._backend.pod_spec_set(spec, k8s_resources)


class StorageMapping(_StorageLists):
    """The unit's storage: a list for each name in the metadata."""

    def __init__(self, storage_names: Iterable[str], backend: _ModelBackend):
        self._backend = backend
        self._lists: dict[str, list[Storage] | None] = dict.fromkeys(storage_names)

    def __contains__(self, key: object) -> bool:
        return key in self._lists

    def __len__(self) -> int:
        return len(self._lists)

    def __iter__(self) -> Iterator[str]:
        return iter(self._lists)

    def __getitem__(self, storage_name: str) -> list[Storage]:
        if storage_name not in self._lists:
            known = ', '.join(self._lists) or 'none'
            raise KeyError(f'Storage {storage_name!r} not found: the metadata has {known}')
        found = self._lists[storage_name]
        if found is None:
            numbers = self._backend.storage_list(storage_name)
            found = self._lists[storage_name] = [Storage(storage_name, n, self._backend) for n in numbers]
        return found

    def request(self, storage_name: str, count: int = 1) -> None:
        """Ask for more storage; it comes with an event of its own.

        Raises:
            ModelError: when the metadata has none of that name.
        """
        if storage_name not in self._lists:
            known = ', '.join(self._lists) or 'none'
            raise ModelError(f'cannot add storage {storage_name!r}: it is not present in the charm metadata ({known})')
        self._backend.storage_add(storage_name, count)

    def _invalidate(self, storage_name: str) -> None:
        self._lists[storage_name] = None


class Storage:
    """One storage of the unit."""

    def __init__(self, storage_name: str, storage_index: int, backend: _ModelBackend):
        self.name = storage_name
        """As in the metadata."""
        self._backend, self._index = backend, storage_index
        self._location: pathlib.Path | None = None

    @property
    def index(self) -> int:
        """Its number among those of its name."""
        return self._index

    @property
    def id(self) -> int:
        """Deprecated: `index` and `full_id` say what they are."""
        import warnings

        warnings.warn('Storage.id is deprecated: use Storage.index', DeprecationWarning, stacklevel=2)
        return self._index

    @property
    def full_id(self) -> str:
        """Name and number, as `data/0`."""
        return f'{self.name}/{self._index}'

    @property
    def location(self) -> pathlib.Path:
        """Where it is mounted, or which device it is."""
        if self._location is None:
            from pathlib import Path

            self._location = Path(self._backend.storage_get(self.full_id, 'location'))
        return self._location

    @location.setter
    def location(self, location: str) -> None:
        from pathlib import Path

        self._location = Path(location)


@record
class RemoteModel:
    """The model on the other side of a relation."""

    uuid: str
    """Its identifier."""


@record
class CloudCredential:
    """A credential for a cloud."""

    auth_type: str
    """Of what kind it is."""
    attributes: Dict[str, str] = {}
    """What it consists of."""
    redacted: List[str] = []
    """Attributes that are there but not shown."""

    @classmethod
    def from_dict(cls, d: Dict[str, Any]) -> CloudCredential:
        """Read what credential-get prints."""
        return cls(
            auth_type=d['auth-type'], attributes=dict(d.get('attrs') or {}), redacted=list(d.get('redacted') or [])
        )


@record
class CloudSpec:
    """A cloud, and how to get at it."""

    type: str
    """Of what kind it is."""
    name: str
    """What the controller calls it."""
    region: str | None = None
    """Its region."""
    endpoint: str | None = None
    """Where its API is."""
    identity_endpoint: str | None = None
    """Where its API for identities is."""
    storage_endpoint: str | None = None
    """Where its API for storage is."""
    credential: CloudCredential | None = None
    """What opens it."""
    ca_certificates: List[str] = []
    """Certificates to trust."""
    skip_tls_verify: bool = False
    """Whether to trust any certificate."""
    is_controller_cloud: bool = False
    """Whether the controller runs there too."""

    @classmethod
    def from_dict(cls, d: Dict[str, Any]) -> CloudSpec:
        """Read what credential-get prints."""
        credential = d.get('credential')
        return cls(
            type=d['type'],
            name=d['name'],
            region=d.get('region') or None,
            endpoint=d.get('endpoint') or None,
            identity_endpoint=d.get('identity-endpoint') or None,
            storage_endpoint=d.get('storage-endpoint') or None,
            credential=CloudCredential.from_dict(credential) if credential else None,
            ca_certificates=list(d.get('cacertificates') or []),
            skip_tls_verify=bool(d.get('skip-tls-verify')),
            is_controller_cloud=bool(d.get('is-controller-cloud')),
        )
