"""The machine charm, with apt-get and systemctl that only say what they were asked."""

import pathlib
import subprocess
import sys
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'src'))

import charm
import ops
from ops import testing


class TestMachineCharm(unittest.TestCase):
    def run_event(self, name, error=None):
        ctx = testing.Context(charm.MachineCharm)
        with mock.patch('charm.check_call', side_effect=error) as called:
            out = ctx.run(getattr(ctx.on, name)(), testing.State())
        return out.unit_status, called.call_args[0][0]

    def test_install(self):
        status, command = self.run_event('install')
        self.assertEqual(command, ['apt-get', 'install', '-y', 'openssh-server'])
        self.assertIsInstance(status, ops.UnknownStatus)

    def test_no_package(self):
        status, _ = self.run_event('install', subprocess.CalledProcessError(100, 'apt-get'))
        self.assertEqual(status, ops.BlockedStatus('Failed to install packages'))

    def test_start(self):
        status, command = self.run_event('start')
        self.assertEqual(command, ['systemctl', 'enable', '--now', 'ssh'])
        self.assertEqual(status, ops.ActiveStatus())

    def test_no_unit(self):
        status, _ = self.run_event('start', subprocess.CalledProcessError(1, 'systemctl'))
        self.assertEqual(status, ops.BlockedStatus('Failed to start/enable ssh service'))


if __name__ == '__main__':
    unittest.main()
