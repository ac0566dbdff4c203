"""Aliases of types, for annotations of tests."""

from __future__ import annotations


import io
from typing import Any, BinaryIO, Callable, Dict, List, Mapping, Optional, TextIO, TypeVar, Union

from ..charm import CharmBase
from ..model import Application, Unit
from ._box import ExecArgs, ExecResult

AnyJson = Union[str, bool, int, float, Dict[str, Any], List[Any]]
RawDataBagContents = Mapping[str, str]
RawSecretRevisionContents = Mapping[str, str]
UnitID = int
CharmType = TypeVar('CharmType', bound=CharmBase)
AppUnitOrName = Union[str, Application, Unit]
ExecHandler = Callable[[ExecArgs], Optional[ExecResult]]
ReadableBuffer = Union[bytes, str, io.StringIO, io.BytesIO, BinaryIO]
YAMLStringOrFile = Union[str, TextIO]
