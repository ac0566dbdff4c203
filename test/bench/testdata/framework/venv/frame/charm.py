"""What a charm is made from."""

import dataclasses
import pathlib
import typing

from . import actions, config, relation, resources, yaml


@dataclasses.dataclass
class Meta:
    """What the charm's files say."""

    name: str = ""
    summary: str = ""
    endpoints: typing.Dict[str, relation.Meta] = dataclasses.field(default_factory=dict)
    files: typing.Dict[str, resources.Meta] = dataclasses.field(default_factory=dict)
    options: typing.Dict[str, config.Option] = dataclasses.field(default_factory=dict)
    tasks: typing.Dict[str, actions.Meta] = dataclasses.field(default_factory=dict)

    @classmethod
    def read(cls, where: pathlib.Path):
        """Read the files."""
        text = yaml.load((where / "metadata.yaml").read_text())
        found = cls(text["name"], text["summary"])
        for role in ("requires", "provides", "peers"):
            for name, value in (text.get(role) or {}).items():
                found.endpoints[name] = relation.Meta(name, role, value["interface"])
        return found


class Charm:
    """The base of a charm."""

    def __init__(self, framework):
        self.framework, self.model = framework, framework.model
