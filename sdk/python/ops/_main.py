"""One dispatch: from the environment of a hook to everything stored."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from . import charm as _charm
from . import framework as _framework
from . import model as _model
from . import storage as _storage
from .jujucontext import JujuContext
from .log import setup_root_logging
from .version import version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

    from .charm import CharmBase
    from .framework import BoundEvent, Framework

CHARM_STATE_FILE = '.unit-state.db'

logger = logging.getLogger()


class _Abort(Exception):  # noqa: N818
    """Ends a dispatch without an error of its own; nothing is stored."""

    def __init__(self, exit_code: int):
        super().__init__(exit_code)
        self.exit_code = exit_code


class _Dispatcher:
    """Which event this dispatch is for."""

    def __init__(self, charm_dir: Path, juju_context: JujuContext):
        if 'OPERATOR_DISPATCH' in os.environ:
            logger.debug('The charm called itself, by %s: nothing to do.', juju_context.dispatch_path)
            raise _Abort(0)
        os.environ['OPERATOR_DISPATCH'] = '1'
        self._charm_dir = charm_dir
        self._path = Path(juju_context.dispatch_path)
        self.event_name = self._path.name.replace('-', '_')
        if self._path.parent.name == 'actions':
            self.event_name += '_action'

    def is_restricted_context(self) -> bool:
        """Whether most hook tools refuse, as they do for metrics."""
        return self.event_name in ('collect_metrics', 'meter_status_changed')

    def run_any_legacy_hook(self) -> None:
        """Run the charm's own program for this event first, if it has one."""
        hook = self._charm_dir / self._path
        if not self._path.name or not hook.is_file():
            return
        import warnings

        warnings.warn('Legacy hooks are deprecated.', category=DeprecationWarning)
        if not os.access(hook, os.X_OK):
            logger.warning('Legacy %s exists but is not executable.', self._path)
            return
        if hook.resolve() == Path(sys.argv[0]).resolve():
            logger.debug('Legacy %s is just a link to ourselves.', self._path)
            return
        import subprocess

        logger.info('Running legacy %s.', self._path)
        try:
            status = subprocess.run([str(hook), *sys.argv[1:]]).returncode
        except OSError as e:
            logger.warning('Unable to run legacy %s: %s', self._path, e)
            raise _Abort(1) from e
        if status:
            logger.warning('Legacy %s exited with status %d.', self._path, status)
            raise _Abort(status)
        logger.debug('Legacy %s exited with status 0.', self._path)


class _Manager:
    """Makes the framework and the charm, and takes them through a dispatch.

    Args:
        charm_class: the charm.
        model_backend: what answers for the model; by default the hook tools.
        use_juju_for_storage: keep state in the controller.
        charm_state_path: where state lies otherwise, below the charm's directory.
        juju_context: the environment; by default this process's.
    """

    _framework_class = _framework.Framework

    def __init__(
        self,
        charm_class: type[CharmBase],
        model_backend: _model._ModelBackend | None = None,
        use_juju_for_storage: bool | None = None,
        charm_state_path: str = CHARM_STATE_FILE,
        juju_context: JujuContext | None = None,
    ):
        self._juju_context = juju_context or JujuContext._from_dict(os.environ)
        self._charm_class = charm_class
        self._charm_state_path = charm_state_path
        self._use_juju_for_storage = use_juju_for_storage
        self._saved_breakpointhook: Any = None
        self._model_backend = model_backend or _model._ModelBackend(juju_context=self._juju_context)
        self._setup_root_logging()
        self._charm_root = self._juju_context.charm_dir
        self._charm_meta = self._load_charm_meta()
        self.dispatcher = _Dispatcher(self._charm_root, self._juju_context)
        self.dispatcher.run_any_legacy_hook()
        self.framework = self._make_framework(self.dispatcher)
        try:
            with self.framework._event_context('__init__'):
                self.charm = self._charm_class(self.framework)
        except BaseException:
            self.framework.close()
            raise

    def _setup_root_logging(self) -> None:
        in_action = self._juju_context.action_name is not None
        setup_root_logging(self._model_backend, debug=self._juju_context.debug, exc_stderr=in_action)
        logger.debug('ops %s up and running.', version)

    def _load_charm_meta(self) -> _charm.CharmMeta:
        return _charm.CharmMeta.from_charm_root(self._charm_root)

    def _make_storage(self, dispatcher: _Dispatcher) -> Any:
        if self._use_juju_for_storage:
            if not _storage.juju_backend_available():
                v = self._juju_context.version
                raise RuntimeError(f'cannot keep state in the controller: Juju version {v} does not support it')
            import warnings

            warnings.warn(
                'Controller storage is deprecated: leave use_juju_for_storage out', category=DeprecationWarning
            )
            if dispatcher.is_restricted_context():
                logger.debug('%s is left out: there is no state in the controller for it.', dispatcher.event_name)
                raise _Abort(0)
            return _storage.JujuStorage()
        return _storage.SQLiteStorage(self._charm_root / self._charm_state_path)

    def _make_framework(self, dispatcher: _Dispatcher) -> Framework:
        context, event = self._juju_context, dispatcher.event_name
        broken = event.endswith('_relation_broken')
        # A unit that has left is no member any more, but what it said can still be read in these two events.
        leaving = broken or event.endswith('_relation_departed')
        model = _model.Model(
            self._charm_meta,
            self._model_backend,
            broken_relation_id=context.relation_id if broken else None,
            remote_unit_name=context.remote_unit_name if leaving else None,
        )
        framework = self._framework_class(
            self._make_storage(dispatcher),
            self._charm_root,
            self._charm_meta,
            model,
            event_name=event,
            juju_debug_at=context.debug_at,
        )
        self._saved_breakpointhook = framework.set_breakpointhook()
        return framework

    def _emit(self) -> None:
        """What was deferred, the event itself, then the statuses."""
        restricted = self.dispatcher.is_restricted_context()
        if not restricted:
            self.framework.reemit()
        self._emit_charm_event(self.dispatcher.event_name)
        if not restricted:
            _charm._evaluate_status(self.charm)

    def _get_event_to_emit(self, event_name: str) -> BoundEvent | None:
        event = getattr(self.charm.on, event_name, None) if event_name else None
        if event is None:
            logger.debug('Event %s not defined for %s.', event_name, self.charm)
        return event

    def _get_event_args(self, bound_event: BoundEvent) -> tuple[List[Any], Dict[str, Any]]:
        return _get_event_args(self.charm, bound_event, self._juju_context)

    def _emit_charm_event(self, event_name: str) -> None:
        # An event that this charm does not know is no error: its revision may have been rolled back.
        event = self._get_event_to_emit(event_name)
        if event is not None:
            args, kwargs = self._get_event_args(event)
            logger.debug('Emitting Juju event %s.', event_name)
            event.emit(*args, **kwargs)

    def _commit(self) -> None:
        self.framework.commit()

    def _close(self) -> None:
        """For subclasses: everything is stored, the framework is still open."""

    def run(self) -> None:
        """Go through the dispatch."""
        try:
            self._emit()
            self._commit()
            self._close()
        finally:
            self.framework.close()

    def destroy(self) -> None:
        """Leave the process as it was."""
        if self._saved_breakpointhook is not None:
            sys.breakpointhook = self._saved_breakpointhook


