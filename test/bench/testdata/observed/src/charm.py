#!/usr/bin/env python3
"""The charm by which real versions of the framework are measured: one handler, nine hook tools with those of the framework."""

from ops.charm import CharmBase
from ops.main import main
from ops.model import ActiveStatus


class Observed(CharmBase):
    """Reads two options and what two remote units say."""

    def __init__(self, *args):
        super().__init__(*args)
        self.framework.observe(self.on.config_changed, self.changed)

    def changed(self, _):
        """Follow the configuration."""
        said = [self.config["note"], self.config["option-01"]]
        relation = self.model.get_relation("db")
        for unit in sorted(relation.units, key=lambda u: u.name)[:2]:
            said.append(relation.data[unit]["key-1"])
        self.unit.status = ActiveStatus(" ".join(said))


if __name__ == "__main__":
    main(Observed)
