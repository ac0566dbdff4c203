"""The charm that makes sure of its package again and again; the commands are only counted."""

import pathlib
import subprocess
import sys
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'src'))

import ops
from charm import PACKAGE, UbuntuAdvantageCharm
from ops import testing

INSTALL = ['apt-get update', 'apt-get install -y ' + PACKAGE]


class TestUbuntuAdvantage(unittest.TestCase):
    def setUp(self):
        self.ctx = testing.Context(UbuntuAdvantageCharm)
        self.stored = []
        self.failing = ''

    def command(self, words, check):
        line = ' '.join(words)
        self.commands.append(line)
        if self.failing and line.startswith(self.failing):
            raise subprocess.CalledProcessError(1, words)

    def run_event(self, event, **config):
        """One event of a unit that lives on: the next one finds what this one stored."""
        self.commands = []
        with mock.patch('subprocess.run', side_effect=self.command):
            out = self.ctx.run(event, testing.State(config=config, stored_states=self.stored))
        self.stored = out.stored_states
        return out.unit_status

    def changed(self, **config):
        return self.run_event(self.ctx.on.config_changed(), **config)

    def test_package(self):
        self.assertEqual(self.changed(), ops.ActiveStatus('Not attached: set a token'))
        self.assertEqual(self.commands, INSTALL)
        self.changed()
        self.assertEqual(self.commands, [])
        self.run_event(self.ctx.on.upgrade_charm())
        self.changed()
        self.assertEqual(self.commands, INSTALL)

    def test_archive(self):
        self.changed()
        self.changed(ppa='ppa:a/b')
        self.assertEqual(self.commands, ['add-apt-repository --yes ppa:a/b', *INSTALL])
        self.changed()
        self.assertEqual(self.commands, ['add-apt-repository --yes --remove ppa:a/b', *INSTALL])

    def test_token(self):
        self.assertEqual(self.changed(token='one'), ops.ActiveStatus('Attached'))
        self.assertEqual(self.commands, [*INSTALL, 'ua attach one'])
        self.changed(token='one')
        self.assertEqual(self.commands, [])
        self.changed(token='two')
        self.assertEqual(self.commands, ['ua detach --assume-yes', 'ua attach two'])
        self.assertEqual(self.changed(), ops.ActiveStatus('Not attached: set a token'))
        self.assertEqual(self.commands, ['ua detach --assume-yes'])

    def test_the_token_is_kept_nowhere(self):
        self.changed(token='secretive')
        self.assertNotIn('secretive', repr(self.stored) + repr(self.ctx.juju_log))

    def test_a_token_that_is_refused(self):
        self.failing = 'ua attach'
        self.assertIsInstance(self.changed(token='bad'), ops.BlockedStatus)
        self.failing = ''
        self.assertEqual(self.changed(token='good'), ops.ActiveStatus('Attached'))
        self.assertEqual(self.commands, ['ua attach good'])

    def test_no_package_is_an_error_that_is_tried_again(self):
        self.failing = 'apt-get install'
        with self.assertRaises(testing.errors.UncaughtCharmError):
            self.changed()


if __name__ == '__main__':
    unittest.main()
