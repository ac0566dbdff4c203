#!/usr/bin/env python3
"""Keeps the command of the configuration running."""

import ops


class Charm(ops.CharmBase):
    """The operator of one unit."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.workload = self.unit.get_container('workload')
        framework.observe(self.on.config_changed, self._on_change)
        framework.observe(self.on.workload_pebble_ready, self._on_change)
        framework.observe(self.on.info_action, self._on_info)

    def _on_change(self, _: ops.EventBase):
        """Run what the configuration says."""
        if not self.workload.can_connect():
            self.unit.status = ops.WaitingStatus('for the container')
            return
        layer: ops.pebble.LayerDict = {
            'services': {
                'NAME': {'override': 'replace', 'startup': 'enabled', 'command': str(self.config['command'])},
            }
        }
        self.workload.add_layer('NAME', layer, combine=True)
        self.workload.replan()
        self.unit.status = ops.ActiveStatus()

    def _on_info(self, event: ops.ActionEvent):
        if not self.workload.can_connect():
            event.fail('the container is not there yet')
            return
        running = any(s.is_running() for s in self.workload.get_services('NAME').values())
        event.set_results({'running': str(running).lower()})


if __name__ == '__main__':
    ops.main(Charm)
