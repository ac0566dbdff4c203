"""Storages and resources of a harness."""

from __future__ import annotations

import pathlib

import ops

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

    from ._box import Box
    from ._harness_world import HarnessWorld


class Storages:
    """A part of the harness."""

    _world: HarnessWorld
    _meta: ops.CharmMeta
    _model: ops.Model
    _charm: Any
    _files: pathlib.Path
    _boxes: dict[str, Box]

    if TYPE_CHECKING:

        def _emits(self) -> bool: ...

    def _storage_key(self, storage_id: str) -> tuple[str, int]:
        name, _, index = storage_id.partition('/')
        key = (name, int(index) if index.isdigit() else -1)
        if name not in self._meta.storages:
            raise RuntimeError("the key '%s' is not specified as a storage key in metadata" % name)
        if key not in self._world.storages and key not in self._world.detached:
            raise RuntimeError('storage %r was not added' % storage_id)
        return key

    def add_storage(self, storage_name: str, count: int = 1, *, attach: bool = False) -> list[str]:
        """Adds storages, and attaches them if asked to; their ids, as "data/0"."""
        if storage_name not in self._meta.storages:
            raise RuntimeError("the key '%s' is not specified as a storage key in metadata" % storage_name)
        ids = []
        for _ in range(count):
            key = (storage_name, self._world.next_storage)
            self._world.next_storage += 1
            self._world.detached.add(key)
            ids.append('%s/%d' % key)
            if attach:
                self.attach_storage(ids[-1])
        return ids

    def attach_storage(self, storage_id: str) -> None:
        """Attaches a storage; nothing happens if it is attached."""
        key = self._storage_key(storage_id)
        if key in self._world.storages:
            return
        location = self._files / 'storages' / key[0] / str(key[1])
        location.mkdir(parents=True, exist_ok=True)
        self._world.detached.discard(key)
        self._world.storages[key] = str(location)
        self._mount(key, location)
        self._model.storages._invalidate(key[0])
        if self._emits():
            self._emit_storage(key, 'storage_attached')

    def detach_storage(self, storage_id: str) -> None:
        """Detaches a storage, after the charm was told; nothing happens if it is not attached."""
        if self._charm is None:
            raise RuntimeError('cannot detach storage before Harness is initialised')
        self._detach(self._storage_key(storage_id))

    def _detach(self, key: tuple[str, int]) -> None:
        if key not in self._world.storages:
            return
        if self._emits():
            self._emit_storage(key, 'storage_detaching')
        self._unmount(key)
        del self._world.storages[key]
        self._world.detached.add(key)
        self._model.storages._invalidate(key[0])

    def remove_storage(self, storage_id: str) -> None:
        """Removes a storage, detached first if it is attached."""
        key = self._storage_key(storage_id)
        self._detach(key)
        self._world.detached.discard(key)

    def _emit_storage(self, key: tuple[str, int], event: str) -> None:
        storage = ops.Storage(key[0], key[1], self._model._backend)
        getattr(self._charm.on[key[0]], event).emit(storage)

    def _emit_attached_storages(self) -> None:
        """Juju attaches what there is before it installs the charm."""
        for key in sorted({*self._world.storages, *self._world.detached}):
            if key in self._world.detached:
                self.attach_storage('%s/%d' % key)
            elif self._emits():
                self._emit_storage(key, 'storage_attached')

    def _places(self, key: tuple[str, int]) -> list[tuple[Box, str]]:
        """Where containers see a storage."""
        out = []
        for name, meta in self._meta.containers.items():
            mount = meta.mounts.get(key[0])
            for location in mount.locations if mount is not None else ():
                out.append((self._boxes[name], self._location(key, location)))
        return out

    def _location(self, key: tuple[str, int], location: str) -> str:
        """A storage that there can be several of has a directory for each."""
        several = self._meta.storages[key[0]].multiple_range is not None
        return '%s/%d' % (location, key[1]) if several else location

    def _mount(self, key: tuple[str, int], source: pathlib.Path) -> None:
        for box, location in self._places(key):
            box.mount(location, str(source))

    def _unmount(self, key: tuple[str, int]) -> None:
        for box, location in self._places(key):
            place = box.root / location.lstrip('/')
            if place.is_symlink():
                place.unlink()

    # Resources.

    def _resource(self, name: str, kind: str) -> None:
        meta = self._meta.resources.get(name)
        if meta is None:
            raise RuntimeError('resource %r is not in the metadata, which has %s' % (name, sorted(self._meta.resources)))
        if meta.type != kind:
            raise RuntimeError('Resource Name: %s is not of type %s, but %s' % (name, kind, meta.type))

    def _add_file(self, name: str, filename: str, content: str | bytes) -> None:
        path = self._files / 'resources' / name / filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        self._world.resources[name] = str(path)

    def add_resource(self, resource_name: str, content: str | bytes) -> None:
        """Adds a resource that is a file."""
        self._resource(resource_name, 'file')
        filename = self._meta.resources[resource_name].filename or resource_name
        self._add_file(resource_name, filename, content)

    def add_oci_resource(self, resource_name: str, contents: Mapping[str, str] | None = None) -> None:
        """Adds a resource that is an image: where it is and how to get it."""
        from .. import _yaml

        self._resource(resource_name, 'oci-image')
        default = {'registrypath': 'registrypath', 'username': 'username', 'password': 'password'}
        self._add_file(resource_name, 'contents.yaml', _yaml.dump(dict(default if contents is None else contents)))

    def populate_oci_resources(self) -> None:
        """Adds every image of the metadata."""
        for name, meta in self._meta.resources.items():
            if meta.type == 'oci-image':
                self.add_oci_resource(name)
