#!/usr/bin/env python3
"""A machine charm: a package from apt, a unit of systemd."""

import logging
from subprocess import CalledProcessError, check_call

from ops import ActiveStatus, BlockedStatus, CharmBase, InstallEvent, StartEvent, main

logger = logging.getLogger(__name__)


class MachineCharm(CharmBase):
    """Installs openssh-server and has it run."""

    def __init__(self, *args):
        super().__init__(*args)
        self.framework.observe(self.on.install, self._on_install)
        self.framework.observe(self.on.start, self._on_start)

    def _on_install(self, event: InstallEvent) -> None:
        """Fetch the package."""
        try:
            check_call(['apt-get', 'install', '-y', 'openssh-server'])
        except CalledProcessError as e:
            logger.debug('Package install failed with return code %d', e.returncode)
            self.unit.status = BlockedStatus('Failed to install packages')

    def _on_start(self, event: StartEvent) -> None:
        """Enable the unit, and start it."""
        try:
            # The package is openssh-server, its unit is ssh.service.
            check_call(['systemctl', 'enable', '--now', 'ssh'])
        except CalledProcessError as e:
            logger.debug('Starting systemd unit failed with return code %d', e.returncode)
            self.unit.status = BlockedStatus('Failed to start/enable ssh service')
            return
        self.unit.status = ActiveStatus()


if __name__ == '__main__':
    main(MachineCharm)
