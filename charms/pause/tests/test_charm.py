"""The charm with a container."""

import pathlib
import sys
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'src'))

import ops
from charm import PauseCharm
from ops import testing


class TestPauseCharm(unittest.TestCase):
    def setUp(self):
        self.ctx = testing.Context(PauseCharm)

    def changed(self, container, **config):
        return self.ctx.run(self.ctx.on.config_changed(), testing.State(containers=[container], config=config))

    def ready(self, **config):
        container = testing.Container('pause', can_connect=True)
        return self.ctx.run(self.ctx.on.pebble_ready(container), testing.State(containers=[container], config=config))

    def test_a_layer_when_the_container_is_there(self):
        out = self.ready()
        container = out.get_container('pause')
        service = container.plan.services['pause']
        self.assertEqual((service.command, service.environment), ('/pause', {'TIMEOUT': '30'}))
        self.assertEqual(container.service_statuses['pause'], ops.pebble.ServiceStatus.ACTIVE)
        self.assertEqual(out.unit_status, ops.ActiveStatus())

    def test_an_overlay_when_the_configuration_changes(self):
        container = self.ready().get_container('pause')
        for timeout, restarts in ((30, 0), (60, 1), (60, 0)):
            with mock.patch('ops.Container.restart') as restart:
                out = self.changed(container, timeout=timeout)
            container = out.get_container('pause')
            self.assertEqual(restart.call_count, restarts, timeout)
            self.assertEqual(container.plan.services['pause'].environment, {'TIMEOUT': str(timeout)})
            self.assertEqual(container.plan.services['pause'].command, '/pause')
            self.assertEqual(out.unit_status, ops.ActiveStatus())

    def test_no_container(self):
        out = self.changed(testing.Container('pause', can_connect=False))
        self.assertEqual(out.unit_status, ops.WaitingStatus('for the container'))

    def test_before_its_layer(self):
        out = self.changed(testing.Container('pause', can_connect=True))
        self.assertEqual(out.unit_status, ops.MaintenanceStatus('the container has just been started'))

    def test_the_container_goes_away_meanwhile(self):
        container = self.ready().get_container('pause')
        for error in (ops.pebble.ConnectionError('gone'), ops.pebble.ProtocolError('odd')):
            with mock.patch('ops.Container.add_layer', side_effect=error):
                out = self.changed(container, timeout=60)
            self.assertEqual(out.unit_status, ops.WaitingStatus('for the container'))


if __name__ == '__main__':
    unittest.main()
