#!/usr/bin/env python3
"""The charm that says in its status what the configuration says, as ../echo does in Go."""

import ops


class Echo(ops.CharmBase):
    """Says what the configuration says."""

    def __init__(self, framework):
        super().__init__(framework)
        framework.observe(self.on.config_changed, self.changed)

    def changed(self, _):
        """Follow the configuration."""
        self.unit.status = ops.ActiveStatus(self.config["note"])


if __name__ == "__main__":
    ops.main(Echo)
