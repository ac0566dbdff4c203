"""The charm and the events of its model."""

from __future__ import annotations

import logging

from ._events import EventBase, EventSource, LifecycleEvent
from ._hook_events import (
    ActionEvent,
    CollectMetricsEvent,
    ConfigChangedEvent,
    HookEvent,
    InstallEvent,
    LeaderElectedEvent,
    LeaderSettingsChangedEvent,
    PostSeriesUpgradeEvent,
    PreSeriesUpgradeEvent,
    RelationBrokenEvent,
    RelationChangedEvent,
    RelationCreatedEvent,
    RelationDepartedEvent,
    RelationEvent,
    RelationJoinedEvent,
    RemoveEvent,
    StartEvent,
    StopEvent,
    UpdateStatusEvent,
    UpgradeCharmEvent,
    _end_dispatch,
)
from ._meta import CharmMeta
from ._meta_parts import (
    ActionMeta,
    ConfigMeta,
    ContainerBase,
    ContainerMeta,
    ContainerStorageMeta,
    JujuAssumes,
    JujuAssumesCondition,
    MetadataLinks,
    PayloadMeta,
    RelationMeta,
    RelationRole,
    ResourceMeta,
    StorageMeta,
)
from ._objects import Object, ObjectEvents
from ._status import SETTABLE, ActiveStatus, BlockedStatus, StatusBase
from ._workload_events import (
    PebbleCheckEvent,
    PebbleCheckFailedEvent,
    PebbleCheckRecoveredEvent,
    PebbleCustomNoticeEvent,
    PebbleNoticeEvent,
    PebbleReadyEvent,
    SecretChangedEvent,
    SecretEvent,
    SecretExpiredEvent,
    SecretRemoveEvent,
    SecretRotateEvent,
    StorageAttachedEvent,
    StorageDetachingEvent,
    StorageEvent,
    WorkloadEvent,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pathlib
    from typing import Any, Literal, TypeVar

    from . import model
    from .framework import Framework

    _T = TypeVar('_T')

__all__ = [
    'ActionEvent', 'ActionMeta', 'CharmBase', 'CharmEvents', 'CharmMeta', 'CollectMetricsEvent',
    'CollectStatusEvent', 'ConfigChangedEvent', 'ConfigMeta', 'ContainerBase', 'ContainerMeta',
    'ContainerStorageMeta', 'HookEvent', 'InstallEvent', 'JujuAssumes', 'JujuAssumesCondition',
    'LeaderElectedEvent', 'LeaderSettingsChangedEvent', 'MetadataLinks', 'PayloadMeta', 'PebbleCheckEvent',
    'PebbleCheckFailedEvent', 'PebbleCheckRecoveredEvent', 'PebbleCustomNoticeEvent', 'PebbleNoticeEvent',
    'PebbleReadyEvent', 'PostSeriesUpgradeEvent', 'PreSeriesUpgradeEvent', 'RelationBrokenEvent',
    'RelationChangedEvent', 'RelationCreatedEvent', 'RelationDepartedEvent', 'RelationEvent',
    'RelationJoinedEvent', 'RelationMeta', 'RelationRole', 'RemoveEvent', 'ResourceMeta', 'SecretChangedEvent',
    'SecretEvent', 'SecretExpiredEvent', 'SecretRemoveEvent', 'SecretRotateEvent', 'StartEvent', 'StopEvent',
    'StorageAttachedEvent', 'StorageDetachingEvent', 'StorageEvent', 'StorageMeta', 'UpdateStatusEvent',
    'UpgradeCharmEvent', 'WorkloadEvent',
]  # fmt: skip

logger = logging.getLogger(__name__)


def __getattr__(name: str) -> Any:
    if name == 'model':
        from . import model

        return model
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


class CollectStatusEvent(LifecycleEvent):
    """Every dispatch ends with this: each handler adds what it knows, and the worst becomes the status."""

    def add_status(self, status: StatusBase) -> None:
        """Add a status, of which there can be several.

        Raises:
            TypeError: when it is none.
            InvalidStatusError: when it is one that charms do not set.
        """
        if not isinstance(status, StatusBase):
            raise TypeError(f'status should be a StatusBase, not {type(status).__name__}')
        if status.name not in SETTABLE:
            from ._errors import InvalidStatusError

            raise InvalidStatusError(f'status.name must be in {SETTABLE}, not {status.name!r}')
        is_app = self.handle.kind == 'collect_app_status'
        if not isinstance(status, ActiveStatus):
            logger.debug('Adding %s status %s', 'app' if is_app else 'unit', status, stacklevel=2)
        owner = self.framework.model.app if is_app else self.framework.model.unit
        owner._collected_statuses.append(status)


class CharmEvents(ObjectEvents):
    """The events of a charm. Those of its relations, storage, containers and actions join them when it is made."""

    install = EventSource(InstallEvent)
    start = EventSource(StartEvent)
    stop = EventSource(StopEvent)
    remove = EventSource(RemoveEvent)
    update_status = EventSource(UpdateStatusEvent)
    config_changed = EventSource(ConfigChangedEvent)
    upgrade_charm = EventSource(UpgradeCharmEvent)
    pre_series_upgrade = EventSource(PreSeriesUpgradeEvent)
    post_series_upgrade = EventSource(PostSeriesUpgradeEvent)
    leader_elected = EventSource(LeaderElectedEvent)
    leader_settings_changed = EventSource(LeaderSettingsChangedEvent)
    collect_metrics = EventSource(CollectMetricsEvent)
    secret_changed = EventSource(SecretChangedEvent)
    secret_expired = EventSource(SecretExpiredEvent)
    secret_rotate = EventSource(SecretRotateEvent)
    secret_remove = EventSource(SecretRemoveEvent)
    collect_app_status = EventSource(CollectStatusEvent)
    """In the leader, at the end of every dispatch."""
    collect_unit_status = EventSource(CollectStatusEvent)
    """At the end of every dispatch."""


# What each name in the metadata brings: its section, and the endings with the events' classes.
_BY_SECTION: tuple[tuple[str, tuple[tuple[str, type[EventBase]], ...]], ...] = (
    (
        'relations',
        (
            ('relation_created', RelationCreatedEvent),
            ('relation_joined', RelationJoinedEvent),
            ('relation_changed', RelationChangedEvent),
            ('relation_departed', RelationDepartedEvent),
            ('relation_broken', RelationBrokenEvent),
        ),
    ),
    ('storages', (('storage_attached', StorageAttachedEvent), ('storage_detaching', StorageDetachingEvent))),
    ('actions', (('action', ActionEvent),)),
    (
        'containers',
        (
            ('pebble_ready', PebbleReadyEvent),
            ('pebble_custom_notice', PebbleCustomNoticeEvent),
            ('pebble_check_failed', PebbleCheckFailedEvent),
            ('pebble_check_recovered', PebbleCheckRecoveredEvent),
        ),
    ),
)


class CharmBase(Object):
    """The base of every charm: observe the events of `on` in `__init__`, act in their handlers.

    Args:
        framework: handed on as it came.
    """

    on: CharmEvents = CharmEvents()  # type: ignore[assignment]
    """The events of the model."""

    if TYPE_CHECKING:

        @property
        def on(self) -> CharmEvents:
            """The events of the model."""
            ...

    def __init__(self, framework: Framework):
        super().__init__(framework, None)
        for section, events in _BY_SECTION:
            for name in getattr(framework.meta, section):
                for ending, event_type in events:
                    self.on.define_event(f'{name.replace("-", "_")}_{ending}', event_type)

    @property
    def app(self) -> model.Application:
        """The application that this unit is of."""
        return self.framework.model.app

    @property
    def unit(self) -> model.Unit:
        """The unit that this runs for."""
        return self.framework.model.unit

    @property
    def meta(self) -> CharmMeta:
        """What the charm says of itself."""
        return self.framework.meta

    @property
    def charm_dir(self) -> pathlib.Path:
        """Where the charm lies."""
        return self.framework.charm_dir

    @property
    def config(self) -> model.ConfigData:
        """The application's config."""
        return self.model.config

    def load_config(
        self, cls: type[_T], *args: Any, errors: Literal['raise', 'blocked'] = 'raise', **kwargs: Any
    ) -> _T:
        """Make an object of the config: `self.load_config(WebConfig)`. Options of type secret become Secrets.

        Args:
            cls: a dataclass, a Pydantic class, or any class that takes options by name, with dashes as underscores.
            args: handed to the class first.
            errors: `blocked` blocks the unit, and ends the dispatch, when the class raises a ValueError.
            kwargs: further values for the class.
        """
        from ._fields import arguments

        fields, values = arguments(cls), dict(kwargs)
        for key, value in self.config.items():
            name = key.replace('-', '_')
            if fields is not None and name not in fields:
                continue
            option = self.meta.config.get(key)
            if option is not None and option.type == 'secret':
                from ._secret import Secret

                value = Secret(self.model._backend, id=str(value))  # type: ignore[assignment]
            values[name] = value
        try:
            return cls(*args, **values)
        except ValueError as e:
            if errors == 'raise':
                raise
            self.unit.status = BlockedStatus(f'Invalid config: {e}')
            raise _end_dispatch() from e


def _evaluate_status(charm: CharmBase) -> None:
    """Collect statuses and set the worst, of the application too where this unit leads."""
    if charm.framework.model._backend.is_leader():
        charm.on.collect_app_status.emit()
        _set_worst(charm.app)
    charm.on.collect_unit_status.emit()
    _set_worst(charm.unit)


def _set_worst(owner: model.Application | model.Unit) -> None:
    if owner._collected_statuses:
        owner.status = StatusBase._get_highest_priority(owner._collected_statuses)
