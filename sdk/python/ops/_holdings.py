"""What a unit has: ports, resources, storage, and the pod that it once had."""

from __future__ import annotations

from collections.abc import Mapping

from ._errors import ModelError
from ._record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterable, Iterator
    from typing import Any, List, Literal

    from ._backend import _ModelBackend

    _StorageLists = Mapping[str, List['Storage']]
else:
    _StorageLists = Mapping


@record
class Port:
    """A port that is open."""

    __module__ = 'ops.model'
    protocol: Literal['tcp', 'udp', 'icmp']
    """The protocol."""
    port: int | None
    """The number; None for ICMP."""


OpenedPort = Port


class Resources:
    """The files and images that come with the charm."""

    __module__ = 'ops.model'

    def __init__(self, names: Iterable[str], backend: _ModelBackend):
        self._backend = backend
        self._paths: dict[str, pathlib.Path | None] = dict.fromkeys(names)

    def fetch(self, name: str) -> pathlib.Path:
        """Where a resource lies, fetched if need be.

        Raises:
            NameError: when the metadata has none of that name.
            ModelError: when it could not be had.
        """
        if name not in self._paths:
            raise NameError(f'invalid resource name: {name}')
        path = self._paths[name]
        if path is None:
            from pathlib import Path

            path = self._paths[name] = Path(self._backend.resource_get(name))
        return path


class Pod:
    """What Juju before sidecars called a pod."""

    __module__ = 'ops.model'

    def __init__(self, backend: _ModelBackend):
        self._backend = backend

    def set_spec(self, spec: Mapping[str, Any], k8s_resources: Mapping[str, Any] | None = None) -> None:
        """Say what the pod is to be. Only the leader can.

        Raises:
            ModelError: for another unit, and where there are no such pods any more.
        """
        if not self._backend.is_leader():
            raise ModelError('cannot set a pod spec as this unit is not a leader')
        self._backend.pod_spec_set(spec, k8s_resources)


class StorageMapping(_StorageLists):
    """The unit's storage: a list for each name in the metadata."""

    __module__ = 'ops.model'

    def __init__(self, storage_names: Iterable[str], backend: _ModelBackend):
        self._backend = backend
        self._lists: dict[str, list[Storage] | None] = dict.fromkeys(storage_names)

    def __contains__(self, key: object) -> bool:
        return key in self._lists

    def __len__(self) -> int:
        return len(self._lists)

    def __iter__(self) -> Iterator[str]:
        return iter(self._lists)

    def __getitem__(self, storage_name: str) -> list[Storage]:
        if storage_name not in self._lists:
            known = ', '.join(self._lists) or 'none'
            raise KeyError(f'Storage {storage_name!r} not found: the metadata has {known}')
        found = self._lists[storage_name]
        if found is None:
            numbers = self._backend.storage_list(storage_name)
            found = self._lists[storage_name] = [Storage(storage_name, n, self._backend) for n in numbers]
        return found

    def request(self, storage_name: str, count: int = 1) -> None:
        """Ask for more storage; it comes with an event of its own.

        Raises:
            ModelError: when the metadata has none of that name.
        """
        if storage_name not in self._lists:
            known = ', '.join(self._lists) or 'none'
            raise ModelError(f'cannot add storage {storage_name!r}: it is not present in the charm metadata ({known})')
        self._backend.storage_add(storage_name, count)

    def _invalidate(self, storage_name: str) -> None:
        self._lists[storage_name] = None


class Storage:
    """One storage of the unit."""

    __module__ = 'ops.model'

    def __init__(self, storage_name: str, storage_index: int, backend: _ModelBackend):
        self.name = storage_name
        """As in the metadata."""
        self._backend, self._index = backend, storage_index
        self._location: pathlib.Path | None = None

    @property
    def index(self) -> int:
        """Its number among those of its name."""
        return self._index

    @property
    def id(self) -> int:
        """Deprecated: `index` and `full_id` say what they are."""
        import warnings

        warnings.warn('Storage.id is deprecated: use Storage.index', DeprecationWarning, stacklevel=2)
        return self._index

    @property
    def full_id(self) -> str:
        """Name and number, as `data/0`."""
        return f'{self.name}/{self._index}'

    @property
    def location(self) -> pathlib.Path:
        """Where it is mounted, or which device it is."""
        if self._location is None:
            from pathlib import Path

            self._location = Path(self._backend.storage_get(self.full_id, 'location'))
        return self._location

    @location.setter
    def location(self, location: str) -> None:
        from pathlib import Path

        self._location = Path(location)
