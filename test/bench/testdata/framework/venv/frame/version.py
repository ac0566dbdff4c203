"""The version, and what versions of the controller can."""

import dataclasses
import functools
import re

VERSION = "1.0"


@functools.total_ordering
@dataclasses.dataclass(eq=True, frozen=True)
class Controller:
    """A version such as 3.6.14 or 4.0-beta1.2."""

    major: int
    minor: int
    tag: str = ""
    patch: int = 0
    build: int = 0

    PATTERN = re.compile(r"^(?P<major>\d{1,9})\.(?P<minor>\d{1,9})((?:\.|-(?P<tag>[a-z]+))(?P<patch>\d{1,9}))?(\.(?P<build>\d{1,9}))?$")

    @classmethod
    def parse(cls, text):
        """Read a version."""
        m = cls.PATTERN.match(text)
        if not m:
            raise ValueError(f"cannot read version {text!r}: write it as MAJOR.MINOR.PATCH")
        parts = m.groupdict()
        return cls(*(int(parts[k] or 0) if k != "tag" else parts[k] or "" for k in ("major", "minor", "tag", "patch", "build")))

    def __lt__(self, other):
        return dataclasses.astuple(self) < dataclasses.astuple(other)

    def has_secrets(self):
        """Say whether secrets can be used."""
        return (self.major, self.minor) >= (3, 0)
