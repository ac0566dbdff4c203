"""The harness: a charm and a model that live for as long as a test likes."""

from __future__ import annotations

import contextlib
import os
import pathlib
import random
import shutil
import tempfile
import warnings
import weakref

import ops

from .. import charm as _charm
from .. import framework as _framework
from .. import model as _model
from ..storage import SQLiteStorage
from ._action import ActionFailed, ActionOutput
from ._context import C, _Of
from ._dispatch import own_events
from ._events import Action
from ._harness_containers import Containers
from ._harness_relations import Relations
from ._harness_secrets import Secrets
from ._harness_storage import Storages
from ._harness_world import HarnessWorld
from ._machine import Backend, Machine
from ._spec import CharmSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Iterator, Mapping, TextIO

_WORDS = {'string': str, 'int': int, 'float': float, 'boolean': bool, 'secret': str}


class Harness(Relations, Containers, Storages, Secrets, _Of[C]):
    """A charm, and a model that the test changes.

    What happens before `begin` the charm finds when it is made, without events. After it each change emits the events
    that Juju would emit, unless hooks are disabled. Call `cleanup` at the end.

    The metadata may be given as YAML, as text or as an open file; otherwise the files above the directory of the
    charm's module are read. New tests are better written with `Context`.
    """

    def __init__(
        self,
        charm_cls: type[C],
        *,
        meta: str | TextIO | None = None,
        actions: str | TextIO | None = None,
        config: str | TextIO | None = None,
    ):
        warnings.warn('Harness is deprecated: test with Context and State', PendingDeprecationWarning, stacklevel=2)
        self._charm_cls = charm_cls
        self._charm: Any = None
        self._hooks_on = True
        self._action_number = 0
        charm_dir = _charm_dir(charm_cls)
        texts = [_read(t, charm_dir, n) for t, n in ((meta, 'metadata'), (actions, 'actions'), (config, 'config'))]
        whole = {} if meta is not None else _read(None, charm_dir, 'charmcraft') or {}
        raw = texts[0] or whole or {'name': 'test-charm'}
        raw_actions = texts[1] if texts[1] is not None else raw.get('actions')
        raw_config = texts[2] if texts[2] is not None else raw.get('config')
        if config is not None and texts[2] is None or not isinstance(raw_config, (dict, type(None))):
            raise TypeError('the config must be a map with the key options, not %r' % (raw_config,))
        spec = CharmSpec(charm_cls, raw, raw_actions, raw_config)
        for name, option in spec.options().items():
            if (option or {}).get('default') is None and (option or {}).get('type') in _WORDS:
                continue
            _check_option(name, (option or {}).get('default'), option or {})
        self._meta = _charm.CharmMeta(dict(raw), raw_actions, raw_config)
        self._files = pathlib.Path(tempfile.mkdtemp(prefix='ops-harness-'))
        self._cleared = weakref.finalize(self, shutil.rmtree, str(self._files), True)
        self._world = HarnessWorld(spec, raw.get('name') or 'test-charm', os.environ.get('JUJU_VERSION') or '3.6.14')
        self._backend = self._make_backend()
        self._model = _model.Model(self._meta, self._backend)
        self._storage = SQLiteStorage(':memory:')
        self._framework = _framework.Framework(self._storage, charm_dir, self._meta, self._model)
        self._set_up_containers()

    def _make_backend(self) -> Backend:
        world = self._world
        env = dict(os.environ, JUJU_VERSION=str(world.juju), JUJU_UNIT_NAME=world.unit)
        context = ops.JujuContext._from_dict(env)
        names = {'unit_name': world.unit, 'model_name': world.model_name, 'model_uuid': world.model_uuid}
        backend = Backend(Machine(world), self._client_of, juju_context=context, **names)
        backend.model_name = world.model_name  # type: ignore[assignment]  # None until a test names the model
        return backend

    # The parts.

    @property
    def charm(self) -> C:
        """The charm, which `begin` makes."""
        if self._charm is None:
            raise RuntimeError('The charm instance is not available yet. Call Harness.begin() first.')
        return self._charm  # type: ignore[no-any-return]

    @property
    def model(self) -> ops.Model:
        """The model as the charm sees it."""
        return self._model

    @property
    def framework(self) -> ops.Framework:
        """The framework that the charm is in."""
        return self._framework

    # The life of the charm.

    def begin(self) -> None:
        """Makes the charm; without an event."""
        if self._charm is not None:
            raise RuntimeError('cannot call the begin method on the harness more than once')
        with self._framework._event_context('__init__'):
            self._charm = own_events(self._charm_cls)(self._framework)

    def begin_with_initial_hooks(self) -> None:
        """Makes the charm and emits what Juju would emit until the unit has started."""
        self.begin()
        on = self._charm.on
        self._emit_attached_storages()
        on.install.emit()
        self._emit_created_relations()
        if self._world.leader:
            on.leader_elected.emit()
        else:
            on.leader_settings_changed.emit()
        on.config_changed.emit()
        on.start.emit()
        for name in self._meta.containers:
            self.container_pebble_ready(name)
        status = self._world.statuses['unit']
        if status.name == 'maintenance' and not status.message:
            self._world.statuses['unit'] = ops.UnknownStatus()
        ids = list(self._world.links)
        random.shuffle(ids)
        for number in ids:
            self._emit_joined_relation(number)

    def cleanup(self) -> None:
        """Removes the files of the harness and closes its storage."""
        self._framework.close()
        self._cleared()

    def disable_hooks(self) -> None:
        """From now on changes emit no events."""
        self._hooks_on = False

    def enable_hooks(self) -> None:
        """From now on changes emit events again."""
        self._hooks_on = True

    @contextlib.contextmanager
    def hooks_disabled(self) -> Iterator[None]:
        """Within the `with` statement changes emit no events."""
        was_on = self._hooks_on
        self._hooks_on = False
        try:
            yield
        finally:
            self._hooks_on = was_on

    def _event_context(self, event_name: str) -> Any:
        """Within the `with` statement the test is held to what a charm may do in an event."""
        return self._framework._event_context(event_name)

    def _emits(self) -> bool:
        return self._charm is not None and self._hooks_on

    def evaluate_status(self) -> None:
        """Collects the statuses as is done after every hook."""
        for owner in (self._model.app, self._model.unit):
            owner._collected_statuses = []
        _charm._evaluate_status(self.charm)

    # What the model knows of the unit.

    def update_config(
        self, key_values: Mapping[str, str | int | float | bool] | None = None, unset: Iterable[str] = ()
    ) -> None:
        """Sets options, and gives others their defaults."""
        options = self._world.spec.options()
        for key, value in (key_values or {}).items():
            self._set_option(key, value, options)
        for key in unset:
            self._world.config.pop(key, None)
            if options.get(key, {}).get('default') is not None:
                self._world.config[key] = options[key]['default']
        self._model.config._invalidate()
        if self._emits():
            self._charm.on.config_changed.emit()

    def _set_option(self, key: str, value: Any, options: dict[str, Any]) -> None:
        if key not in options:
            raise ValueError('Setting unknown config option: %r; the charm has %s' % (key, sorted(options)))
        _check_option(key, value, options[key])
        self._world.config[key] = value

    def set_leader(self, is_leader: bool = True) -> None:
        """Makes the unit the leader, or no leader any more."""
        was, self._world.leader = self._world.leader, is_leader
        if is_leader and not was and self._emits():
            self._charm.on.leader_elected.emit()

    def set_planned_units(self, num_units: int) -> None:
        """Says how many units the application is to have."""
        if num_units < 0:
            raise TypeError('num_units must be 0 or a positive integer.')
        self._world.planned = num_units

    def reset_planned_units(self) -> None:
        """Goes by the units of the peer relations again."""
        self._world.planned = None

    def set_model_info(self, name: str | None = None, uuid: str | None = None) -> None:
        """Names the model, before the charm is made."""
        if name is not None:
            self.set_model_name(name)
        if uuid is not None:
            self.set_model_uuid(uuid)

    def set_model_name(self, name: str) -> None:
        """Names the model, before the charm is made."""
        if self._charm is not None:
            raise RuntimeError('cannot set the Model name after begin()')
        self._backend.model_name = self._world.model_name = name

    def set_model_uuid(self, uuid: str) -> None:
        """Gives the model an id, before the charm is made."""
        if self._charm is not None:
            raise RuntimeError('cannot set the Model uuid after begin()')
        self._backend.model_uuid = self._world.model_uuid = uuid

    def set_cloud_spec(self, spec: ops.CloudSpec) -> None:
        """Says which cloud the model is in, and trusts the application with it."""
        from ._values import CloudCredential, CloudSpec

        values = {name: getattr(spec, name) for name in _CLOUD}
        if spec.credential is not None:
            names = ('auth_type', 'attributes', 'redacted')
            values['credential'] = CloudCredential(**{n: getattr(spec.credential, n) for n in names})
        self._world.cloud = CloudSpec(**values)._to_tool()
        self._world.trusted = True

    def get_workload_version(self) -> str | None:
        """The version of the workload that the charm has told; None if it has not."""
        return self._world.version or None

    def get_pod_spec(self) -> tuple[Any, Any]:
        """The pod spec that the charm has set, and the resources with it."""
        return self._world.told.pod_spec or (None, None)

    @property
    def reboot_count(self) -> int:
        """How often the charm has asked for a reboot."""
        return self._world.told.reboots

    # Actions.

    def run_action(self, action_name: str, params: dict[str, Any] | None = None) -> ActionOutput:
        """Calls an action. Raises ActionFailed if it fails, and RuntimeError or ModelError if it cannot be called so."""
        meta = self.charm.meta.actions.get(action_name)
        if meta is None:
            raise RuntimeError('Charm does not have a %r action.' % action_name)
        given = dict(params or {})
        for key in meta.required:
            if key not in given:
                raise RuntimeError('%r parameter is required, but missing.' % key)
        extra = sorted(set(given) - set(meta.parameters))
        if extra and meta.additional_properties is False:
            raise ops.ModelError('additional property "%s" is not allowed, given %r' % (extra[0], given))
        for key, schema in meta.parameters.items():
            if isinstance(schema, dict) and 'default' in schema:
                given.setdefault(key, schema['default'])
        told = self._world.told
        told.action_logs, told.action_results, told.action_failure = [], None, None
        self._action_number += 1
        self._world.action = Action(action_name, params=given, id=str(self._action_number))
        try:
            getattr(self.charm.on, action_name.replace('-', '_') + '_action').emit(self._world.action.id)
        finally:
            self._world.action = None
        output = ActionOutput(told.action_logs, told.action_results or {})
        if told.action_failure is not None:
            raise ActionFailed(told.action_failure, output)
        return output


