#!/usr/bin/env python3
"""A charm on a framework: it calls as many hook tools as the environment says."""

import logging
import os

import frame

log = logging.getLogger(__name__)


class Charm(frame.Charm):
    """Follows its configuration."""

    def __init__(self, framework):
        super().__init__(framework)
        framework.observe("config_changed", self.changed)

    def changed(self, event):
        """Call the hook tools, those that most charms call first."""
        m = self.model
        calls = [
            lambda: log.debug("frame %s is up", frame.version.VERSION),
            lambda: m.config.read(),
            lambda: m.relations("db"),
            lambda: m.members("db:1"),
            lambda: m.databag("db:1", "db/0"),
            lambda: m.databag("db:1", "db/1"),
            lambda: m.set_status(frame.status.Active("ready")),
            lambda: log.info("handled %s", event),
            lambda: m.is_leader(),
        ]
        for i in range(int(os.environ["BENCH_CALLS"])):
            calls[i % len(calls)]()


if __name__ == "__main__":
    frame.main(Charm)
