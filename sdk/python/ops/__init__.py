"""Charms in Python: the API of `ops` 3, without a dependency, loaded as far as it is used.

    import ops

    class WebCharm(ops.CharmBase):
        def __init__(self, framework: ops.Framework):
            super().__init__(framework)
            framework.observe(self.on.config_changed, self._on_config_changed)

        def _on_config_changed(self, event: ops.ConfigChangedEvent):
            self.unit.status = ops.ActiveStatus()

    if __name__ == '__main__':
        ops.main(WebCharm)

Importing this costs next to nothing: a name's module is loaded when the name is first used.
"""

from __future__ import annotations

from .version import version as __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import (
        charm as charm,
        framework as framework,
        hookcmds as hookcmds,
        jujucontext as jujucontext,
        jujuversion as jujuversion,
        lib as lib,
        log as log,
        model as model,
        pebble as pebble,
        storage as storage,
        testing as testing,
        tracing as tracing,
        version as version,
    )
    from .charm import (
        ActionEvent as ActionEvent,
        ActionMeta as ActionMeta,
        CharmBase as CharmBase,
        CharmEvents as CharmEvents,
        CharmMeta as CharmMeta,
        CollectMetricsEvent as CollectMetricsEvent,
        CollectStatusEvent as CollectStatusEvent,
        ConfigChangedEvent as ConfigChangedEvent,
        ConfigMeta as ConfigMeta,
        ContainerBase as ContainerBase,
        ContainerMeta as ContainerMeta,
        ContainerStorageMeta as ContainerStorageMeta,
        HookEvent as HookEvent,
        InstallEvent as InstallEvent,
        JujuAssumes as JujuAssumes,
        JujuAssumesCondition as JujuAssumesCondition,
        LeaderElectedEvent as LeaderElectedEvent,
        LeaderSettingsChangedEvent as LeaderSettingsChangedEvent,
        MetadataLinks as MetadataLinks,
        PayloadMeta as PayloadMeta,
        PebbleCheckEvent as PebbleCheckEvent,
        PebbleCheckFailedEvent as PebbleCheckFailedEvent,
        PebbleCheckRecoveredEvent as PebbleCheckRecoveredEvent,
        PebbleCustomNoticeEvent as PebbleCustomNoticeEvent,
        PebbleNoticeEvent as PebbleNoticeEvent,
        PebbleReadyEvent as PebbleReadyEvent,
        PostSeriesUpgradeEvent as PostSeriesUpgradeEvent,
        PreSeriesUpgradeEvent as PreSeriesUpgradeEvent,
        RelationBrokenEvent as RelationBrokenEvent,
        RelationChangedEvent as RelationChangedEvent,
        RelationCreatedEvent as RelationCreatedEvent,
        RelationDepartedEvent as RelationDepartedEvent,
        RelationEvent as RelationEvent,
        RelationJoinedEvent as RelationJoinedEvent,
        RelationMeta as RelationMeta,
        RelationRole as RelationRole,
        RemoveEvent as RemoveEvent,
        ResourceMeta as ResourceMeta,
        SecretChangedEvent as SecretChangedEvent,
        SecretEvent as SecretEvent,
        SecretExpiredEvent as SecretExpiredEvent,
        SecretRemoveEvent as SecretRemoveEvent,
        SecretRotateEvent as SecretRotateEvent,
        StartEvent as StartEvent,
        StopEvent as StopEvent,
        StorageAttachedEvent as StorageAttachedEvent,
        StorageDetachingEvent as StorageDetachingEvent,
        StorageEvent as StorageEvent,
        StorageMeta as StorageMeta,
        UpdateStatusEvent as UpdateStatusEvent,
        UpgradeCharmEvent as UpgradeCharmEvent,
        WorkloadEvent as WorkloadEvent,
    )
    from .framework import (
        BoundEvent as BoundEvent,
        BoundStoredState as BoundStoredState,
        CommitEvent as CommitEvent,
        EventBase as EventBase,
        EventSource as EventSource,
        Framework as Framework,
        FrameworkEvents as FrameworkEvents,
        Handle as Handle,
        HandleKind as HandleKind,
        LifecycleEvent as LifecycleEvent,
        NoTypeError as NoTypeError,
        Object as Object,
        ObjectEvents as ObjectEvents,
        PreCommitEvent as PreCommitEvent,
        PrefixedEvents as PrefixedEvents,
        Serializable as Serializable,
        StoredDict as StoredDict,
        StoredList as StoredList,
        StoredSet as StoredSet,
        StoredState as StoredState,
        StoredStateData as StoredStateData,
    )
    from .hookcmds import (
        StatusName as StatusName,
    )
    from .jujucontext import (
        JujuContext as JujuContext,
    )
    from .jujuversion import (
        JujuVersion as JujuVersion,
    )
    from .model import (
        ActiveStatus as ActiveStatus,
        Application as Application,
        Binding as Binding,
        BindingMapping as BindingMapping,
        BlockedStatus as BlockedStatus,
        CheckInfoMapping as CheckInfoMapping,
        CloudCredential as CloudCredential,
        CloudSpec as CloudSpec,
        ConfigData as ConfigData,
        Container as Container,
        ContainerMapping as ContainerMapping,
        ErrorStatus as ErrorStatus,
        InvalidStatusError as InvalidStatusError,
        LazyCheckInfo as LazyCheckInfo,
        LazyMapping as LazyMapping,
        LazyNotice as LazyNotice,
        MaintenanceStatus as MaintenanceStatus,
        Model as Model,
        ModelError as ModelError,
        MultiPushPullError as MultiPushPullError,
        Network as Network,
        NetworkInterface as NetworkInterface,
        OpenedPort as OpenedPort,
        Pod as Pod,
        Port as Port,
        Relation as Relation,
        RelationData as RelationData,
        RelationDataAccessError as RelationDataAccessError,
        RelationDataContent as RelationDataContent,
        RelationDataError as RelationDataError,
        RelationDataTypeError as RelationDataTypeError,
        RelationMapping as RelationMapping,
        RelationNotFoundError as RelationNotFoundError,
        RemoteModel as RemoteModel,
        Resources as Resources,
        Secret as Secret,
        SecretInfo as SecretInfo,
        SecretNotFoundError as SecretNotFoundError,
        SecretRotate as SecretRotate,
        ServiceInfoMapping as ServiceInfoMapping,
        StatusBase as StatusBase,
        Storage as Storage,
        StorageMapping as StorageMapping,
        TooManyRelatedAppsError as TooManyRelatedAppsError,
        Unit as Unit,
        UnknownStatus as UnknownStatus,
        WaitingStatus as WaitingStatus,
    )

    class _Main:
        """The module `ops.main`, which can be called."""

        def __call__(self, charm_class: type[CharmBase], use_juju_for_storage: bool | None = None) -> None: ...
        def main(self, charm_class: type[CharmBase], use_juju_for_storage: bool | None = None) -> None: ...

    main = _Main()

