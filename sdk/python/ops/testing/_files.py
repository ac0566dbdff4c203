"""Files of a container that is played by a directory."""

from __future__ import annotations

import datetime
import fnmatch
import io
import os
import pathlib
import shutil
import stat

from .. import pebble
from ._box import refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._box import Box

_TYPES = (
    (stat.S_ISLNK, pebble.FileType.SYMLINK),
    (stat.S_ISDIR, pebble.FileType.DIRECTORY),
    (stat.S_ISREG, pebble.FileType.FILE),
    (stat.S_ISSOCK, pebble.FileType.SOCKET),
    (stat.S_ISFIFO, pebble.FileType.NAMED_PIPE),
    (stat.S_ISBLK, pebble.FileType.DEVICE),
    (stat.S_ISCHR, pebble.FileType.DEVICE),
)


class BoxFiles:
    """A part of the client of a box."""

    _box: Box

    def _reach(self) -> None:
        raise NotImplementedError

    def _place(self, path: Any) -> pathlib.Path:
        """Where a path of the container is, within its directory."""
        text = str(path)
        if not text.startswith('/'):
            raise pebble.PathError('generic-file-error', 'paths must be absolute, got "%s"' % text)
        return self._box.root / os.path.normpath(text).lstrip('/')

    def pull(self, path: Any, *, encoding: str | None = 'utf-8') -> Any:
        """A file, open for reading."""
        self._reach()
        place = self._place(path)
        if not place.exists():
            raise pebble.PathError('not-found', 'stat %s: no such file or directory' % path)
        if not place.is_file():
            raise pebble.PathError('generic-file-error', 'can only read a regular file: "%s"' % path)
        try:
            raw = place.read_bytes()
        except PermissionError:
            raise pebble.PathError('permission-denied', 'open %s: permission denied' % path) from None
        return io.BytesIO(raw) if encoding is None else io.StringIO(raw.decode(encoding), newline='')

    def push(
        self,
        path: Any,
        source: Any,
        *,
        encoding: str = 'utf-8',
        make_dirs: bool = False,
        permissions: int | None = None,
        user_id: int | None = None,
        user: str | None = None,
        group_id: int | None = None,
        group: str | None = None,
    ) -> None:
        """Writes a file. Its owner stays whoever runs the tests."""
        self._reach()
        mode = 0o644 if permissions is None else permissions
        if not 0 <= mode <= 0o777:
            raise pebble.PathError('generic-file-error', 'permissions must be within 0o000 and 0o777, not %#o' % mode)
        place = self._place(path)
        if any(p.is_file() for p in place.parents):
            raise pebble.PathError('generic-file-error', 'open %s: not a directory' % path)
        if make_dirs:
            place.parent.mkdir(parents=True, exist_ok=True)
        if not place.parent.is_dir():
            raise pebble.PathError('not-found', 'cannot write %s: its directory is not there' % path)
        if place.is_dir():
            raise pebble.PathError('generic-file-error', 'cannot write %s: it is a directory' % path)
        try:
            with open(place, 'wb') as file:
                _copy(source, file, encoding)
            os.chmod(place, mode)
        except PermissionError:
            raise pebble.PathError('permission-denied', 'open %s: permission denied' % path) from None

    def list_files(self, path: Any, *, pattern: str | None = None, itself: bool = False) -> list[pebble.FileInfo]:
        """The entries of a directory, or the one of a file."""
        self._reach()
        place = self._place(path)
        if not place.exists() and not place.is_symlink():
            raise refused(404, 'stat %s: no such file or directory' % path)
        places = [place] if itself or not place.is_dir() else sorted(place.iterdir())
        if pattern is not None:
            places = [p for p in places if fnmatch.fnmatch(p.name, pattern)]
        return [self._info(p) for p in places]

    def _info(self, place: pathlib.Path) -> pebble.FileInfo:
        import grp
        import pwd

        about = place.lstat()
        kind = next((word for test, word in _TYPES if test(about.st_mode)), pebble.FileType.UNKNOWN)
        path = '/' + place.relative_to(self._box.root).as_posix()
        path = '/' if path == '/.' else path
        return pebble.FileInfo(
            path=path,
            name='/' if path == '/' else place.name,
            type=kind,
            size=about.st_size if kind is pebble.FileType.FILE else None,
            permissions=stat.S_IMODE(about.st_mode),
            last_modified=datetime.datetime.fromtimestamp(int(about.st_mtime), datetime.timezone.utc),
            user_id=about.st_uid,
            user=_name(lambda: pwd.getpwuid(about.st_uid).pw_name),
            group_id=about.st_gid,
            group=_name(lambda: grp.getgrgid(about.st_gid).gr_name),
        )

    def make_dir(
        self,
        path: Any,
        *,
        make_parents: bool = False,
        permissions: int | None = None,
        user_id: int | None = None,
        user: str | None = None,
        group_id: int | None = None,
        group: str | None = None,
    ) -> None:
        """Makes a directory."""
        self._reach()
        place = self._place(path)
        mode = 0o755 if permissions is None else permissions
        if not 0 <= mode <= 0o777:
            raise pebble.PathError('generic-file-error', 'permissions must be within 0o000 and 0o777, not %#o' % mode)
        if make_parents and place.is_dir():
            return
        if place.exists():
            raise pebble.PathError('generic-file-error', 'mkdir %s: file exists' % path)
        missing = []
        for parent in place.parents:
            if parent.exists():
                break
            missing.append(parent)
        if missing and not make_parents:
            raise pebble.PathError('not-found', 'cannot make %s: its parent directory is not there' % path)
        try:
            for each in [*reversed(missing), place]:
                each.mkdir()
                os.chmod(each, mode)
        except NotADirectoryError:
            raise pebble.PathError('generic-file-error', 'mkdir %s: not a directory' % path) from None

    def remove_path(self, path: Any, *, recursive: bool = False) -> None:
        """Removes a file or directory."""
        self._reach()
        place = self._place(path)
        if not place.exists() and not place.is_symlink():
            if not recursive:
                raise pebble.PathError('not-found', 'remove %s: no such file or directory' % path)
        elif not place.is_dir() or place.is_symlink():
            place.unlink()
        elif recursive:
            shutil.rmtree(place)
        else:
            try:
                place.rmdir()
            except OSError:
                raise pebble.PathError('generic-file-error', 'remove %s: directory not empty' % path) from None


def _copy(source: Any, file: Any, encoding: str) -> None:
    if isinstance(source, (str, bytes)):
        source = io.BytesIO(source.encode(encoding) if isinstance(source, str) else source)
    while True:
        piece = source.read(65536)
        if not piece:
            return
        file.write(piece.encode(encoding) if isinstance(piece, str) else piece)


def _name(look: Any) -> str | None:
    try:
        return str(look())
    except KeyError:
        return None