_CLOUD = (
    'type name region endpoint identity_endpoint storage_endpoint ca_certificates skip_tls_verify is_controller_cloud'
).split()


def _check_option(key: str, value: Any, option: dict[str, Any]) -> None:
    """Refuses a value that is not of the option's type, and a type that there is not."""
    word = option.get('type')
    if word not in _WORDS:
        raise RuntimeError('Incorrectly formatted `options.%s.type`: %r is none of %s' % (key, word, sorted(_WORDS)))
    if not isinstance(value, _WORDS[word]) or isinstance(value, bool) and word != 'boolean':
        raise RuntimeError('Config option %s is supposed to be of type %s, not %r' % (key, word, value))


def _charm_dir(charm_cls: Any) -> pathlib.Path:
    """Where the charm lies, if its module has a file."""
    import inspect

    try:
        return pathlib.Path(inspect.getfile(charm_cls)).parent.parent
    except (TypeError, OSError):
        return pathlib.Path('no-disk-path')


def _read(text: str | TextIO | None, charm_dir: pathlib.Path, name: str) -> Any:
    from .. import _yaml

    if text is None:
        path = charm_dir / (name + '.yaml')
        return _yaml.load(path.read_text(encoding='utf-8')) if path.is_file() else None
    return _yaml.load(text if isinstance(text, str) else text.read())
