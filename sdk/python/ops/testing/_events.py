"""Events to run."""

from __future__ import annotations

import ops

from ._piece import Counter, Piece, check_name, fresh, piece
from ._relations import PeerRelation
from ._values import DeferredEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Mapping

    from ._containers import CheckInfo, Container, Notice
    from ._relations import RelationBase
    from ._values import Secret, Storage

_action_number = Counter(1)

_RELATION = '_relation_created _relation_joined _relation_changed _relation_departed _relation_broken'.split()
_STORAGE = '_storage_attached _storage_detaching'.split()
_WORKLOAD = '_pebble_ready _pebble_custom_notice _pebble_check_failed _pebble_check_recovered'.split()
_SECRET = 'secret_changed secret_expired secret_rotate secret_remove'.split()
_PLAIN = (
    'install start stop remove update_status config_changed upgrade_charm pre_series_upgrade post_series_upgrade'
    ' leader_elected leader_settings_changed collect_metrics'
).split()
_OWN = 'collect_app_status collect_unit_status pre_commit commit'.split()


def _kind(name: str) -> tuple[str, str]:
    """What an event is about, and the end of its name that says so."""
    for kind, ends in (('relation', _RELATION), ('storage', _STORAGE), ('workload', _WORKLOAD), ('action', ['_action'])):
        for end in ends:
            if name.endswith(end) and len(name) > len(end):
                return kind, end
    for kind, names in (('secret', _SECRET), ('plain', _PLAIN), ('framework', _OWN)):
        if name in names:
            return kind, name
    return 'custom', ''


@piece
class Action(Piece):
    """A call of an action."""

    name: str
    """The action."""
    params: Mapping[str, Any] = fresh(dict)
    """Its parameters."""
    id: str = fresh(lambda: str(_action_number()))
    """Juju's id for the call."""

    def _settle(self) -> None:
        check_name(self.name, 'action')
        self._detach()


@piece
class Event(Piece):
    """An event with what it is about. Make it with `Context.on`."""

    path: str
    """Its name; before it, with dots, the path to what emits it, which is "on" unless said."""
    storage: Storage | None = None
    relation: RelationBase | None = None
    relation_remote_unit_id: int | None = None
    relation_departed_unit_id: int | None = None
    secret: Secret | None = None
    secret_revision: int | None = None
    container: Container | None = None
    notice: Notice | None = None
    check_info: CheckInfo | None = None
    action: Action | None = None
    custom_event: Any = None
    custom_event_args: tuple[Any, ...] = ()
    custom_event_kwargs: Mapping[str, Any] = fresh(dict)

    def _settle(self) -> None:
        pass

    def __hash__(self) -> int:
        return hash(self.path)

    @property
    def name(self) -> str:
        """Its name as an attribute of `on`."""
        return self.path.rpartition('.')[2].replace('-', '_')

    @property
    def owner_path(self) -> list[str]:
        """The attributes that lead from the charm to what emits it."""
        return self.path.split('.')[:-1] or ['on']

    @property
    def kind(self) -> str:
        """What it is about: relation, storage, workload, action, secret, plain, framework or custom."""
        return 'custom' if self.custom_event is not None else _kind(self.name)[0]

    @property
    def subject(self) -> str:
        """What comes before the kind, as the metadata spells it: an endpoint, a container, …"""
        raw = self.path.rpartition('.')[2]
        return raw[: len(raw) - len(_kind(self.name)[1])]

    @property
    def hook(self) -> str:
        """Juju's name of the hook."""
        end = _kind(self.name)[1]
        return self.subject + end.replace('_', '-')

    def deferred(self, handler: Callable[..., Any], event_id: int = 1) -> DeferredEvent:
        """This event as one that a run before has deferred; the handler is a method of the charm."""
        parts = getattr(handler, '__qualname__', '').split('.')
        if len(parts) < 2 or not callable(handler) or getattr(handler, '__self__', None) is not None:
            raise ValueError('cannot defer to %r: give a method as it is in the class, as MyCharm._on_start' % (handler,))
        owner, method = parts[-2:]
        path = '%s/on/%s[%d]' % (owner, self.name, event_id)
        return DeferredEvent(path, owner, method, self._snapshot())

    def _snapshot(self) -> dict[str, Any]:
        """What the framework would have saved of it."""
        if self.container is not None:
            return self._workload_snapshot(self.container)
        if self.relation is not None:
            return self._relation_snapshot(self.relation)
        if self.storage is not None:
            return {'storage_name': self.storage.name, 'storage_index': self.storage.index}
        if self.secret is not None:
            out: dict[str, Any] = {'secret_id': self.secret.id, 'secret_label': self.secret.label}
            if self.secret_revision is not None:
                out['secret_revision'] = self.secret_revision
            return out
        return {} if self.action is None else {'id': self.action.id}

    def _workload_snapshot(self, container: Container) -> dict[str, Any]:
        out = {'container_name': container.name}
        if self.notice is not None:
            out.update(notice_id=self.notice.id, notice_key=self.notice.key, notice_type=self.notice._type_name)
        elif self.check_info is not None:
            out['check_name'] = self.check_info.name
        return out

    def _relation_snapshot(self, relation: RelationBase) -> dict[str, Any]:
        app = 'local' if isinstance(relation, PeerRelation) else getattr(relation, 'remote_app_name')
        out = {'relation_name': relation.endpoint, 'relation_id': relation.id, 'app_name': app}
        if not self.name.endswith(('_created', '_broken')):
            out['unit_name'] = '%s/%s' % (app, self.relation_remote_unit_id)
        if self.name.endswith('_departed'):
            out['departing_unit'] = '%s/%s' % (app, self.relation_departed_unit_id)
        return out


