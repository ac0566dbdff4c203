"""What tests of charms begin with, in either way."""

import logging
import unittest
import warnings

from ops import _yaml, testing

logging.getLogger('ops-scenario').setLevel(logging.ERROR)
ANSWERS = {'serve': testing.Exec(['serve', '--version'], stdout='2.1\n')}


class ByState(unittest.TestCase):
    def context(self, charm, meta, **kwargs):
        context = testing.Context(charm, meta, **kwargs)
        self.addCleanup(context.close)
        return context


class ByHarness(unittest.TestCase):
    def harness(self, charm, meta):
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', PendingDeprecationWarning)
            harness = testing.Harness(charm, meta=_yaml.dump(meta))
        self.addCleanup(harness.cleanup)
        return harness
