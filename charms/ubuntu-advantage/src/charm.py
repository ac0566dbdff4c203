#!/usr/bin/env python3
"""A machine charm that makes sure of its package again and again."""

import hashlib
import logging
import subprocess

from ops import ActiveStatus, BlockedStatus, CharmBase, MaintenanceStatus, StoredState, main

logger = logging.getLogger(__name__)

PACKAGE = 'ubuntu-advantage-tools'


class UbuntuAdvantageCharm(CharmBase):
    """Charm to handle ubuntu-advantage installation and configuration"""

    _state = StoredState()

    def __init__(self, *args):
        super().__init__(*args)
        self._state.set_default(hashed_token=None, package_needs_installing=True, ppa=None)
        self.framework.observe(self.on.config_changed, self.config_changed)
        self.framework.observe(self.on.upgrade_charm, self.upgrade_charm)

    def upgrade_charm(self, event):
        """A new revision of the charm looks at the package anew; config-changed follows."""
        self._state.package_needs_installing = True

    def config_changed(self, event):
        """Install and configure ubuntu-advantage tools and attachment"""
        logger.info('Beginning config_changed')
        self.unit.status = MaintenanceStatus('Configuring')
        self._handle_ppa_state()
        self._handle_package_state()
        self._handle_token_state()
        if isinstance(self.unit.status, BlockedStatus):
            return
        self._handle_status_state()
        logger.info('Finished config_changed')

    def _handle_ppa_state(self):
        """Have the archive of the configuration, and no other of ours."""
        ppa = str(self.model.config['ppa']) or None
        if ppa == self._state.ppa:
            return
        if self._state.ppa:
            self._run('add-apt-repository', '--yes', '--remove', self._state.ppa)
        if ppa:
            self._run('add-apt-repository', '--yes', ppa)
        self._state.ppa = ppa
        self._state.package_needs_installing = True

    def _handle_package_state(self):
        """Have the newest package of the archives."""
        if not self._state.package_needs_installing:
            return
        self._run('apt-get', 'update')
        self._run('apt-get', 'install', '-y', PACKAGE)
        self._state.package_needs_installing = False

    def _handle_token_state(self):
        """Attach, attach anew or detach. What is kept of the token is its hash."""
        token = str(self.model.config['token'])
        hashed = hashlib.sha256(token.encode()).hexdigest() if token else None
        if hashed == self._state.hashed_token:
            return
        if self._state.hashed_token:
            self._run('ua', 'detach', '--assume-yes')
            self._state.hashed_token = None
        if not token:
            return
        try:
            self._run('ua', 'attach', token, secret=True)
        except subprocess.CalledProcessError as e:
            logger.error('Cannot attach: exit status %d', e.returncode)
            self.unit.status = BlockedStatus('Failed to attach: see the log, and set another token')
            return
        self._state.hashed_token = hashed

    def _handle_status_state(self):
        """Say which it is."""
        attached = 'Attached' if self._state.hashed_token else 'Not attached: set a token'
        self.unit.status = ActiveStatus(attached)

    def _run(self, *command, secret=False):
        logger.debug('Running %s', ' '.join(command[:2] if secret else command))
        subprocess.run(command, check=True)


if __name__ == '__main__':
    main(UbuntuAdvantageCharm)
