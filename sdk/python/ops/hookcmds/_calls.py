"""The hook tools, but for those of secrets."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any, Dict, List, Literal, Union, overload

from .._tools import ask, parse_port, port as _port, relation, run
from ._types import (
    AppStatus,
    CloudSpec,
    GoalState,
    Network,
    Port,
    RelationModel,
    SettableStatusName,
    Storage,
    UnitStatus,
)

_Option = Union[bool, int, float, str]
_JSON = '--format=json'


def _of(id: int | None, endpoint: str | None, app: bool = False) -> List[str]:
    """The flags that say which relation; without an id it is the event's."""
    return ([] if id is None else ['-r', relation(id, endpoint)]) + ['--app'] * app


def _maybe(*args: str | None) -> List[str]:
    return [arg for arg in args if arg is not None]


# Actions.


def action_fail(message: str | None = None) -> None:
    """Mark the action as failed."""
    run('action-fail', *([] if message is None else ['--', message]))


@overload
def action_get() -> Dict[str, Any]: ...
@overload
def action_get(key: str) -> Any: ...
def action_get(key: str | None = None) -> Any:
    """The action's parameters, or one of them; dots go down into it."""
    return ask('action-get', _JSON, *_maybe(key))


def action_log(message: str) -> None:
    """Tell the user who waits for the action."""
    run('action-log', '--', message)


def action_set(results: Mapping[str, Any]) -> None:
    """Add to the action's results; keys of nested mappings are joined by dots."""
    run('action-set', *(f'{key}={value}' for key, value in _flat(results, '').items()))


def _flat(results: Mapping[str, Any], above: str) -> Dict[str, Any]:
    flat: Dict[str, Any] = {}
    for key, value in results.items():
        for path, leaf in _flat(value, f'{above}{key}.').items() if isinstance(value, Mapping) else [(above + key, value)]:
            if path in flat:
                raise ValueError(f'duplicate key detected among the results of the action: {path!r}')
            flat[path] = leaf
    return flat


# Config, model and unit.


def app_version_set(version: str) -> None:
    """Show users which version of the workload runs."""
    run('application-version-set', '--', version)


@overload
def config_get(key: str) -> _Option: ...
@overload
def config_get(key: None = None) -> Dict[str, _Option]: ...
def config_get(key: str | None = None) -> Any:
    """The application's config, or one option of it."""
    return ask('config-get', _JSON, *_maybe(key or None))


def credential_get() -> CloudSpec:
    """The cloud and a credential for it, for an application that was trusted."""
    return CloudSpec._from_dict(ask('credential-get', _JSON))


def goal_state() -> GoalState:
    """What is planned for the application and those it is related to."""
    return GoalState._from_dict(ask('goal-state', _JSON))


def is_leader() -> bool:
    """Whether this unit leads, for the next 30 seconds at least."""
    return ask('is-leader', _JSON)


def juju_log(message: str, *, level: Literal['TRACE', 'DEBUG', 'INFO', 'WARNING', 'ERROR'] = 'INFO') -> None:
    """Write into the model's log."""
    run('juju-log', '--log-level', level, '--', message)


def juju_reboot(*, now: bool = False) -> None:
    """Reboot the machine after this hook, or at once; the hook then runs again."""
    run('juju-reboot', *['--now'] * now)


def network_get(binding_name: str, *, relation_id: int | None = None) -> Network:
    """The addresses of an endpoint or an extra binding."""
    return Network._from_dict(ask('network-get', _JSON, *_of(relation_id, None), binding_name))


def resource_get(name: str) -> pathlib.Path:
    """Where a resource lies, fetched if need be."""
    return pathlib.Path(run('resource-get', name).strip())


@overload
def status_get(*, app: Literal[False] = False) -> UnitStatus: ...
@overload
def status_get(*, app: Literal[True]) -> AppStatus: ...
def status_get(*, app: bool = False) -> AppStatus | UnitStatus:
    """How this unit, or the application, is."""
    answer = ask('status-get', '--include-data', _JSON, f'--application={str(app).lower()}')
    return AppStatus._from_dict(answer) if app else UnitStatus._from_dict(answer)


def status_set(status: SettableStatusName, message: str | None = None, *, app: bool = False) -> None:
    """Say how this unit, or the application, is."""
    run('status-set', f'--application={app}', status, *([] if message is None else ['--', message]))


