"""State of a charm that it sees as attributes."""

import collections.abc
import marshal
import weakref


class Data:
    """Values that are saved when they changed."""

    def __init__(self, storage, handle):
        self.storage, self.handle, self.dirty = storage, handle, False
        try:
            self.values = storage.load(handle)
        except LookupError:
            self.values = {}

    def set(self, key, value):
        """Keep a simple value."""
        marshal.dumps(value)
        self.values[key], self.dirty = value, True

    def commit(self):
        """Save what changed."""
        if self.dirty:
            self.storage.save(self.handle, self.values)
            self.dirty = False


class View(collections.abc.MutableMapping):
    """A map that tells its owner when it is changed."""

    def __init__(self, data, under):
        self.data, self.under = weakref.proxy(data), under

    def __getitem__(self, key):
        return self.under[key]

    def __setitem__(self, key, value):
        self.under[key] = value
        self.data.dirty = True

    def __delitem__(self, key):
        del self.under[key]
        self.data.dirty = True

    def __iter__(self):
        return iter(self.under)

    def __len__(self):
        return len(self.under)
