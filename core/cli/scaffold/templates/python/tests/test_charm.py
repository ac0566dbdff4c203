import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'src'))

import ops
from charm import Charm
from ops import testing


class Story(unittest.TestCase):
    def test_the_command_of_the_configuration_runs(self):
        ctx = testing.Context(Charm)
        away = testing.State(containers=[testing.Container('workload')])
        self.assertEqual(ctx.run(ctx.on.config_changed(), away).unit_status, ops.WaitingStatus('for the container'))

        workload = testing.Container('workload', can_connect=True)
        here = testing.State(containers=[workload], config={'command': 'sleep 1'})
        out = ctx.run(ctx.on.pebble_ready(workload), here)
        self.assertEqual(out.unit_status, ops.ActiveStatus())
        self.assertEqual(out.get_container('workload').plan.services['NAME'].command, 'sleep 1')

        ctx.run(ctx.on.action('info'), out)
        self.assertEqual(ctx.action_results, {'running': 'true'})

    def test_info_before_the_container(self):
        ctx = testing.Context(Charm)
        with self.assertRaises(testing.ActionFailed):
            ctx.run(ctx.on.action('info'), testing.State(containers=[testing.Container('workload')]))


if __name__ == '__main__':
    unittest.main()
