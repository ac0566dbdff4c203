"""Tests of charms without Juju.

`Context` gives a charm one event in a `State` and returns the state after it: what is in a state is all that there is,
and what cannot happen under Juju is refused. `Harness` is the older way: it keeps a charm and a model for as long as
the test likes, and lets it change both.
"""

from __future__ import annotations


from .. import charm, framework, model, pebble, storage
from .._status import (
    ActiveStatus,
    BlockedStatus,
    ErrorStatus,
    MaintenanceStatus,
    UnknownStatus,
    WaitingStatus,
)
from ..charm import CharmBase, CharmMeta, RelationRole
from ..model import RelationNotFoundError
from ..pebble import ExecProcess
from . import errors
from ._action import ActionFailed, ActionOutput
from ._box import ExecArgs, ExecResult
from ._containers import CheckInfo, Container, Exec, Mount, Notice, layer_from_rockcraft
from ._context import Context, Manager
from ._events import CharmEvents
from ._harness import Harness
from ._relations import PeerRelation, Relation, RelationBase, SubordinateRelation
from ._state import State
from ._values import (
    Address,
    BindAddress,
    CloudCredential,
    CloudSpec,
    DeferredEvent,
    ICMPPort,
    JujuLogLine,
    Model,
    Network,
    Port,
    Resource,
    Secret,
    Storage,
    StoredState,
    TCPPort,
    UDPPort,
)
from .errors import StateValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO, Callable, Dict, List, Mapping, Optional, TextIO, TypeVar, Union
    import io

    from ..model import Application, Unit

    AnyJson = Union[str, bool, int, float, Dict[str, 'AnyJson'], List['AnyJson']]
    RawDataBagContents = RawSecretRevisionContents = Mapping[str, str]
    UnitID = int
    CharmType = TypeVar('CharmType', bound=CharmBase)
    AppUnitOrName = Union[str, Application, Unit]
    ExecHandler = Callable[[ExecArgs], Optional[ExecResult]]
    ReadableBuffer = Union[bytes, str, io.StringIO, io.BytesIO, BinaryIO]
    YAMLStringOrFile = Union[str, TextIO]


_ALIASES = frozenset(
    'AnyJson AppUnitOrName CharmType ExecHandler RawDataBagContents RawSecretRevisionContents ReadableBuffer UnitID'
    ' YAMLStringOrFile'.split()
)


def __getattr__(name):  # type: ignore[no-untyped-def]
    """The aliases of types, made when somebody asks for one."""
    if name not in _ALIASES:
        raise AttributeError('module %r has no attribute %r' % (__name__, name))
    from importlib import import_module

    return getattr(import_module('._aliases', __name__), name)


__all__ = [
    'ActionFailed',
    'ActionOutput',
    'ActiveStatus',
    'Address',
    'AnyJson',
    'AppUnitOrName',
    'BindAddress',
    'BlockedStatus',
    'CharmBase',
    'CharmEvents',
    'CharmMeta',
    'CharmType',
    'CheckInfo',
    'CloudCredential',
    'CloudSpec',
    'Container',
    'Context',
    'DeferredEvent',
    'ErrorStatus',
    'Exec',
    'ExecArgs',
    'ExecHandler',
    'ExecProcess',
    'ExecResult',
    'Harness',
    'ICMPPort',
    'JujuLogLine',
    'MaintenanceStatus',
    'Manager',
    'Model',
    'Mount',
    'Network',
    'Notice',
    'PeerRelation',
    'Port',
    'RawDataBagContents',
    'RawSecretRevisionContents',
    'ReadableBuffer',
    'Relation',
    'RelationBase',
    'RelationNotFoundError',
    'RelationRole',
    'Resource',
    'Secret',
    'State',
    'StateValidationError',
    'Storage',
    'StoredState',
    'SubordinateRelation',
    'TCPPort',
    'UDPPort',
    'UnitID',
    'UnknownStatus',
    'WaitingStatus',
    'YAMLStringOrFile',
    'charm',
    'errors',
    'framework',
    'layer_from_rockcraft',
    'model',
    'pebble',
    'storage',
]