# Ports.


def _port_args(
    protocol: str | None, port: int | None, to_port: int | None, endpoints: str | Iterable[str] | None
) -> List[str]:
    named = [endpoints] if isinstance(endpoints, str) else list(endpoints or ())
    return (['--endpoints', ','.join(named)] if named else []) + [_port(protocol, port, to_port)]


def close_port(
    protocol: str | None = None,
    port: int | None = None,
    *,
    to_port: int | None = None,
    endpoints: str | Iterable[str] | None = None,
) -> None:
    """Close a port or a range, for all endpoints or for these."""
    run('close-port', *_port_args(protocol, port, to_port, endpoints))


def open_port(
    protocol: str | None = None,
    port: int | None = None,
    *,
    to_port: int | None = None,
    endpoints: str | Iterable[str] | None = None,
) -> None:
    """Open a port or a range, for all endpoints or for these."""
    run('open-port', *_port_args(protocol, port, to_port, endpoints))


def opened_ports(*, endpoints: bool = False) -> List[Port]:
    """What is open; with `endpoints` for which."""
    lines = ask('opened-ports', *['--endpoints'] * endpoints, _JSON)
    return [Port(*parse_port(line)) for line in lines]  # type: ignore[arg-type]


# Relations.


@overload
def relation_get(
    id: int | None = None, *, endpoint: str | None = None, unit: str | None = None, app: bool = False
) -> Dict[str, str]: ...
@overload
def relation_get(
    id: int | None = None, *, endpoint: str | None = None, key: str, unit: str | None = None, app: bool = False
) -> str: ...
def relation_get(
    id: int | None = None,
    *,
    endpoint: str | None = None,
    key: str | None = None,
    unit: str | None = None,
    app: bool = False,
) -> Any:
    """A databag, or one key of it; without a unit that of the event's."""
    if key == '-':
        raise ValueError('the key "-" is not supported: leave the key out to get all of them')
    which = [key or '-', unit] if unit else _maybe(key or None)
    return ask('relation-get', _JSON, *_of(id, endpoint, app), *which)


def relation_ids(name: str) -> List[str]:
    """The relations of an endpoint, as `db:7`."""
    return ask('relation-ids', name, _JSON)


@overload
def relation_list(id: int | None = None, *, endpoint: str | None = None, app: Literal[True]) -> str: ...
@overload
def relation_list(id: int | None = None, *, endpoint: str | None = None, app: Literal[False] = False) -> List[str]: ...
def relation_list(id: int | None = None, *, endpoint: str | None = None, app: bool = False) -> Any:
    """The units on the other side, or the application."""
    return ask('relation-list', _JSON, *['--app'] * app, *_of(id, endpoint))


def relation_model_get(id: int | None = None, *, endpoint: str | None = None) -> RelationModel:
    """The model on the other side."""
    return RelationModel._from_dict(ask('relation-model-get', _JSON, *_of(id, endpoint)))


def relation_set(
    data: Mapping[str, str], id: int | None = None, *, endpoint: str | None = None, app: bool = False
) -> None:
    """Write into this unit's databag, or the application's."""
    run('relation-set', *_of(id, endpoint, app), '--file', '-', stdin=json.dumps(dict(data)))


# State and storage.


def state_delete(key: str) -> None:
    """Forget a value of the unit's state."""
    run('state-delete', key)


@overload
def state_get(key: str) -> str: ...
@overload
def state_get(key: None = None) -> Dict[str, str]: ...
def state_get(key: str | None = None) -> Any:
    """The unit's state, or one value of it."""
    answer = ask('state-get', _JSON, *_maybe(key))
    return answer if key is not None else answer or {}


def state_set(data: Mapping[str, str]) -> None:
    """Keep values in the unit's state."""
    run('state-set', '--file', '-', stdin=json.dumps(dict(data)))


def storage_add(counts: Mapping[str, int]) -> None:
    """Ask for more storage."""
    run('storage-add', *(f'{name}={count}' for name, count in counts.items()))


def storage_get(id: str | None = None) -> Storage:
    """A storage; without an id the event's."""
    return Storage._from_dict(ask('storage-get', _JSON, *([] if id is None else ['-s', id])))


def storage_list(name: str | None = None) -> List[str]:
    """The unit's storage, as `data/0`, of all names or of one."""
    return ask('storage-list', _JSON, *_maybe(name))