def _plain(name: str) -> Callable[[], Event]:
    def make() -> Event:
        return Event(name)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = 'The event `%s`.' % name
    return make


def _owned(secret: Secret, event: str) -> None:
    if not secret.owner:
        raise ValueError('This unit will never receive %s for a secret it does not own.' % event)


class CharmEvents:
    """Makes the events to run: one method for each, which takes what the event is about."""

    if TYPE_CHECKING:

        @staticmethod
        def install() -> Event: ...
        @staticmethod
        def start() -> Event: ...
        @staticmethod
        def stop() -> Event: ...
        @staticmethod
        def remove() -> Event: ...
        @staticmethod
        def update_status() -> Event: ...
        @staticmethod
        def config_changed() -> Event: ...
        @staticmethod
        def upgrade_charm() -> Event: ...
        @staticmethod
        def pre_series_upgrade() -> Event: ...
        @staticmethod
        def post_series_upgrade() -> Event: ...
        @staticmethod
        def leader_elected() -> Event: ...
        @staticmethod
        def collect_app_status() -> Event: ...
        @staticmethod
        def collect_unit_status() -> Event: ...

    @staticmethod
    def secret_changed(secret: Secret) -> Event:
        """Somebody else's secret has a new revision."""
        if secret.owner:
            raise ValueError('This unit will never receive secret-changed for a secret it owns.')
        return Event('secret_changed', secret=secret)

    @staticmethod
    def secret_expired(secret: Secret, *, revision: int) -> Event:
        """A revision of a secret of this charm has expired."""
        _owned(secret, 'secret-expire')
        return Event('secret_expired', secret=secret, secret_revision=revision)

    @staticmethod
    def secret_rotate(secret: Secret) -> Event:
        """It is time to rotate a secret of this charm."""
        _owned(secret, 'secret-rotate')
        return Event('secret_rotate', secret=secret)

    @staticmethod
    def secret_remove(secret: Secret, *, revision: int) -> Event:
        """Nobody uses a revision of a secret of this charm any more."""
        _owned(secret, 'secret-removed')
        return Event('secret_remove', secret=secret, secret_revision=revision)

    @staticmethod
    def relation_created(relation: RelationBase) -> Event:
        """A relation was made."""
        return Event(relation.endpoint + '_relation_created', relation=relation)

    @staticmethod
    def relation_joined(relation: RelationBase, *, remote_unit: int | None = None) -> Event:
        """A unit has joined a relation."""
        return Event(relation.endpoint + '_relation_joined', relation=relation, relation_remote_unit_id=remote_unit)

    @staticmethod
    def relation_changed(relation: RelationBase, *, remote_unit: int | None = None) -> Event:
        """A unit has written to a relation."""
        return Event(relation.endpoint + '_relation_changed', relation=relation, relation_remote_unit_id=remote_unit)

    @staticmethod
    def relation_departed(
        relation: RelationBase, *, remote_unit: int | None = None, departing_unit: int | None = None
    ) -> Event:
        """A unit has left a relation."""
        return Event(
            relation.endpoint + '_relation_departed',
            relation=relation,
            relation_remote_unit_id=remote_unit,
            relation_departed_unit_id=departing_unit,
        )

    @staticmethod
    def relation_broken(relation: RelationBase) -> Event:
        """A relation is being removed."""
        return Event(relation.endpoint + '_relation_broken', relation=relation)

    @staticmethod
    def storage_attached(storage: Storage) -> Event:
        """A storage was attached."""
        return Event(storage.name + '_storage_attached', storage=storage)

    @staticmethod
    def storage_detaching(storage: Storage) -> Event:
        """A storage is being detached."""
        return Event(storage.name + '_storage_detaching', storage=storage)

    @staticmethod
    def pebble_ready(container: Container) -> Event:
        """The supervisor of a container answers."""
        return Event(container.name + '_pebble_ready', container=container)

    @staticmethod
    def pebble_custom_notice(container: Container, notice: Notice) -> Event:
        """A workload has told something."""
        return Event(container.name + '_pebble_custom_notice', container=container, notice=notice)

    @staticmethod
    def pebble_check_failed(container: Container, info: CheckInfo) -> Event:
        """A check has failed as often as its threshold says."""
        return Event(container.name + '_pebble_check_failed', container=container, check_info=info)

    @staticmethod
    def pebble_check_recovered(container: Container, info: CheckInfo) -> Event:
        """A check that was down succeeds."""
        return Event(container.name + '_pebble_check_recovered', container=container, check_info=info)

    @staticmethod
    def action(name: str, params: Mapping[str, Any] | None = None, id: str | None = None) -> Event:
        """Somebody calls an action. What it tells is in the context, and if it fails, in an ActionFailed."""
        values: dict[str, Any] = {}
        if params:
            values['params'] = params
        if id:
            values['id'] = id
        return Event(name + '_action', action=Action(name, **values))

    @staticmethod
    def custom(event: ops.BoundEvent, *args: Any, **kwargs: Any) -> Event:
        """An event of a library, as `MyLibrary.on.ready`, with the further arguments of its constructor.

        Parts of a state among the arguments reach the event as what they are in the charm, as relations.
        """
        if issubclass(event.event_type, ops.HookEvent):
            raise ValueError(
                'custom events should subclass EventBase directly: run the event of Juju that this one comes from'
            )
        path = '{custom}.%s.%s' % (type(event.emitter).__name__, event.event_kind)
        return Event(path, custom_event=event, custom_event_args=args, custom_event_kwargs=kwargs)


for _name in _PLAIN[:10] + _OWN[:2]:
    setattr(CharmEvents, _name, staticmethod(_plain(_name)))
