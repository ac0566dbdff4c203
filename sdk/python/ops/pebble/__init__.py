"""A client of the Pebble API, which is how a charm talks to the supervisor of its workload.

It is written on sockets alone: no HTTP library, no websocket library. What only some charms use is imported when they
do. It serves any supervisor of that API.
"""

from __future__ import annotations


from ._client import Client
from ._enums import (
    ChangeKind,
    ChangeState,
    ChangeStatus,
    CheckLevel,
    CheckStartup,
    CheckStatus,
    FileType,
    IdentityAccess,
    NoticesUsers,
    NoticeType,
    ServiceStartup,
    ServiceStatus,
    WarningState,
)
from ._errors import (
    APIError,
    ChangeError,
    ConnectionError,
    Error,
    ExecError,
    PathError,
    ProtocolError,
    TimeoutError,
)
from ._layers import Check, Layer, LogTarget, Plan, Service
from ._notices import BasicIdentity, Identity, LocalIdentity, Notice
from ._values import (
    Change,
    ChangeID,
    CheckInfo,
    FileInfo,
    ServiceInfo,
    SystemInfo,
    Task,
    TaskID,
    TaskProgress,
    Warning,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._dicts import (
        BasicIdentityDict,
        CheckDict,
        ExecDict,
        HttpDict,
        IdentityDict,
        LayerDict,
        LocalIdentityDict,
        LogTargetDict,
        PlanDict,
        ServiceDict,
        TcpDict,
    )
    from ._exec import ExecProcess

_LATER = {'ExecProcess': '_exec'}
_LATER.update(
    (name, '_dicts')
    for name in (
        'BasicIdentityDict CheckDict ExecDict HttpDict IdentityDict LayerDict LocalIdentityDict LogTargetDict PlanDict'
        ' ServiceDict TcpDict'
    ).split()
)

__all__ = [
    'APIError',
    'BasicIdentity',
    'BasicIdentityDict',
    'Change',
    'ChangeError',
    'ChangeID',
    'ChangeKind',
    'ChangeState',
    'ChangeStatus',
    'Check',
    'CheckDict',
    'CheckInfo',
    'CheckLevel',
    'CheckStartup',
    'CheckStatus',
    'Client',
    'ConnectionError',
    'Error',
    'ExecDict',
    'ExecError',
    'ExecProcess',
    'FileInfo',
    'FileType',
    'HttpDict',
    'Identity',
    'IdentityAccess',
    'IdentityDict',
    'Layer',
    'LayerDict',
    'LocalIdentity',
    'LocalIdentityDict',
    'LogTarget',
    'LogTargetDict',
    'Notice',
    'NoticeType',
    'NoticesUsers',
    'PathError',
    'Plan',
    'PlanDict',
    'ProtocolError',
    'Service',
    'ServiceDict',
    'ServiceInfo',
    'ServiceStartup',
    'ServiceStatus',
    'SystemInfo',
    'Task',
    'TaskID',
    'TaskProgress',
    'TcpDict',
    'TimeoutError',
    'Warning',
    'WarningState',
]

# Names are told from outside as if they lived here: exceptions in tracebacks, classes in pickles.
for _value in [globals().get(_name) for _name in __all__]:
    if isinstance(_value, type):
        _value.__module__ = __name__


def __getattr__(name: str) -> Any:
    """Imports what is not needed by every charm."""
    where = _LATER.get(name)
    if where is None:
        raise AttributeError('module %r has no attribute %r' % (__name__, name))
    import importlib

    value = getattr(importlib.import_module('.' + where, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
