"""Names of objects, by which what they keep is found again."""

import functools
import typing


@functools.total_ordering
class Handle:
    """A path such as Charm/on/start[3]."""

    def __init__(self, parent: typing.Optional["Handle"], kind: str, key: typing.Optional[str] = None):
        self.parent, self.kind, self.key = parent, kind, key
        self.path = (parent.path + "/" if parent else "") + kind + (f"[{key}]" if key else "")

    def nest(self, kind, key=None):
        """Name a part."""
        return Handle(self, kind, key)

    @classmethod
    def parse(cls, path):
        """Read a path."""
        found = None
        for part in path.split("/"):
            kind, _, key = part.partition("[")
            found = cls(found, kind, key[:-1] or None)
        return found

    def __eq__(self, other):
        return self.path == other.path

    def __lt__(self, other):
        return self.path < other.path

    def __hash__(self):
        return hash(self.path)

    def __str__(self):
        return self.path
