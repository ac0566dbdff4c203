"""What a charm sees of its model: units, applications, relations, config, status, ports, storage, secrets.

Everything is asked for when it is used, and only once where it cannot change within a dispatch.
"""

from __future__ import annotations

import logging

from ._backend import MAX_LOG_LINE_LEN, _ModelBackend
from ._entities import Application, Unit, _ModelCache
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
    from typing import Any, Dict, Union

    from ._cloud import CloudCredential, CloudSpec, RemoteModel
    from ._container import Container
    from ._container_views import (
        CheckInfoMapping,
        ContainerMapping,
        LazyCheckInfo,
        LazyNotice,
        MultiPushPullError,
        ServiceInfoMapping,
    )
    from ._holdings import OpenedPort, Pod, Port, Resources, Storage, StorageMapping
    from ._meta import CharmMeta
    from ._network import Binding, BindingMapping, Network, NetworkInterface
    from ._secret import Secret, SecretInfo, SecretRotate
    from .jujuversion import JujuVersion

    _ConfigMapping = _GenericLazyMapping[Union[bool, int, float, str]]
else:
    _ConfigMapping = _GenericLazyMapping

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

_NAMES = {
    '_cloud': 'CloudCredential CloudSpec RemoteModel',
    '_container': 'Container',
    '_container_views': (
        'CheckInfoMapping ContainerMapping LazyCheckInfo LazyNotice MultiPushPullError ServiceInfoMapping'
    ),
    '_holdings': 'OpenedPort Pod Port Resources Storage StorageMapping',
    '_network': 'Binding BindingMapping Network NetworkInterface',
    '_secret': 'Secret SecretInfo SecretRotate',
    'pebble': 'pebble',
}
_ELSEWHERE = {name: module for module, names in _NAMES.items() for name in names.split()}


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
        self._meta = meta
        self._resources: Resources | None = None
        self._storages: StorageMapping | None = None
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
        if self._resources is None:
            from ._holdings import Resources

            self._resources = Resources(self._meta.resources, self._backend)
        return self._resources

    @property
    def storages(self) -> StorageMapping:
        """The unit's storage, in a list under each name."""
        if self._storages is None:
            from ._holdings import StorageMapping

            self._storages = StorageMapping(self._meta.storages, self._backend)
        return self._storages

    @property
    def pod(self) -> Pod:
        """How charms without a sidecar specify their pod. Deprecated in every Juju that still has it."""
        from ._holdings import Pod

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


class ConfigData(_ConfigMapping):
    """The application's config: options that are set, or have a default. It does not change within a dispatch."""

    def __init__(self, backend: _ModelBackend):
        self._backend = backend

    def _load(self) -> Dict[str, bool | int | float | str]:
        return self._backend.config_get()
