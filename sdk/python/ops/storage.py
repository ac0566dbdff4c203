"""Where snapshots and deferred notices lie between two dispatches.

The formats are those that charms already have on disk and in their controller, so a charm can change between this
package and Canonical's, either way, and finds what it stored.
"""

from __future__ import annotations

import logging
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pathlib
    from collections.abc import Generator
    from typing import Any

    _Notice = tuple[str, str, str]

logger = logging.getLogger(__name__)


class NoSnapshotError(Exception):
    """There is no snapshot under this path."""

    def __init__(self, handle_path: str):
        self.handle_path = handle_path

    def __str__(self) -> str:
        return f'no snapshot data found for {self.handle_path} object'


class SQLiteStorage:
    """Storage in a SQLite file, which only its owner can read.

    It is locked, and in one transaction, from opening to closing: what is not committed has not happened.
    """

    DB_LOCK_TIMEOUT: Any = 3600.0
    """How long to wait for another process to be done with the file, in seconds."""

    def __init__(self, filename: pathlib.Path | str):
        import sqlite3

        name = str(filename)
        if name != ':memory:':
            _close_to_others(name)
        wait = self.DB_LOCK_TIMEOUT
        seconds = wait.total_seconds() if hasattr(wait, 'total_seconds') else wait
        self._db = sqlite3.connect(name, isolation_level=None, timeout=seconds)
        try:
            self._open()
        except BaseException:
            self._db.close()
            raise

    def _open(self) -> None:
        run = self._db.execute
        run('PRAGMA locking_mode = EXCLUSIVE')
        run('BEGIN')
        run('CREATE TABLE IF NOT EXISTS snapshot (handle TEXT PRIMARY KEY, data BLOB)')
        run(
            'CREATE TABLE IF NOT EXISTS notice (sequence INTEGER PRIMARY KEY AUTOINCREMENT,'
            ' event_path TEXT, observer_path TEXT, method_name TEXT)'
        )

    def close(self) -> None:
        """Give the file up; what was not committed is gone."""
        self._db.close()

    def commit(self) -> None:
        """Make what was written last."""
        self._db.commit()

    def save_snapshot(self, handle_path: str, snapshot_data: Any) -> None:
        """Keep simple Python data under a path, in place of what was there."""
        import pickle

        self._db.execute('REPLACE INTO snapshot VALUES (?, ?)', (handle_path, pickle.dumps(snapshot_data, 4)))

    def load_snapshot(self, handle_path: str) -> Any:
        """Return what is kept under a path.

        Raises:
            NoSnapshotError: when nothing is.
        """
        row = self._db.execute('SELECT data FROM snapshot WHERE handle = ?', (handle_path,)).fetchone()
        if row is None:
            raise NoSnapshotError(handle_path)
        import pickle

        return pickle.loads(row[0])

    def drop_snapshot(self, handle_path: str) -> None:
        """Forget what is kept under a path, if anything is."""
        self._db.execute('DELETE FROM snapshot WHERE handle = ?', (handle_path,))

    def list_snapshots(self) -> Generator[str, None, None]:
        """Yield every path under which something is kept."""
        for (path,) in self._db.execute('SELECT handle FROM snapshot').fetchall():
            yield path

    def save_notice(self, event_path: str, observer_path: str, method_name: str) -> None:
        """Queue an event for a method of an observer."""
        self._db.execute(
            'INSERT INTO notice (event_path, observer_path, method_name) VALUES (?, ?, ?)',
            (event_path, observer_path, method_name),
        )

    def drop_notice(self, event_path: str, observer_path: str, method_name: str) -> None:
        """Take an event for a method of an observer out of the queue."""
        self._db.execute(
            'DELETE FROM notice WHERE event_path = ? AND observer_path = ? AND method_name = ?',
            (event_path, observer_path, method_name),
        )

    def notices(self, event_path: str | None = None) -> Generator[_Notice, None, None]:
        """Yield (event path, observer path, method name) in the order they were queued, of one event or of all."""
        only = ' WHERE event_path = ?' if event_path else ''
        query = f'SELECT event_path, observer_path, method_name FROM notice{only} ORDER BY sequence'
        for row in self._db.execute(query, (event_path,) if event_path else ()).fetchall():
            yield tuple(row)


