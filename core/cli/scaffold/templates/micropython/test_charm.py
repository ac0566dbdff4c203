import pathlib
import sys
import unittest

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here / "lib"))

from charmtest import Harness


class Story(unittest.TestCase):
    def test_the_command_of_the_configuration_runs(self):
        h = Harness(here / "charm.py")
        h.config["command"] = "sleep 1"
        workload = h.container("workload")
        workload.down = True
        h.hook("config-changed")
        self.assertEqual(h.status, ("waiting", "for the container"))

        workload.down = False
        h.hook("workload-pebble-ready", container="workload")
        self.assertEqual(h.status, ("active", ""))
        self.assertEqual(workload.running["NAME"]["command"], "sleep 1")
        self.assertEqual(h.action("info")["action"]["results"]["running"], "true")


if __name__ == "__main__":
    unittest.main()
