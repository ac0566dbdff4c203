"""The hook tools as functions: for charms and libraries that need no framework.

Each calls the tool of its name and returns what it answers; `Error` is raised when the tool fails.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._tools import Error
    from ._calls import (
        action_fail,
        action_get,
        action_log,
        action_set,
        app_version_set,
        close_port,
        config_get,
        credential_get,
        goal_state,
        is_leader,
        juju_log,
        juju_reboot,
        network_get,
        open_port,
        opened_ports,
        relation_get,
        relation_ids,
        relation_list,
        relation_model_get,
        relation_set,
        resource_get,
        state_delete,
        state_get,
        state_set,
        status_get,
        status_set,
        storage_add,
        storage_get,
        storage_list,
    )
    from ._secrets import (
        secret_add,
        secret_get,
        secret_grant,
        secret_ids,
        secret_info_get,
        secret_remove,
        secret_revoke,
        secret_set,
    )
    from ._types import (
        Address,
        AppStatus,
        BindAddress,
        CloudCredential,
        CloudSpec,
        Goal,
        GoalState,
        Network,
        Port,
        RelationModel,
        SecretInfo,
        SecretRotate,
        SettableStatusName,
        StatusName,
        Storage,
        UnitStatus,
    )

_HOMES = {
    '.._tools': 'Error',
    '._types': 'Address AppStatus BindAddress CloudCredential CloudSpec Goal GoalState Network Port RelationModel '
    'SecretInfo SecretRotate SettableStatusName StatusName Storage UnitStatus',
    '._calls': 'action_fail action_get action_log action_set app_version_set close_port config_get credential_get '
    'goal_state is_leader juju_log juju_reboot network_get open_port opened_ports relation_get relation_ids '
    'relation_list relation_model_get relation_set resource_get state_delete state_get state_set status_get '
    'status_set storage_add storage_get storage_list',
    '._secrets': 'secret_add secret_get secret_grant secret_ids secret_info_get secret_remove secret_revoke secret_set',
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    'Address', 'AppStatus', 'BindAddress', 'CloudCredential', 'CloudSpec', 'Error', 'Goal', 'GoalState', 'Network',
    'Port', 'RelationModel', 'SecretInfo', 'SecretRotate', 'SettableStatusName', 'StatusName', 'Storage',
    'UnitStatus', 'action_fail', 'action_get', 'action_log', 'action_set', 'app_version_set', 'close_port',
    'config_get', 'credential_get', 'goal_state', 'is_leader', 'juju_log', 'juju_reboot', 'network_get',
    'open_port', 'opened_ports', 'relation_get', 'relation_ids', 'relation_list', 'relation_model_get',
    'relation_set', 'resource_get', 'secret_add', 'secret_get', 'secret_grant', 'secret_ids', 'secret_info_get',
    'secret_remove', 'secret_revoke', 'secret_set', 'state_delete', 'state_get', 'state_set', 'status_get',
    'status_set', 'storage_add', 'storage_get', 'storage_list',
]  # fmt: skip


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from importlib import import_module

    value = globals()[name] = getattr(import_module(home, __name__), name)
    return value
