"""The running supervisor. PEBBLE_SOCKET is its socket, PEBBLE_TEST_DIR a directory that both can see."""

import os
import tempfile
import threading
import unittest

from ops import pebble

SOCKET = os.environ['PEBBLE_SOCKET']
DIR = os.environ['PEBBLE_TEST_DIR']
LONG = 240  # seconds; longer than any of this takes on a busy machine
# A hash of "test"; only its form is looked at here.
HASH = (
    '$6$F9cFSVEKyO4gB1Wh$8S1BSKsNkF.jBAixGc4W7l80OpfCNk65LZBDHBng3NAmbcHuMj4RIm7992rrJ8YA.SJ0hvm.vGk2z483am4Ym1'
)


class Live(unittest.TestCase):
    def setUp(self):
        self.client = pebble.Client(SOCKET, timeout=LONG)
        self.dir = tempfile.mkdtemp(dir=DIR)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def layer(self, services=None, checks=None, label=None, combine=True, **other):
        """Adds a layer whose entries replace what has their names."""
        raw = {'services': services or {}, 'checks': checks or {}, **other}
        for section in ('services', 'checks', 'log-targets'):
            for entry in raw.get(section, {}).values():
                entry.setdefault('override', 'replace')
        self.client.add_layer(label or self.id(), raw, combine=combine)


def patient(process):
    """A process that is waited for however late the supervisor is: how much longer `wait` waits is not tested here."""
    process._timeout = LONG
    return process


def wait_for(condition):
    """The first true value that condition gives; the run as a whole has a time limit."""
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        pause.wait(0.01)
