"""Options."""

import collections.abc
import dataclasses
import typing

from . import tools


@dataclasses.dataclass
class Option:
    """What config.yaml says of one."""

    name: str
    type: typing.Literal["string", "int", "float", "boolean", "secret"]
    default: typing.Union[str, int, float, bool, None] = None
    description: str = ""


class Config(collections.abc.Mapping):
    """Options by name, read when first asked for."""

    def __init__(self):
        self.values = None

    def read(self):
        """Ask the controller."""
        self.values = tools.run("config-get", "--format=json")
        return self.values

    def all(self):
        """Give what is known, or ask."""
        return self.read() if self.values is None else self.values

    def __getitem__(self, key):
        return self.all()[key]

    def __iter__(self):
        return iter(self.all())

    def __len__(self):
        return len(self.all())
