"""Libraries of charms as they were before charm libraries: `opslib` folders on the import path. Deprecated.

A library is a package `ANYTHING/opslib/FOLDER` somewhere on `sys.path` whose `__init__.py` says, among its first lines,
what it is: `LIBNAME = "web"`, `LIBAUTHOR = "someone@example.com"`, `LIBAPI = 2`, `LIBPATCH = 7`.
"""

from __future__ import annotations

import logging
import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType
    from typing import Any

__all__ = ['autoimport', 'use']

logger = logging.getLogger(__name__)

_CONSTANT = re.compile(r'LIB(NAME|AUTHOR|API|PATCH)\s*=\s*(?:([0-9]+)|"([\w.@-]+)"|\'([\w.@-]+)\')')
_LOOKED_AT = 99  # lines
_NAME = re.compile(r'[a-z][a-z0-9]+\Z')
_AUTHOR = re.compile(r'[\w.+-]+@[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.[a-z]{2,3}\Z', re.ASCII)


class _Library:
    """One library that was found; it is imported when it is used."""

    def __init__(self, module: str, folder: str, api: int, patch: int):
        self.module, self.folder, self.api, self.patch = module, folder, api, patch
        self._loaded: ModuleType | None = None

    def load(self) -> ModuleType:
        if self._loaded is None:
            from importlib.util import module_from_spec, spec_from_file_location

            init = os.path.join(self.folder, '__init__.py')
            spec: Any = spec_from_file_location(self.module, init, submodule_search_locations=[self.folder])
            loaded = module_from_spec(spec)
            spec.loader.exec_module(loaded)
            self._loaded = loaded
        return self._loaded


_found: dict[tuple[str, str], list[_Library]] = {}
_searched: list[bool] = []


def use(name: str, api: int, author: str) -> ModuleType:
    """Import a library: of those with this name, API and author on `sys.path` the one with the highest patch.

    Args:
        name: its name: lower-case letters and digits.
        api: its API version, from 0.
        author: its author's email address.

    Raises:
        TypeError, ValueError: for arguments that no library can have.
        ImportError: when there is none; it says which API versions there are.
    """
    _warn()
    for what, value, wanted in (('name', name, str), ('author', author, str), ('API', api, int)):
        if not isinstance(value, wanted):
            raise TypeError(f'invalid library {what}: {value!r} (must be {wanted.__name__})')
    if api < 0:
        raise ValueError(f'invalid library api: {api} (must be 0 or more)')
    if not _NAME.match(name):
        raise ValueError(f'invalid library name: {name!r} (lower-case letters and digits only)')
    if not _AUTHOR.match(author):
        raise ValueError(f'invalid library author email: {author!r}')
    if not _searched:
        _search()
    versions = _found.get((name, author), [])
    for library in versions:
        if library.api == api:
            return library.load()
    there = ', '.join(str(library.api) for library in versions)
    message = f'cannot find library "{name}" from "{author}"'
    raise ImportError(f'{message} with API version {api} (have {there})' if there else message, name=name)


def autoimport() -> None:
    """Look for libraries again, after `sys.path` or what lies on it was changed. The first `use` looks by itself."""
    _warn()
    _search()


def _warn() -> None:
    import warnings

    message = 'ops.lib is deprecated: use charm libraries, and ordinary imports'
    warnings.warn(message, DeprecationWarning, stacklevel=3)


def _search() -> None:
    _found.clear()
    _searched[:] = [True]
    for module, folder in _folders():
        said = _constants(os.path.join(folder, '__init__.py'))
        if not (isinstance(said.get('API'), int) and isinstance(said.get('PATCH'), int)):
            logger.debug('No library: %s does not say LIBNAME, LIBAUTHOR, LIBAPI and LIBPATCH', folder)
            continue
        library = _Library(module, folder, said['API'], said['PATCH'])
        versions = _found.setdefault((str(said.get('NAME')), str(said.get('AUTHOR'))), [])
        versions.append(library)
        versions.sort(key=lambda one: (one.api, one.patch), reverse=True)


def _folders() -> Iterator[tuple[str, str]]:
    """The module and the folder of everything that may be a library."""
    for place in sys.path:
        for package in _entries(place or '.'):
            opslib = os.path.join(place or '.', package, 'opslib')
            for name in _entries(opslib):
                folder = os.path.join(opslib, name)
                if os.path.isfile(os.path.join(folder, '__init__.py')):
                    yield f'{package}.opslib.{name}', folder


def _entries(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _constants(path: str) -> dict[str, Any]:
    said: dict[str, Any] = {}
    with open(path, encoding='utf-8', errors='replace') as file:
        for _, line in zip(range(_LOOKED_AT), file):
            found = _CONSTANT.match(line)
            if found is not None:
                key, number, double, single = found.groups()
                said[key] = int(number) if number else double or single
    return said
