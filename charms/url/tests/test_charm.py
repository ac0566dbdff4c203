"""The documentation's example of a test, and the same as a state transition."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'src'))

import ops
from charm import MyCharm
from ops import testing
from ops.testing import Harness


class TestMyCharm(unittest.TestCase):
    def test_harness(self):
        harness = Harness(MyCharm)
        self.addCleanup(harness.cleanup)
        # Do initial setup here
        relation_id = harness.add_relation('db', 'postgresql')
        # Now instantiate the charm to see events as the model changes
        harness.begin()
        harness.add_relation_unit(relation_id, 'postgresql/0')
        harness.update_relation_data(relation_id, 'postgresql/0', {'key': 'val'})
        # Check that charm has properly handled the relation_joined event for postgresql/0
        self.assertEqual(harness.charm.db, {'postgresql/0': {'key': 'val'}})

    def test_config(self):
        harness = Harness(MyCharm)
        self.addCleanup(harness.cleanup)
        harness.begin()
        harness.update_config({'url': 'http://example.com'})
        self.assertEqual(harness.charm.unit.status, ops.ActiveStatus('http://example.com'))

    def test_as_a_state_transition(self):
        ctx = testing.Context(MyCharm)
        db = testing.Relation('db', remote_app_name='postgresql', remote_units_data={0: {'key': 'val'}})
        out = ctx.run(ctx.on.relation_changed(db, remote_unit=0), testing.State(relations=[db]))
        self.assertEqual(out.unit_status, ops.ActiveStatus(' postgresql/0 val'))

    def test_a_handler_has_to_be_named(self):
        """As the documentation has it, with the charm itself in the handler's place."""

        class AsWritten(ops.CharmBase):
            def __init__(self, *args):
                super().__init__(*args)
                self.framework.observe(self.on.config_changed, self)

        harness = Harness(AsWritten, meta='name: url')
        self.addCleanup(harness.cleanup)
        with self.assertRaises(TypeError):
            harness.begin()


if __name__ == '__main__':
    unittest.main()