def _close_to_others(name: str) -> None:
    """Make the file, or the one that is there, its owner's only."""
    try:
        if os.path.exists(name):
            os.chmod(name, 0o600)
        else:
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            logger.debug('Local state starts in %s.', name)
    except OSError as e:
        raise RuntimeError(f'cannot make {name!r} readable by its owner only: adjust its access permission') from e


class JujuStorage:
    """Storage in the controller, with state-get and its like. What a failed hook wrote has not happened."""

    NOTICE_KEY = '#notices#'

    def __init__(self, backend: _JujuStorageBackend | None = None):
        self._backend = backend or _JujuStorageBackend()

    def close(self) -> None:
        """Nothing to give up."""

    def commit(self) -> None:
        """Nothing to do: the hook's end commits."""

    def save_snapshot(self, handle_path: str, snapshot_data: Any) -> None:
        """Keep simple Python data under a path, in place of what was there."""
        self._backend.set(handle_path, snapshot_data)

    def load_snapshot(self, handle_path: str) -> Any:
        """Return what is kept under a path.

        Raises:
            NoSnapshotError: when nothing is.
        """
        try:
            return self._backend.get(handle_path)
        except KeyError:
            raise NoSnapshotError(handle_path) from None

    def drop_snapshot(self, handle_path: str) -> None:
        """Forget what is kept under a path, if anything is."""
        self._backend.delete(handle_path)

    def save_notice(self, event_path: str, observer_path: str, method_name: str) -> None:
        """Queue an event for a method of an observer."""
        self._backend.set(self.NOTICE_KEY, [*self._queue(), (event_path, observer_path, method_name)])

    def drop_notice(self, event_path: str, observer_path: str, method_name: str) -> None:
        """Take an event for a method of an observer out of the queue."""
        queue = self._queue()
        queue.remove((event_path, observer_path, method_name))
        self._backend.set(self.NOTICE_KEY, queue)

    def notices(self, event_path: str | None = None) -> Generator[_Notice, None, None]:
        """Yield (event path, observer path, method name) in the order they were queued, of one event or of all."""
        for notice in self._queue():
            if not event_path or notice[0] == event_path:
                yield notice

    def list_snapshots(self) -> Generator[str, None, None]:
        """Yield nothing: the controller does not list keys by what they are for."""
        yield from ()

    def _queue(self) -> list[_Notice]:
        try:
            return [tuple(notice) for notice in self._backend.get(self.NOTICE_KEY) or ()]
        except KeyError:
            return []


class _JujuStorageBackend:
    """Values of the unit's state in the controller: each is a YAML document."""

    def set(self, key: str, value: Any) -> None:
        """Keep a value of simple types, tuples, sets and bytes included."""
        import json

        from . import _tools, _yaml

        _tools.run('state-set', '--file', '-', stdin=json.dumps({key: _yaml.dump(value, tags=True)}))

    def get(self, key: str) -> Any:
        """Return a value.

        Raises:
            KeyError: when there is none.
        """
        from . import _tools, _yaml

        text = _tools.run('state-get', key)
        if text in ('', '\n'):
            raise KeyError(key)
        return _yaml.load(text)

    def delete(self, key: str) -> None:
        """Forget a value, if there is one."""
        from . import _tools

        _tools.run('state-delete', key)


def juju_backend_available() -> bool:
    """Whether the controller keeps state for charms: there is a state-get."""
    from . import _tools

    if _tools.transport() == 'socket':
        return True
    import shutil

    return shutil.which('state-get') is not None
