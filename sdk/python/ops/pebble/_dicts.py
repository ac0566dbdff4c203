"""The shapes of layers and identities as dictionaries, for type checkers."""

from __future__ import annotations


import typing
from typing import Any, Dict, List, Optional, Sequence, Union

TypedDict = typing.TypedDict

ServiceDict = TypedDict(
    'ServiceDict',
    {
        'summary': str,
        'description': str,
        'startup': str,
        'override': str,
        'command': str,
        'after': Sequence[str],
        'before': Sequence[str],
        'requires': Sequence[str],
        'environment': Dict[str, str],
        'user': str,
        'user-id': Optional[int],
        'group': str,
        'group-id': Optional[int],
        'working-dir': str,
        'on-success': str,
        'on-failure': str,
        'on-check-failure': Dict[str, Any],
        'backoff-delay': str,
        'backoff-factor': Optional[int],
        'backoff-limit': str,
        'kill-delay': Optional[str],
    },
    total=False,
)
ServiceDict.__doc__ = 'A service of a layer.'

HttpDict = TypedDict('HttpDict', {'url': str, 'headers': Dict[str, str]}, total=False)
HttpDict.__doc__ = 'A check that asks for a page.'

TcpDict = TypedDict('TcpDict', {'port': int, 'host': str}, total=False)
TcpDict.__doc__ = 'A check that connects.'

ExecDict = TypedDict(
    'ExecDict',
    {
        'command': str,
        'service-context': str,
        'environment': Dict[str, str],
        'user-id': Optional[int],
        'user': str,
        'group-id': Optional[int],
        'group': str,
        'working-dir': str,
    },
    total=False,
)
ExecDict.__doc__ = 'A check that runs a command.'

CheckDict = TypedDict(
    'CheckDict',
    {
        'override': str,
        'level': Any,
        'startup': str,
        'period': Optional[str],
        'timeout': Optional[str],
        'http': Optional[HttpDict],
        'tcp': Optional[TcpDict],
        'exec': Optional[ExecDict],
        'threshold': Optional[int],
    },
    total=False,
)
CheckDict.__doc__ = 'A check of a layer.'

LogTargetDict = TypedDict(
    'LogTargetDict',
    {'override': str, 'type': str, 'location': str, 'services': List[str], 'labels': Dict[str, str]},
    total=False,
)
LogTargetDict.__doc__ = 'A log target of a layer.'

PlanDict = TypedDict(
    'PlanDict',
    {'services': Dict[str, ServiceDict], 'checks': Dict[str, CheckDict], 'log-targets': Dict[str, LogTargetDict]},
    total=False,
)
PlanDict.__doc__ = 'All layers as they combine.'

LayerDict = TypedDict(
    'LayerDict',
    {
        'summary': str,
        'description': str,
        'services': Dict[str, ServiceDict],
        'checks': Dict[str, CheckDict],
        'log-targets': Dict[str, LogTargetDict],
    },
    total=False,
)
LayerDict.__doc__ = 'A layer.'

LocalIdentityDict = TypedDict('LocalIdentityDict', {'user-id': int})
LocalIdentityDict.__doc__ = 'Who comes over the unix socket.'

BasicIdentityDict = TypedDict('BasicIdentityDict', {'password': str})
BasicIdentityDict.__doc__ = 'Who comes with a name and a password.'

IdentityDict = TypedDict(
    'IdentityDict',
    {'access': str, 'local': LocalIdentityDict, 'basic': BasicIdentityDict},
    total=False,
)
IdentityDict.__doc__ = 'An identity: access, and at least one way to tell who it is.'

ReadableSource = Union[str, bytes, typing.TextIO, typing.BinaryIO]
"""What can be pushed."""