def _get_event_args(
    charm: CharmBase, bound_event: BoundEvent, juju_context: JujuContext
) -> tuple[List[Any], Dict[str, Any]]:
    """The arguments of an event's class, from the environment."""
    kind, model, context = bound_event.event_type, charm.framework.model, juju_context
    if issubclass(kind, _charm.WorkloadEvent):
        args: list[Any] = [model.unit.get_container(context.workload_name or '')]
        if issubclass(kind, _charm.PebbleNoticeEvent):
            args += [context.notice_id, context.notice_type, context.notice_key]
        elif issubclass(kind, _charm.PebbleCheckEvent):
            args.append(context.pebble_check_name)
        return args, {}
    if issubclass(kind, _charm.SecretEvent):
        args = [context.secret_id, context.secret_label]
        if issubclass(kind, (_charm.SecretRemoveEvent, _charm.SecretExpiredEvent)):
            args.append(context.secret_revision)
        return args, {}
    if issubclass(kind, _charm.StorageEvent):
        return [_storage_of(charm, bound_event, context)], {}
    if issubclass(kind, _charm.ActionEvent):
        return [context.action_uuid], {}
    if issubclass(kind, _charm.RelationEvent):
        return _relation_args(model, context)
    return [], {}


def _storage_of(charm: CharmBase, bound_event: BoundEvent, context: JujuContext) -> Any:
    model = charm.framework.model
    name = context.storage_name or '-'.join(bound_event.event_kind.split('_')[:-2])
    known = model.storages[name]
    storage = known[0] if len(known) == 1 else next((s for s in known if s.index == context.storage_index), None)
    if storage is None:  # it is on its way out and no longer listed
        storage = _model.Storage(name, context.storage_index or 0, model._backend)
    storage.location = model._backend.storage_get(f'{name}/{context.storage_index}', 'location')  # type: ignore
    return storage


def _relation_args(model: _model.Model, context: JujuContext) -> tuple[List[Any], Dict[str, Any]]:
    unit, app = context.remote_unit_name, context.remote_app_name
    if unit and not app:
        if '/' not in unit:
            raise RuntimeError(f'invalid remote unit name: {unit}')
        app = unit.partition('/')[0]
    kwargs: dict[str, Any] = {}
    if app:
        kwargs['app'] = model.get_app(app)
    if unit:
        kwargs['unit'] = model.get_unit(unit)
    if context.relation_departing_unit_name:
        kwargs['departing_unit_name'] = context.relation_departing_unit_name
    relation = model.get_relation(context.relation_name or '', context.relation_id)
    return [relation] if relation else [], kwargs


def main(charm_class: type[CharmBase], use_juju_for_storage: bool | None = None) -> None:
    """Run a charm for the event of this process's environment; see `ops.main`."""
    manager = None
    try:
        manager = _Manager(charm_class, use_juju_for_storage=use_juju_for_storage)
        manager.run()
    except _Abort as e:
        sys.exit(e.exit_code)
    finally:
        if manager is not None:
            manager.destroy()
