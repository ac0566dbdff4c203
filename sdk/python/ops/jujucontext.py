"""What the environment of a hook says."""

from __future__ import annotations

import os
import pathlib

from ._record import record
from .jujuversion import JujuVersion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


@record
class JujuContext:
    """The environment of one dispatch. What is absent or empty is None, but for the first five and the version."""

    dispatch_path: str
    """`hooks/install`, `actions/backup` (JUJU_DISPATCH_PATH)."""
    hook_name: str
    """The hook, empty for an action (JUJU_HOOK_NAME)."""
    model_name: str
    """JUJU_MODEL_NAME."""
    model_uuid: str
    """JUJU_MODEL_UUID."""
    unit_name: str
    """`web/0` (JUJU_UNIT_NAME)."""
    version: JujuVersion
    """JUJU_VERSION."""
    availability_zone: str | None = None
    """JUJU_AVAILABILITY_ZONE."""
    charm_dir: pathlib.Path = None  # type: ignore[assignment]
    """Where the charm lies (JUJU_CHARM_DIR)."""
    debug: bool = False
    """Whether log records also go to standard error (JUJU_DEBUG is there)."""
    debug_at: set[str] = set()
    """Where to stop in the debugger (JUJU_DEBUG_AT, a comma between)."""
    machine_id: str | None = None
    """JUJU_MACHINE_ID."""
    principal_unit: str | None = None
    """The unit that this one is subordinate to (JUJU_PRINCIPAL_UNIT)."""
    action_name: str | None = None
    """JUJU_ACTION_NAME."""
    action_uuid: str | None = None
    """JUJU_ACTION_UUID."""
    notice_id: str | None = None
    """JUJU_NOTICE_ID."""
    notice_key: str | None = None
    """JUJU_NOTICE_KEY."""
    notice_type: str | None = None
    """JUJU_NOTICE_TYPE."""
    pebble_check_name: str | None = None
    """JUJU_PEBBLE_CHECK_NAME."""
    relation_departing_unit_name: str | None = None
    """The unit that leaves (JUJU_DEPARTING_UNIT)."""
    relation_name: str | None = None
    """JUJU_RELATION."""
    relation_id: int | None = None
    """The number of JUJU_RELATION_ID, which is `db:7`."""
    remote_app_name: str | None = None
    """JUJU_REMOTE_APP."""
    remote_unit_name: str | None = None
    """JUJU_REMOTE_UNIT."""
    secret_id: str | None = None
    """JUJU_SECRET_ID."""
    secret_label: str | None = None
    """JUJU_SECRET_LABEL."""
    secret_revision: int | None = None
    """JUJU_SECRET_REVISION."""
    storage_index: int | None = None
    """The number of JUJU_STORAGE_ID, which is `data/0`."""
    storage_name: str | None = None
    """The name of JUJU_STORAGE_ID."""
    workload_name: str | None = None
    """The container (JUJU_WORKLOAD_NAME)."""

    @classmethod
    def _from_dict(cls, env: Mapping[str, Any]) -> JujuContext:
        """Read an environment as it is; what is missing is not an error."""
        values: dict[str, Any] = {name: env.get(variable, '') for name, variable in _ALWAYS}
        values.update((name, env.get(variable) or None) for name, variable in _MAYBE)
        for name, variable, convert in _CONVERTED:
            raw = env.get(variable)
            values[name] = convert(raw) if raw else None
        values['version'] = JujuVersion(env.get('JUJU_VERSION', '0.0.0'))
        root = env.get('JUJU_CHARM_DIR') or os.path.join(os.path.dirname(__file__), '..', '..')
        values['charm_dir'] = pathlib.Path(root).resolve()
        values['debug'] = 'JUJU_DEBUG' in env
        values['debug_at'] = {word.strip() for word in (env.get('JUJU_DEBUG_AT') or '').split(',') if word.strip()}
        return cls(**values)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> JujuContext:
        """Read an environment, by default this process's, that must hold all that its event has.

        Raises:
            ValueError: naming the variable that is missing.
        """
        environ = os.environ if environ is None else environ
        for variable in _needed(environ):
            if variable not in environ:
                raise ValueError(f'Missing required environment variable: {variable}')
        return cls._from_dict(environ)


