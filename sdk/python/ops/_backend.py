"""What the model asks the hook tools, and what it makes of their answers."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager

from . import _tools
from ._errors import InvalidStatusError, ModelError, RelationNotFoundError, SecretNotFoundError
from ._status import SETTABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping
    from typing import Any, Dict

    from . import pebble
    from ._secret import SecretInfo, SecretRotate
    from .jujucontext import JujuContext
    from .model import Application, CloudSpec, Port, Unit

MAX_LOG_LINE_LEN = 131071
"""The longest argument that Linux hands to a program, in bytes less its end."""

_REFUSALS = ('access denied', 'permission denied', 'not the leader', 'cannot write relation settings')


class _ModelBackend:
    """The hook tools of one dispatch.

    Raises, from every method that calls one:
        ModelError: with what the tool complained about.
    """

    __module__ = 'ops.model'
    LEASE_RENEWAL_PERIOD: Any = 30.0
    """How long an answer of is-leader holds, in seconds: leadership is promised for that long."""

    def __init__(
        self,
        unit_name: str | None = None,
        model_name: str | None = None,
        model_uuid: str | None = None,
        juju_context: JujuContext | None = None,
    ):
        if juju_context is None:
            from .jujucontext import JujuContext

            juju_context = JujuContext._from_dict(os.environ)
        self._juju_context = juju_context
        self.unit_name: str = unit_name or juju_context.unit_name
        self.app_name: str = self.unit_name.partition('/')[0]
        self.model_name: str = model_name or juju_context.model_name
        self.model_uuid: str = model_uuid or juju_context.model_uuid
        self._is_leader: bool | None = None
        self._leader_check_time: float | None = None
        self._hook_is_running = ''

    @contextmanager
    def _explained(self, tool: str) -> Iterator[None]:
        """Turn the failure of a tool into an error of the model."""
        try:
            yield
        except _tools.Error as e:
            complaint = e.stderr.lower()
            self._note_refusal(tool, e)
            if tool.startswith(('relation-', 'network-')) and 'relation not found' in complaint:
                raise RelationNotFoundError(e.stderr.strip()) from e
            if tool.startswith('secret-') and 'not found' in complaint:
                raise SecretNotFoundError(e.stderr.strip()) from e
            raise ModelError(e.stderr) from e

    def _note_refusal(self, tool: str, e: _tools.Error) -> None:
        """A tool that was refused matters to security, so the log says so."""
        if not any(words in e.stderr.lower() for words in _REFUSALS) or tool in ('is-leader', 'juju-log'):
            return
        from .log import security_event

        role = 'leader' if self.is_leader() else 'unit'
        what = f'{tool} as {role} ended with {e.returncode}: {e.stderr.strip()!r}'
        security_event('CRITICAL', 'authz_fail', tool, what)

    def _run(self, tool: str, *args: str, **kwargs: Any) -> str:
        with self._explained(tool):
            return _tools.run(tool, *args, **kwargs)

    def _ask(self, tool: str, *args: str) -> Any:
        with self._explained(tool):
            return _tools.ask(tool, *args)

    # Relations.

    def relation_ids(self, relation_name: str) -> list[int]:
        return [int(text.rpartition(':')[2]) for text in self._ask('relation-ids', relation_name, '--format=json')]

    def relation_list(self, relation_id: int, *, relation_name: str | None = None) -> list[str]:
        return self._ask('relation-list', '--format=json', '-r', _tools.relation(relation_id, relation_name))

    def relation_remote_app_name(self, relation_id: int, *, relation_name: str | None = None) -> str | None:
        """The other application; None when the relation is gone."""
        context = self._juju_context
        if context.relation_id == relation_id and context.remote_app_name is not None:
            return context.remote_app_name
        try:
            return self._ask('relation-list', '--format=json', '--app', '-r', _tools.relation(relation_id, relation_name))
        except RelationNotFoundError:
            return None

    def _needs_app_data(self, is_app: bool, verb: str) -> None:
        if not isinstance(is_app, bool):
            raise TypeError(f'is_app parameter to relation_{verb} must be a boolean')
        version = self._juju_context.version
        if is_app and not version.has_app_data():
            raise RuntimeError(f'{verb}ting application data is not supported on Juju version {version}')

    def relation_get(
        self, relation_id: int, member_name: str, is_app: bool, *, relation_name: str | None = None
    ) -> dict[str, str]:
        self._needs_app_data(is_app, 'get')
        which = ['-r', _tools.relation(relation_id, relation_name)] + (['--app'] if is_app else [])
        return self._ask('relation-get', '--format=json', *which, '-', member_name)

    def relation_set(
        self, relation_id: int, data: Mapping[str, str], is_app: bool, *, relation_name: str | None = None
    ) -> None:
        if not data:
            raise ValueError('at least one key:value pair is required for relation-set')
        self._needs_app_data(is_app, 'set')
        import json

        which = ['-r', _tools.relation(relation_id, relation_name)] + (['--app'] if is_app else [])
        self._run('relation-set', *which, '--file', '-', stdin=json.dumps(dict(data)))

    def update_relation_data(
        self,
        relation_id: int,
        entity: Unit | Application,
        data: Mapping[str, str],
        *,
        relation_name: str | None = None,
    ) -> None:
        self.relation_set(
            relation_id=relation_id, data=data, is_app='/' not in entity.name, relation_name=relation_name
        )

    def relation_model_get(self, relation_id: int, *, relation_name: str | None = None) -> dict[str, Any]:
        return self._ask('relation-model-get', '--format=json', '-r', _tools.relation(relation_id, relation_name))

    def network_get(self, binding_name: str, relation_id: int | None = None) -> dict[str, Any]:
        which = [] if relation_id is None else ['-r', str(relation_id)]
        return self._ask('network-get', '--format=json', *which, binding_name)

    # The unit, its application and its cloud.

    def config_get(self) -> dict[str, bool | int | float | str]:
        return self._ask('config-get', '--format=json')

    def is_leader(self) -> bool:
        """Whether this unit leads; the model is asked again when an answer no longer holds."""
        now, holds = time.monotonic(), self.LEASE_RENEWAL_PERIOD
        holds = holds.total_seconds() if hasattr(holds, 'total_seconds') else holds
        asked = self._leader_check_time
        if self._is_leader is None or asked is None or now - asked > holds:
            self._leader_check_time = now  # from before the answer: the promise runs from there at the latest
            self._is_leader = bool(self._ask('is-leader', '--format=json'))
        return self._is_leader

    def resource_get(self, resource_name: str) -> str:
        return self._run('resource-get', resource_name).strip()

    def status_get(self, *, is_app: bool = False) -> dict[str, str]:
        which = f'--application={"true" if is_app else "false"}'
        answer = self._ask('status-get', '--include-data', '--format=json', which)
        answer = answer['application-status'] if is_app else answer
        return {'status': answer['status'], 'message': answer['message']}

    def status_set(self, status: str, message: str = '', *, is_app: bool = False) -> None:
        if not isinstance(is_app, bool):
            raise TypeError('is_app parameter must be boolean')
        if not isinstance(message, str):
            raise TypeError('message parameter must be a string')
        if status not in SETTABLE:
            raise InvalidStatusError(f'status must be in {SETTABLE}, not {status!r}')
        self._run('status-set', f'--application={is_app}', status, '--', message)

    def application_version_set(self, version: str) -> None:
        self._run('application-version-set', '--', version)

    def planned_units(self) -> int:
        units = self._ask('goal-state', '--format=json').get('units', {})
        return sum(unit['status'] != 'dying' for unit in units.values())

    def credential_get(self) -> CloudSpec:
        from .model import CloudSpec

        return CloudSpec.from_dict(self._ask('credential-get', '--format=json'))

    def reboot(self, now: bool = False) -> None:
        from .log import security_event

        where = f'{self.unit_name!r} in model {self.model_name!r}'
        security_event('WARN', 'sys_restart', str(os.getuid()), f'the charm reboots the machine of {where}')
        if now:
            self._run('juju-reboot', '--now')
            sys.exit()
        self._run('juju-reboot')

    def pod_spec_set(self, spec: Mapping[str, Any], k8s_resources: Mapping[str, Any] | None = None) -> None:
        import tempfile

        from . import _yaml

        with tempfile.TemporaryDirectory() as directory:
            args: list[str] = []
            for flag, name, value in (('--file', 'spec', spec), ('--k8s-resources', 'k8s-resources', k8s_resources)):
                if value is not None and (value or flag == '--file'):
                    path = os.path.join(directory, name + '.yaml')
                    with open(path, 'w', encoding='utf-8') as f:
                        f.write(_yaml.dump(value))
                    args += [flag, path]
            self._run('pod-spec-set', *args)

    def get_pebble(self, socket_path: str) -> pebble.Client:
        """A client of the supervisor behind a socket."""
        from . import pebble

        return pebble.Client(socket_path=socket_path)

    # Ports.

    def open_port(self, protocol: str, port: int | None = None) -> None:
        self._run('open-port', _tools.port(protocol, port))

    def close_port(self, protocol: str, port: int | None = None) -> None:
        self._run('close-port', _tools.port(protocol, port))

    def opened_ports(self) -> set[Port]:
        """Every open port; of a range its first."""
        from .model import Port, logger

        ports: set[Port] = set()
        for line in self._ask('opened-ports', '--format=json'):
            protocol, port, last, _ = _tools.parse_port(line)
            if protocol not in ('tcp', 'udp', 'icmp'):
                logger.warning('Unexpected opened-ports protocol: %s', protocol)
                continue
            if last is not None:
                logger.warning('Ignoring opened-ports port range: %s', line)
            ports.add(Port(protocol, port))  # type: ignore[arg-type]
        return ports

    # Storage.

    def storage_list(self, name: str) -> list[int]:
        return [int(text.partition('/')[2]) for text in self._ask('storage-list', '--format=json', name)]

    def storage_get(self, storage_name_id: str, attribute: str) -> str:
        if not attribute:
            raise RuntimeError('storage_get needs the name of an attribute, `kind` or `location`')
        return self._ask('storage-get', '--format=json', '-s', storage_name_id)[attribute]

    def storage_add(self, name: str, count: int = 1) -> None:
        if not isinstance(count, int) or isinstance(count, bool):
            raise TypeError(f'storage count must be integer, got: {count} ({type(count)})')
        self._run('storage-add', f'{name}={count}')

    # Actions, log and metrics.

    def action_get(self) -> dict[str, Any]:
        return self._ask('action-get', '--format=json')

    def action_set(self, results: Dict[str, Any]) -> None:
        from ._results import flatten

        flat = flatten(results)
        self._run('action-set', *(f'{key}={value}' for key, value in flat.items()))

    def action_log(self, message: str) -> None:
        self._run('action-log', '--', message)

    def action_fail(self, message: str = '') -> None:
        self._run('action-fail', '--', message)

    @classmethod
    def log_split(cls, message: str, max_len: int = MAX_LOG_LINE_LEN) -> Iterator[str]:
        """Yield a message, in pieces when it is longer than an argument can be."""
        if len(message) > max_len:
            yield f'A log entry of {len(message)} characters follows in pieces of {max_len}:'
        for at in range(0, len(message), max_len):
            yield message[at : at + max_len]

    def juju_log(self, level: str, message: str) -> None:
        for line in self.log_split(message):
            self._run('juju-log', '--log-level', level, '--', line)

    def add_metrics(
        self, metrics: Mapping[str, int | float], labels: Mapping[str, str] | None = None
    ) -> None:
        from ._results import metric_arguments

        self._run('add-metric', *metric_arguments(metrics, labels or {}))

    # Secrets.

    def secret_get(
        self, *, id: str | None = None, label: str | None = None, refresh: bool = False, peek: bool = False
    ) -> dict[str, str]:
        args = ([] if id is None else [id]) + ([] if label is None else ['--label', label])
        args += ['--refresh'] * refresh + ['--peek'] * peek
        return self._ask('secret-get', '--format=json', *args)

    def secret_info_get(self, *, id: str | None = None, label: str | None = None) -> SecretInfo:
        from ._secret import SecretInfo

        if id is None and label is None:
            raise TypeError('either `id` or `label` must be provided')
        which = [id] if id is not None else ['--label', label or '']
        answer = self._ask('secret-info-get', '--format=json', *which)
        found, about = next(iter(answer.items()))
        return SecretInfo.from_dict(found, about, model_uuid=self.model_uuid)

    def secret_set(
        self,
        id: str,
        *,
        content: dict[str, str] | None = None,
        label: str | None = None,
        description: str | None = None,
        expire: datetime.datetime | None = None,
        rotate: SecretRotate | None = None,
    ) -> None:
        if self._juju_context.version < '3.6':  # which forgets whatever it is not told again
            if content is None:
                content = self.secret_get(id=id, peek=True)
            if None in (label, description, expire, rotate):
                info = self.secret_info_get(id=id)
                label, description = label or info.label, description or info.description
                expire, rotate = expire or info.expires, rotate or info.rotation
        options = _tools.secret_options(label, description, expire, rotate.value if rotate else None)
        self._run('secret-set', *options, '--owner', 'application', id, content=content)

    def secret_add(
        self,
        content: dict[str, str],
        *,
        label: str | None = None,
        description: str | None = None,
        expire: datetime.datetime | None = None,
        rotate: SecretRotate | None = None,
        owner: str | None = None,
    ) -> str:
        options = _tools.secret_options(label, description, expire, rotate.value if rotate else None)
        return self._run('secret-add', *options, '--owner', owner or 'application', content=content).strip()

    def secret_grant(self, id: str, relation_id: int, *, unit: str | None = None) -> None:
        self._run('secret-grant', '--relation', str(relation_id), *(['--unit', unit] if unit else []), id)

    def secret_revoke(self, id: str, relation_id: int, *, unit: str | None = None) -> None:
        self._run('secret-revoke', '--relation', str(relation_id), *(['--unit', unit] if unit else []), id)

    def secret_remove(self, id: str, *, revision: int | None = None) -> None:
        self._run('secret-remove', id, *([] if revision is None else ['--revision', str(revision)]))