# Which names each module gives.
_NAMES = {
    'charm': (
        'ActionEvent ActionMeta CharmBase CharmEvents CharmMeta CollectMetricsEvent CollectStatusEvent '
        'ConfigChangedEvent ConfigMeta ContainerBase ContainerMeta ContainerStorageMeta HookEvent '
        'InstallEvent JujuAssumes JujuAssumesCondition LeaderElectedEvent LeaderSettingsChangedEvent '
        'MetadataLinks PayloadMeta PebbleCheckEvent PebbleCheckFailedEvent PebbleCheckRecoveredEvent '
        'PebbleCustomNoticeEvent PebbleNoticeEvent PebbleReadyEvent PostSeriesUpgradeEvent '
        'PreSeriesUpgradeEvent RelationBrokenEvent RelationChangedEvent RelationCreatedEvent '
        'RelationDepartedEvent RelationEvent RelationJoinedEvent RelationMeta RelationRole RemoveEvent '
        'ResourceMeta SecretChangedEvent SecretEvent SecretExpiredEvent SecretRemoveEvent SecretRotateEvent '
        'StartEvent StopEvent StorageAttachedEvent StorageDetachingEvent StorageEvent StorageMeta '
        'UpdateStatusEvent UpgradeCharmEvent WorkloadEvent'
    ),
    'framework': (
        'BoundEvent BoundStoredState CommitEvent EventBase EventSource Framework FrameworkEvents Handle '
        'HandleKind LifecycleEvent NoTypeError Object ObjectEvents PreCommitEvent PrefixedEvents Serializable '
        'StoredDict StoredList StoredSet StoredState StoredStateData'
    ),
    'hookcmds': 'StatusName',
    'jujucontext': 'JujuContext',
    'jujuversion': 'JujuVersion',
    'model': (
        'ActiveStatus Application Binding BindingMapping BlockedStatus CheckInfoMapping CloudCredential '
        'CloudSpec ConfigData Container ContainerMapping ErrorStatus InvalidStatusError LazyCheckInfo '
        'LazyMapping LazyNotice MaintenanceStatus Model ModelError MultiPushPullError Network '
        'NetworkInterface OpenedPort Pod Port Relation RelationData RelationDataAccessError '
        'RelationDataContent RelationDataError RelationDataTypeError RelationMapping RelationNotFoundError '
        'RemoteModel Resources Secret SecretInfo SecretNotFoundError SecretRotate ServiceInfoMapping '
        'StatusBase Storage StorageMapping TooManyRelatedAppsError Unit UnknownStatus WaitingStatus'
    ),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}
_MODULES = frozenset(
    'charm framework hookcmds jujucontext jujuversion lib log main model pebble storage testing version'.split()
)

__all__ = ['__version__', 'main', 'pebble', 'tracing', *_HOME]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _HOME:
        value = getattr(import_module('.' + _HOME[name], __name__), name)
    elif name in _MODULES:
        value = import_module('.' + name, __name__)
    elif name == 'tracing':
        try:
            value = import_module('ops_tracing')
        except ImportError:
            value = import_module('.tracing', __name__)
    else:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
