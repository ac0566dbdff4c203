# The handlers are those of the documentation, letter by letter; around them is what it leaves out.
import logging
from subprocess import check_call, CalledProcessError

from ops import ActiveStatus, BlockedStatus, CharmBase, InstallEvent, StartEvent, main

logger = logging.getLogger(__name__)


class MachineCharm(CharmBase):
    def __init__(self, *args):
        super().__init__(*args)
        self.framework.observe(self.on.install, self._on_install)
        self.framework.observe(self.on.start, self._on_start)

    def _on_install(self, event: InstallEvent) -> None:
        """Handle the install event"""
        try:
            # Install the openssh-server package using apt-get
            check_call(["apt-get", "install", "-y", "openssh-server"])
        except CalledProcessError as e:
            # If the command returns a non-zero return code, put the charm in blocked state
            logger.debug("Package install failed with return code %d", e.returncode)
            self.unit.status = BlockedStatus("Failed to install packages")

    def _on_start(self, event: StartEvent) -> None:
        """Handle the start event"""
        try:
            # Enable the ssh systemd unit, and start it
            check_call(["systemctl", "enable", "--now", "openssh-server"])
        except CalledProcessError as e:
            # If the command returns a non-zero return code, put the charm in blocked state
            logger.debug("Starting systemd unit failed with return code %d", e.returncode)
            self.unit.status = BlockedStatus("Failed to start/enable ssh service")
            return
        # Everything is awesome
        self.unit.status = ActiveStatus()


main(MachineCharm)
