"""What must survive the event: a database in the charm's directory, one transaction for the whole event."""

import contextlib
import datetime
import os
import pathlib
import pickle
import shutil
import sqlite3
import stat

from . import errors


class Storage:
    """Snapshots and notices."""

    LOCK = datetime.timedelta(hours=1)

    def __init__(self, path: pathlib.Path):
        self.db = sqlite3.connect(str(path), isolation_level=None, timeout=self.LOCK.total_seconds())
        if stat.S_IMODE(path.stat().st_mode) != 0o600:
            os.chmod(path, 0o600)
        self.db.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall()
        self.db.execute("BEGIN")
        there = self.db.execute("SELECT count(name) FROM sqlite_master WHERE type='table' AND name='snapshot'").fetchone()[0]
        if not there:
            self.db.execute("CREATE TABLE snapshot (handle TEXT PRIMARY KEY, data BLOB)")
            self.db.execute("CREATE TABLE notice (sequence INTEGER PRIMARY KEY AUTOINCREMENT, event_path TEXT, observer_path TEXT, method_name TEXT)")

    def save(self, handle, data):
        """Keep a snapshot."""
        self.db.execute("REPLACE INTO snapshot VALUES (?, ?)", (str(handle), pickle.dumps(data)))

    def load(self, handle):
        """Give a snapshot."""
        row = self.db.execute("SELECT data FROM snapshot WHERE handle=?", (str(handle),)).fetchone()
        if not row:
            raise errors.NoSuchSnapshot(str(handle))
        return pickle.loads(row[0])

    def drop(self, handle):
        """Forget a snapshot."""
        self.db.execute("DELETE FROM snapshot WHERE handle=?", (str(handle),))

    def notice(self, event, observer, method):
        """Remember that an observer has to be told of an event."""
        self.db.execute("INSERT INTO notice VALUES (NULL, ?, ?, ?)", (str(event), observer, method))

    def told(self, event):
        """Forget that."""
        self.db.execute("DELETE FROM notice WHERE event_path=?", (str(event),))

    def notices(self):
        """Give all that are left, in order."""
        return self.db.execute("SELECT event_path, observer_path, method_name FROM notice ORDER BY sequence").fetchall()

    def commit(self):
        """Make it last."""
        self.db.commit()

    def close(self):
        """Let go."""
        with contextlib.suppress(sqlite3.ProgrammingError):
            self.db.close()


def spare(path):
    """Keep a copy before the form changes."""
    return shutil.copy2(path, str(path) + ".old")
