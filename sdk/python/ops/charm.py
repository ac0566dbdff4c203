"""The charm and the events of its model."""

from __future__ import annotations

import logging

from ._meta import (
    ActionMeta,
    CharmMeta,
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
from ._status import SETTABLE, ActiveStatus, BlockedStatus, StatusBase
from .framework import EventBase, EventSource, LifecycleEvent, Object, ObjectEvents

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pathlib
    from collections.abc import Mapping
    from typing import Any, Dict, Literal, NoReturn, TypeVar

    from . import model
    from .framework import Framework, Handle

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


class HookEvent(EventBase):
    """An event that the model sends."""


class ActionEvent(EventBase):
    """A user runs an action. It is answered now or never: it cannot be deferred."""

    id: str = ''
    """The task's id."""
    params: Dict[str, Any]
    """What the user gave, and the defaults."""

    def __init__(self, handle: Handle, id: str | None = None):
        super().__init__(handle)
        self.id = id  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f'<{type(self).__name__} id={self.id!r} via {self.handle}>'

    def defer(self) -> NoReturn:
        """Refuse.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError('cannot defer action events')

    def snapshot(self) -> Dict[str, Any]:
        """Return the id; the parameters are asked for again."""
        return {'id': self.id}

    def restore(self, snapshot: Dict[str, Any]) -> None:
        """Take the id and ask for the parameters."""
        self.id = snapshot['id']
        self.params = self.framework.model._backend.action_get()

    def set_results(self, results: Dict[str, Any]) -> None:
        """Answer. Dicts nest; keys are lower-case letters, digits, dashes and dots.

        Raises:
            ValueError: for another key.
        """
        self.framework.model._backend.action_set(results)

    def log(self, message: str) -> None:
        """Tell the user, who waits, how it goes."""
        self.framework.model._backend.action_log(message)

    def fail(self, message: str = '') -> None:
        """Mark the action as failed; the handler goes on, and results are kept."""
        self.framework.model._backend.action_fail(message)

    def load_params(
        self, cls: type[_T], *args: Any, errors: Literal['raise', 'fail'] = 'raise', **kwargs: Any
    ) -> _T:
        """Make an object of the parameters: `event.load_params(BackupParams)`.

        Args:
            cls: a dataclass, a Pydantic class, or any class that takes them by name, with dashes as underscores.
            args: handed to the class first.
            errors: `fail` fails the action, and ends the dispatch, when the class raises a ValueError.
            kwargs: further values for the class.
        """
        from ._fields import arguments

        fields, values = arguments(cls), dict(kwargs)
        for key, value in sorted(self.params.items()):
            name = key.replace('-', '_')
            if fields is None:
                values[name] = value
            elif name in fields:
                values[fields[name]] = value
        try:
            return cls(*args, **values)
        except ValueError as e:
            if errors == 'raise':
                raise
            self.fail(f'Error in action parameters: {e}')
            raise _end_dispatch() from e


def _end_dispatch() -> Exception:
    """What ends a dispatch early, and well."""
    from ._main import _Abort

    return _Abort(0)


class _NotDeferrable(HookEvent):
    """An event that comes only once, or until it is dealt with."""

    _why = ''

    def defer(self) -> NoReturn:
        """Refuse.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError(self._why)


class InstallEvent(HookEvent):
    """The unit is new: the first of its events but for storage."""


class StartEvent(HookEvent):
    """The unit is configured, for the first time since it was made or its machine restarted."""


class StopEvent(_NotDeferrable):
    """The unit is about to go."""

    _why = 'cannot defer stop events'


class RemoveEvent(_NotDeferrable):
    """The unit goes: the last of its events."""

    _why = 'cannot defer remove events'


class ConfigChangedEvent(HookEvent):
    """Config, or an address, may have changed."""


class UpdateStatusEvent(HookEvent):
    """Some minutes have passed."""


class UpgradeCharmEvent(HookEvent):
    """The charm's files were replaced by those of another revision."""


class LeaderElectedEvent(HookEvent):
    """This unit leads now."""


class LeaderSettingsChangedEvent(HookEvent):
    """The leader changed settings, in Jujus before 4."""


class _Outdated(HookEvent):
    """An event that newer Jujus do not send."""

    _until = ''

    def __init__(self, handle: Handle):
        import warnings

        warnings.warn(f'{type(self).__name__}: {self._until}', DeprecationWarning, stacklevel=3)
        super().__init__(handle)


class PreSeriesUpgradeEvent(_Outdated):
    """The machine is about to get another release of its system."""

    _until = 'there is no pre-series-upgrade in Juju 4'


class PostSeriesUpgradeEvent(_Outdated):
    """The machine got another release of its system."""

    _until = 'there is no post-series-upgrade in Juju 4'


class CollectMetricsEvent(_Outdated):
    """Metrics are wanted. Most hook tools do not work in its handler."""

    _until = 'there is no collect-metrics from Juju 3.6.11 on'

    def add_metrics(
        self, metrics: Mapping[str, int | float], labels: Mapping[str, str] | None = None
    ) -> None:
        """Hand in values."""
        self.framework.model._backend.add_metrics(metrics, labels)


class RelationEvent(HookEvent):
    """Something about a relation."""

    relation: model.Relation
    """The relation."""
    app: model.Application
    """The other application."""
    unit: model.Unit | None
    """The other unit; None when it is about the application."""

    def __init__(
        self,
        handle: Handle,
        relation: model.Relation,
        app: model.Application | None = None,
        unit: model.Unit | None = None,
    ):
        super().__init__(handle)
        if unit is not None and unit.app != app:
            raise RuntimeError(f'cannot create RelationEvent with application {app} and unit {unit}')
        if app is None:
            logger.warning('The model does not say whom %s is about: the application is missing.', relation)
        self.relation, self.app, self.unit = relation, app, unit  # type: ignore[assignment]

    def snapshot(self) -> Dict[str, Any]:
        """Return what it is about, by name."""
        snapshot: dict[str, Any] = {'relation_name': self.relation.name, 'relation_id': self.relation.id}
        if self.app:
            snapshot['app_name'] = self.app.name
        if self.unit:
            snapshot['unit_name'] = self.unit.name
        return snapshot

    def restore(self, snapshot: Dict[str, Any]) -> None:
        """Look up what it is about."""
        name, id = snapshot['relation_name'], snapshot['relation_id']
        relation = self.framework.model.get_relation(name, id)
        if relation is None:
            raise ValueError(f'Unable to restore {type(self).__name__}: relation {name} (id={id}) not found.')
        self.relation = relation
        app, unit = snapshot.get('app_name'), snapshot.get('unit_name')
        self.app = self.framework.model.get_app(app) if app else None  # type: ignore[assignment]
        self.unit = self.framework.model.get_unit(unit) if unit else None

    def __repr__(self) -> str:
        app, unit = getattr(self.app, 'name', None), getattr(self.unit, 'name', None)
        return f'<{type(self).__name__} app={app!r} unit={unit!r} on {self.relation!r} via {self.handle}>'


class RelationCreatedEvent(RelationEvent):
    """There is a relation now; nobody need have joined."""

    unit: None  # type: ignore[assignment]
    """None."""


class RelationJoinedEvent(RelationEvent):
    """A unit joined. What it has to say comes with relation-changed."""

    unit: model.Unit  # type: ignore[assignment]
    """Who joined."""


class RelationChangedEvent(RelationEvent):
    """A databag of the other side changed; also once after a unit joined."""


class RelationDepartedEvent(RelationEvent):
    """A unit left, or this unit is about to."""

    unit: model.Unit  # type: ignore[assignment]
    """The other unit: the one that left, unless it is this one that leaves."""

    def __init__(
        self,
        handle: Handle,
        relation: model.Relation,
        app: model.Application | None = None,
        unit: model.Unit | None = None,
        departing_unit_name: str | None = None,
    ):
        super().__init__(handle, relation, app=app, unit=unit)
        self._departing_unit_name = departing_unit_name

    @property
    def departing_unit(self) -> model.Unit | None:
        """Who leaves: the other unit, or this one."""
        name = self._departing_unit_name
        return self.framework.model.get_unit(name) if name else None

    def snapshot(self) -> Dict[str, Any]:
        """Return what it is about, by name."""
        snapshot = super().snapshot()
        if self._departing_unit_name:
            snapshot['departing_unit'] = self._departing_unit_name
        return snapshot

    def restore(self, snapshot: Dict[str, Any]) -> None:
        """Look up what it is about."""
        super().restore(snapshot)
        self._departing_unit_name = snapshot.get('departing_unit')


class RelationBrokenEvent(RelationEvent):
    """The relation goes; it is the last of its events."""

    unit: None  # type: ignore[assignment]
    """None."""


class StorageEvent(HookEvent):
    """Something about storage."""

    storage: model.Storage
    """The storage."""

    def __init__(self, handle: Handle, storage: model.Storage):
        super().__init__(handle)
        self.storage = storage

    def snapshot(self) -> Dict[str, Any]:
        """Return the storage's name, number and place."""
        storage = self.storage
        if storage is None:
            return {}
        return {
            'storage_name': storage.name,
            'storage_index': storage.index,
            'storage_location': str(storage.location),
        }

    def restore(self, snapshot: Dict[str, Any]) -> None:
        """Look the storage up."""
        name, index = snapshot.get('storage_name'), snapshot.get('storage_index')
        if not name or index is None:
            return
        location = snapshot.get('storage_location')
        storage = next((s for s in self.framework.model.storages[name] if s.index == index), None)
        if storage is None or location is None:
            missing = 'the unit has it no more' if storage is None else 'its location was not stored'
            raise RuntimeError(f'cannot restore the event of storage (name={name!r}, index={index!r}): {missing}')
        self.storage = storage
        storage.location = location

    def __repr__(self) -> str:
        return f'<{type(self).__name__} on {getattr(self, "storage", None)!r} via {self.handle}>'


class StorageAttachedEvent(StorageEvent):
    """The storage is there now."""


class StorageDetachingEvent(StorageEvent):
    """The storage is about to go."""


class WorkloadEvent(HookEvent):
    """Something about a container."""

    workload: model.Container
    """The container."""

    def __init__(self, handle: Handle, workload: model.Container):
        super().__init__(handle)
        self.workload = workload

    def snapshot(self) -> Dict[str, Any]:
        """Return the container's name."""
        return {'container_name': self.workload.name} if self.workload is not None else {}

    def restore(self, snapshot: Dict[str, Any]) -> None:
        """Look the container up."""
        name = snapshot.get('container_name')
        self.workload = self.framework.model.unit.get_container(name) if name else None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f'<{type(self).__name__} on {self.workload!r} via {self.handle}>'


class PebbleReadyEvent(WorkloadEvent):
    """The container's supervisor answers now; also each time that the container was restarted."""


class PebbleNoticeEvent(WorkloadEvent):
    """A notice was recorded in the container."""

    notice: model.LazyNotice
    """The notice."""

    def __init__(
        self, handle: Handle, workload: model.Container, notice_id: str, notice_type: str, notice_key: str
    ):
        super().__init__(handle, workload)
        self._look_at(notice_id, notice_type, notice_key)

    def _look_at(self, id: str, type: str, key: str) -> None:
        from ._container import LazyNotice

        self.notice = LazyNotice(self.workload, id, type, key)

    def snapshot(self) -> Dict[str, Any]:
        """Return the container's name and what the event tells of the notice."""
        kind = self.notice.type
        return {
            **super().snapshot(),
            'notice_id': self.notice.id,
            'notice_type': kind if isinstance(kind, str) else kind.value,
            'notice_key': self.notice.key,
        }

    def restore(self, snapshot: Dict[str, Any]) -> None:
        """Look both up."""
        super().restore(snapshot)
        self._look_at(snapshot['notice_id'], snapshot['notice_type'], snapshot['notice_key'])


class PebbleCustomNoticeEvent(PebbleNoticeEvent):
    """Somebody in the container ran `pebble notify`."""


class PebbleCheckEvent(WorkloadEvent):
    """A check of the container changed."""

    info: model.LazyCheckInfo
    """The check as it is now, which need not be as it was."""

    def __init__(self, handle: Handle, workload: model.Container, check_name: str):
        super().__init__(handle, workload)
        self._look_at(check_name)

    def _look_at(self, name: str) -> None:
        from ._container import LazyCheckInfo

        self.info = LazyCheckInfo(self.workload, name)

    def snapshot(self) -> Dict[str, Any]:
        """Return the names of container and check."""
        return {**super().snapshot(), 'check_name': self.info.name}

    def restore(self, snapshot: Dict[str, Any]) -> None:
        """Look both up."""
        super().restore(snapshot)
        self._look_at(snapshot['check_name'])


class PebbleCheckFailedEvent(PebbleCheckEvent):
    """A check failed as often as it may."""


class PebbleCheckRecoveredEvent(PebbleCheckEvent):
    """A check that had failed succeeded."""


class SecretEvent(HookEvent):
    """Something about a secret."""

    def __init__(self, handle: Handle, id: str, label: str | None):
        super().__init__(handle)
        self._id, self._label = id, label

    @property
    def secret(self) -> model.Secret:
        """The secret."""
        from ._secret import Secret

        return Secret(self.framework.model._backend, id=self._id, label=self._label)

    def snapshot(self) -> Dict[str, Any]:
        """Return id and label."""
        return {'id': self._id, 'label': self._label}

    def restore(self, snapshot: Dict[str, Any]) -> None:
        """Take id and label."""
        self._id, self._label = snapshot['id'], snapshot['label']


class _RevisionEvent(SecretEvent):
    """Something about one revision of a secret."""

    def __init__(self, handle: Handle, id: str, label: str | None, revision: int):
        super().__init__(handle, id, label)
        self._revision = revision

    @property
    def revision(self) -> int:
        """The revision."""
        return self._revision

    def remove_revision(self) -> None:
        """Remove it."""
        self.secret.remove_revision(self._revision)

    def snapshot(self) -> Dict[str, Any]:
        """Return id, label and revision."""
        return {**super().snapshot(), 'revision': self._revision}

    def restore(self, snapshot: Dict[str, Any]) -> None:
        """Take id, label and revision."""
        super().restore(snapshot)
        self._revision = snapshot['revision']


class SecretChangedEvent(SecretEvent):
    """A secret that this unit tracks has new content: `event.secret.get_content(refresh=True)`."""


class SecretRotateEvent(SecretEvent, _NotDeferrable):
    """It is time for new content. The model asks until there is a new revision, so it cannot be deferred."""

    _why = 'Cannot defer secret rotation events: the model asks again until there is a new revision.'


class SecretRemoveEvent(_RevisionEvent):
    """Nobody tracks a revision any more: `event.remove_revision()`."""


class SecretExpiredEvent(_RevisionEvent, _NotDeferrable):
    """The content has expired. The model asks until it is removed, so it cannot be deferred."""

    _why = 'Cannot defer secret expiration events: the model asks again until the revision is removed.'


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
