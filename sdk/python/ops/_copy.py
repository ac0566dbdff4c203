"""Copying trees into a container and out of it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from . import pebble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from ._container import Container

logger = logging.getLogger('ops.model')


def push_tree(container: Container, sources: Any, dest_dir: Any) -> None:
    """Copy from here into the container."""

    def here(path: Path) -> list[pebble.FileInfo]:
        return [describe(entry) for entry in (sorted(path.iterdir()) if path.is_dir() else [path])]

    def copy(info: pebble.FileInfo, target: Path) -> None:
        if info.type is pebble.FileType.DIRECTORY:
            container.make_dir(target, make_parents=True)
            return
        with open(info.path, 'rb') as source:
            container.push(
                target,
                source,
                make_dirs=True,
                permissions=info.permissions,
                user_id=info.user_id,
                user=info.user,
                group_id=info.group_id,
                group=info.group,
            )

    _copy_all('push', here, copy, sources, dest_dir)


def pull_tree(container: Container, sources: Any, dest_dir: Any) -> None:
    """Copy from the container to here."""

    def copy(info: pebble.FileInfo, target: Path) -> None:
        if info.type is pebble.FileType.DIRECTORY:
            target.mkdir(parents=True, exist_ok=True)
            return
        import shutil

        target.parent.mkdir(parents=True, exist_ok=True)
        with container.pull(info.path, encoding=None) as source, target.open('wb') as copied:
            shutil.copyfileobj(source, copied)

    _copy_all('pull', container.list_files, copy, sources, dest_dir)


def _copy_all(
    verb: str,
    list_files: Callable[[Any], Iterable[pebble.FileInfo]],
    copy: Callable[[pebble.FileInfo, Path], None],
    sources: Any,
    dest_dir: Any,
) -> None:
    """Copy each source as far as it goes, then say what did not."""
    alone = isinstance(sources, str) or not hasattr(sources, '__iter__')
    failed: list[tuple[str, Exception]] = []
    for source in [sources] if alone else list(sources):
        source = Path(source)
        try:
            for info in walk(list_files, source):
                copy(info, destination(info.path, source, dest_dir))
        except (OSError, pebble.Error) as e:
            failed.append((str(source), e))
    if failed:
        from ._container_views import MultiPushPullError

        raise MultiPushPullError(f'failed to {verb} one or more files', failed)


def walk(list_files: Callable[[Any], Iterable[pebble.FileInfo]], path: Path) -> Iterator[pebble.FileInfo]:
    """Yield what is below a path, each directory before what it holds; of `dir/*` what is in it."""
    for info in list_files(path.parent if path.name == '*' else path):
        if info.type is pebble.FileType.DIRECTORY:
            yield info
            yield from walk(list_files, Path(info.path))
        elif info.type in (pebble.FileType.FILE, pebble.FileType.SYMLINK):
            yield info
        else:
            logger.debug('Not copied, as it is neither file, link nor directory: %s', info.path)


def destination(file_path: Any, source_path: Any, dest_dir: Any) -> Path:
    """Where a file goes: below the directory as it lies below its source's parent.

    Raises:
        RuntimeError: when it does not lie there.
    """
    above = str(Path(source_path).parent)
    path = str(file_path)
    if above != '.' and os.path.commonpath([above, path]) != above:
        raise RuntimeError(f'file "{file_path}" does not have specified prefix "{above}"')
    return Path(dest_dir) / os.path.relpath(path, above)


def describe(path: Any) -> pebble.FileInfo:
    """A file here, as the supervisor would describe it."""
    import datetime
    import grp
    import pwd
    import stat

    path = Path(path)
    info = path.lstat()
    kinds = (
        (path.is_symlink, pebble.FileType.SYMLINK),
        (path.is_dir, pebble.FileType.DIRECTORY),
        (path.is_file, pebble.FileType.FILE),
    )
    user = group = None
    try:
        user = pwd.getpwuid(info.st_uid).pw_name
        group = grp.getgrgid(info.st_gid).gr_name
    except KeyError:
        logger.warning('The owner of %s has no name here: user %d, group %d', path, info.st_uid, info.st_gid)
    return pebble.FileInfo(
        path=str(path),
        name=path.name,
        type=next((kind for is_it, kind in kinds if is_it()), pebble.FileType.UNKNOWN),
        size=info.st_size,
        permissions=stat.S_IMODE(info.st_mode),
        last_modified=datetime.datetime.fromtimestamp(info.st_mtime),
        user_id=info.st_uid,
        user=user,
        group_id=info.st_gid,
        group=group,
    )