_ALWAYS = (
    ('dispatch_path', 'JUJU_DISPATCH_PATH'),
    ('hook_name', 'JUJU_HOOK_NAME'),
    ('model_name', 'JUJU_MODEL_NAME'),
    ('model_uuid', 'JUJU_MODEL_UUID'),
    ('unit_name', 'JUJU_UNIT_NAME'),
)
_MAYBE = (
    ('availability_zone', 'JUJU_AVAILABILITY_ZONE'),
    ('machine_id', 'JUJU_MACHINE_ID'),
    ('principal_unit', 'JUJU_PRINCIPAL_UNIT'),
    ('action_name', 'JUJU_ACTION_NAME'),
    ('action_uuid', 'JUJU_ACTION_UUID'),
    ('notice_id', 'JUJU_NOTICE_ID'),
    ('notice_key', 'JUJU_NOTICE_KEY'),
    ('notice_type', 'JUJU_NOTICE_TYPE'),
    ('pebble_check_name', 'JUJU_PEBBLE_CHECK_NAME'),
    ('relation_departing_unit_name', 'JUJU_DEPARTING_UNIT'),
    ('relation_name', 'JUJU_RELATION'),
    ('remote_app_name', 'JUJU_REMOTE_APP'),
    ('remote_unit_name', 'JUJU_REMOTE_UNIT'),
    ('secret_id', 'JUJU_SECRET_ID'),
    ('secret_label', 'JUJU_SECRET_LABEL'),
    ('workload_name', 'JUJU_WORKLOAD_NAME'),
)
_CONVERTED = (
    ('relation_id', 'JUJU_RELATION_ID', lambda text: int(text.rpartition(':')[2])),
    ('secret_revision', 'JUJU_SECRET_REVISION', int),
    ('storage_index', 'JUJU_STORAGE_ID', lambda text: int(text.rpartition('/')[2])),
    ('storage_name', 'JUJU_STORAGE_ID', lambda text: text.partition('/')[0]),
)

_EVERY_EVENT = (
    'JUJU_DISPATCH_PATH', 'JUJU_HOOK_NAME', 'JUJU_MODEL_NAME', 'JUJU_MODEL_UUID', 'JUJU_UNIT_NAME', 'JUJU_VERSION',
)
_PLAIN = (
    'install', 'start', 'stop', 'remove', 'config-changed', 'update-status', 'upgrade-charm', 'leader-elected',
)
_RELATION = ('JUJU_RELATION', 'JUJU_RELATION_ID', 'JUJU_REMOTE_APP')
_BY_NAME = {
    'secret-changed': ('JUJU_SECRET_ID',),
    'secret-rotate': ('JUJU_SECRET_ID',),
    'secret-remove': ('JUJU_SECRET_ID', 'JUJU_SECRET_REVISION'),
    'secret-expired': ('JUJU_SECRET_ID', 'JUJU_SECRET_REVISION'),
}
_BY_ENDING = {
    '-pebble-ready': ('JUJU_WORKLOAD_NAME',),
    '-pebble-custom-notice': ('JUJU_WORKLOAD_NAME', 'JUJU_NOTICE_ID', 'JUJU_NOTICE_KEY', 'JUJU_NOTICE_TYPE'),
    '-pebble-check-failed': ('JUJU_WORKLOAD_NAME', 'JUJU_PEBBLE_CHECK_NAME'),
    '-pebble-check-recovered': ('JUJU_WORKLOAD_NAME', 'JUJU_PEBBLE_CHECK_NAME'),
    '-storage-attached': ('JUJU_STORAGE_ID',),
    '-storage-detaching': ('JUJU_STORAGE_ID',),
    '-relation-created': _RELATION,
    '-relation-joined': (*_RELATION, 'JUJU_REMOTE_UNIT'),
    '-relation-changed': (*_RELATION, 'JUJU_REMOTE_UNIT'),
    '-relation-departed': (*_RELATION, 'JUJU_REMOTE_UNIT', 'JUJU_DEPARTING_UNIT'),
    '-relation-broken': _RELATION,
}


def _needed(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The variables that this environment's event comes with."""
    hook = environ.get('JUJU_HOOK_NAME', '')
    if hook in _PLAIN:
        return _EVERY_EVENT
    if hook in _BY_NAME:
        return _EVERY_EVENT + _BY_NAME[hook]
    if not hook and environ.get('JUJU_DISPATCH_PATH', '').startswith('actions/'):
        return (*_EVERY_EVENT, 'JUJU_ACTION_NAME', 'JUJU_ACTION_UUID')
    for ending, variables in _BY_ENDING.items():
        if hook.endswith(ending):
            return _EVERY_EVENT + variables
    return _EVERY_EVENT
