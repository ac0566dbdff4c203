"""The events of a unit's life, of its actions, relations and storage."""

from __future__ import annotations

import logging

from ._events import EventBase

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Dict, Literal, NoReturn, TypeVar

    from . import model
    from ._events import Handle

    _T = TypeVar('_T')

logger = logging.getLogger('ops.charm')


class HookEvent(EventBase):
    """An event that the model sends."""

    __module__ = 'ops.charm'


class ActionEvent(EventBase):
    """A user runs an action. It is answered now or never: it cannot be deferred."""

    __module__ = 'ops.charm'
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

    __module__ = 'ops.charm'
    _why = ''

    def defer(self) -> NoReturn:
        """Refuse.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError(self._why)


class InstallEvent(HookEvent):
    """The unit is new: the first of its events but for storage."""

    __module__ = 'ops.charm'


class StartEvent(HookEvent):
    """The unit is configured, for the first time since it was made or its machine restarted."""

    __module__ = 'ops.charm'


class StopEvent(_NotDeferrable):
    """The unit is about to go."""

    __module__ = 'ops.charm'
    _why = 'cannot defer stop events'


class RemoveEvent(_NotDeferrable):
    """The unit goes: the last of its events."""

    __module__ = 'ops.charm'
    _why = 'cannot defer remove events'


class ConfigChangedEvent(HookEvent):
    """Config, or an address, may have changed."""

    __module__ = 'ops.charm'


class UpdateStatusEvent(HookEvent):
    """Some minutes have passed."""

    __module__ = 'ops.charm'


class UpgradeCharmEvent(HookEvent):
    """The charm's files were replaced by those of another revision."""

    __module__ = 'ops.charm'


class LeaderElectedEvent(HookEvent):
    """This unit leads now."""

    __module__ = 'ops.charm'


class LeaderSettingsChangedEvent(HookEvent):
    """The leader changed settings, in Jujus before 4."""

    __module__ = 'ops.charm'


class _Outdated(HookEvent):
    """An event that newer Jujus do not send."""

    __module__ = 'ops.charm'
    _until = ''

    def __init__(self, handle: Handle):
        import warnings

        warnings.warn(f'{type(self).__name__}: {self._until}', DeprecationWarning, stacklevel=3)
        super().__init__(handle)


class PreSeriesUpgradeEvent(_Outdated):
    """The machine is about to get another release of its system."""

    __module__ = 'ops.charm'
    _until = 'there is no pre-series-upgrade in Juju 4'


class PostSeriesUpgradeEvent(_Outdated):
    """The machine got another release of its system."""

    __module__ = 'ops.charm'
    _until = 'there is no post-series-upgrade in Juju 4'


class CollectMetricsEvent(_Outdated):
    """Metrics are wanted. Most hook tools do not work in its handler."""

    __module__ = 'ops.charm'
    _until = 'there is no collect-metrics from Juju 3.6.11 on'

    def add_metrics(
        self, metrics: Mapping[str, int | float], labels: Mapping[str, str] | None = None
    ) -> None:
        """Hand in values."""
        self.framework.model._backend.add_metrics(metrics, labels)


class RelationEvent(HookEvent):
    """Something about a relation."""

    __module__ = 'ops.charm'
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

    __module__ = 'ops.charm'
    unit: None  # type: ignore[assignment]
    """None."""


class RelationJoinedEvent(RelationEvent):
    """A unit joined. What it has to say comes with relation-changed."""

    __module__ = 'ops.charm'
    unit: model.Unit  # type: ignore[assignment]
    """Who joined."""


class RelationChangedEvent(RelationEvent):
    """A databag of the other side changed; also once after a unit joined."""

    __module__ = 'ops.charm'


class RelationDepartedEvent(RelationEvent):
    """A unit left, or this unit is about to."""

    __module__ = 'ops.charm'
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

    __module__ = 'ops.charm'
    unit: None  # type: ignore[assignment]
    """None."""
