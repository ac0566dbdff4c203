#!/usr/bin/env python3
"""A charm with a container: a layer, and one with the environment over it."""

import logging

from ops import (
    ActiveStatus,
    CharmBase,
    ConfigChangedEvent,
    MaintenanceStatus,
    ModelError,
    PebbleReadyEvent,
    WaitingStatus,
    main,
    pebble,
)
from ops.pebble import Layer

logger = logging.getLogger(__name__)


class PauseCharm(CharmBase):
    """Has /pause run in its container."""

    def __init__(self, *args):
        super().__init__(*args)
        # The name of the container, of its layer and of its service.
        self.name = 'pause'
        self.framework.observe(self.on.pause_pebble_ready, self._on_pause_pebble_ready)
        self.framework.observe(self.on.config_changed, self._on_config_changed)

    def _on_pause_pebble_ready(self, event: PebbleReadyEvent) -> None:
        """Say what runs. This event comes again whenever the container was started anew, with an empty plan."""
        container = self.unit.get_container(self.name)
        container.add_layer(self.name, self._pause_layer(), combine=True)
        container.add_layer('environment', self._environment_layer(), combine=True)
        container.autostart()
        self.unit.status = ActiveStatus()

    def _on_config_changed(self, event: ConfigChangedEvent) -> None:
        """Lay the environment over what runs, and restart it if that changed something."""
        container = self.unit.get_container(self.name)
        if not container.can_connect():
            self.unit.status = WaitingStatus('for the container')
            return
        try:
            container.get_service(self.name)
            before = container.get_plan().services[self.name]
            container.add_layer('environment', self._environment_layer(), combine=True)
            if container.get_plan().services[self.name] != before:
                logger.debug('Added config layer to Pebble plan')
                container.restart(self.name)
                logger.info('Restarted pause service')
        except ModelError:
            self.unit.status = MaintenanceStatus('the container has just been started')  # pebble-ready is to come
            return
        except (pebble.PathError, pebble.ProtocolError, pebble.ConnectionError) as error:
            logger.warning('Cannot change the plan: %s', error)
            self.unit.status = WaitingStatus('for the container')
            return
        self.unit.status = ActiveStatus()

    def _pause_layer(self) -> Layer:
        """What runs."""
        return Layer({
            'summary': 'pause layer',
            'description': 'pebble config layer for google/pause',
            'services': {
                self.name: {
                    'override': 'replace',
                    'summary': 'pause service',
                    'command': '/pause',
                    'startup': 'enabled',
                }
            },
        })  # fmt: skip

    def _environment_layer(self) -> Layer:
        """What the configuration adds to its environment."""
        return Layer({
            'services': {self.name: {'override': 'merge', 'environment': {'TIMEOUT': str(self.model.config['timeout'])}}}
        })  # fmt: skip


if __name__ == '__main__':
    main(PauseCharm)
