"""A mapping that is loaded when it is first looked at."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Dict, Generic, TypeVar

    _V = TypeVar('_V')

    class _Base(Mapping[str, _V], Generic[_V]): ...

    class _GenericLazyMapping(_Base[_V], ABC):
        _lazy_data: Dict[str, _V] | None
        _data: Dict[str, _V]

        def _load(self) -> Dict[str, _V]: ...
        def _invalidate(self) -> None: ...
        def __getitem__(self, key: str) -> _V: ...
        def __iter__(self) -> Iterator[str]: ...
        def __len__(self) -> int: ...

    LazyMapping = _GenericLazyMapping[str]
else:

    class _GenericLazyMapping(Mapping, ABC):
        """The base: a subclass says how to load."""

        __module__ = 'ops.model'
        _lazy_data = None

        @abstractmethod
        def _load(self) -> Dict[str, Any]:
            """Return everything that is in it."""

        @property
        def _data(self) -> Dict[str, Any]:
            if self._lazy_data is None:
                self._lazy_data = self._load()
            return self._lazy_data

        def _invalidate(self) -> None:
            """Load again at the next look."""
            self._lazy_data = None

        def __contains__(self, key):
            return key in self._data

        def __len__(self):
            return len(self._data)

        def __iter__(self):
            return iter(self._data)

        def __getitem__(self, key):
            return self._data[key]

        def __repr__(self):
            return repr(self._data)

    class LazyMapping(_GenericLazyMapping):
        """A mapping of strings to strings that is loaded when it is first looked at."""

        __module__ = 'ops.model'
