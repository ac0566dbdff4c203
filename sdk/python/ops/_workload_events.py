"""The events of storage, containers and secrets."""

from __future__ import annotations

from ._hook_events import HookEvent, _NotDeferrable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

    from . import model
    from ._events import Handle


class StorageEvent(HookEvent):
    """Something about storage."""

    __module__ = 'ops.charm'
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

    __module__ = 'ops.charm'


class StorageDetachingEvent(StorageEvent):
    """The storage is about to go."""

    __module__ = 'ops.charm'


class WorkloadEvent(HookEvent):
    """Something about a container."""

    __module__ = 'ops.charm'
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

    __module__ = 'ops.charm'


class PebbleNoticeEvent(WorkloadEvent):
    """A notice was recorded in the container."""

    __module__ = 'ops.charm'
    notice: model.LazyNotice
    """The notice."""

    def __init__(
        self, handle: Handle, workload: model.Container, notice_id: str, notice_type: str, notice_key: str
    ):
        super().__init__(handle, workload)
        self._look_at(notice_id, notice_type, notice_key)

    def _look_at(self, id: str, type: str, key: str) -> None:
        from ._container_views import LazyNotice

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

    __module__ = 'ops.charm'


class PebbleCheckEvent(WorkloadEvent):
    """A check of the container changed."""

    __module__ = 'ops.charm'
    info: model.LazyCheckInfo
    """The check as it is now, which need not be as it was."""

    def __init__(self, handle: Handle, workload: model.Container, check_name: str):
        super().__init__(handle, workload)
        self._look_at(check_name)

    def _look_at(self, name: str) -> None:
        from ._container_views import LazyCheckInfo

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

    __module__ = 'ops.charm'


class PebbleCheckRecoveredEvent(PebbleCheckEvent):
    """A check that had failed succeeded."""

    __module__ = 'ops.charm'


class SecretEvent(HookEvent):
    """Something about a secret."""

    __module__ = 'ops.charm'

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

    __module__ = 'ops.charm'

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

    __module__ = 'ops.charm'


class SecretRotateEvent(SecretEvent, _NotDeferrable):
    """It is time for new content. The model asks until there is a new revision, so it cannot be deferred."""

    __module__ = 'ops.charm'
    _why = 'Cannot defer secret rotation events: the model asks again until there is a new revision.'


class SecretRemoveEvent(_RevisionEvent):
    """Nobody tracks a revision any more: `event.remove_revision()`."""

    __module__ = 'ops.charm'


class SecretExpiredEvent(_RevisionEvent, _NotDeferrable):
    """The content has expired. The model asks until it is removed, so it cannot be deferred."""

    __module__ = 'ops.charm'
    _why = 'Cannot defer secret expiration events: the model asks again until the revision is removed.'
