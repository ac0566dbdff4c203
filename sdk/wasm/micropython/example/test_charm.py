import pathlib
import sys
import unittest

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "bangle"))

from bangle import CallError
from charmtest import Harness


class Story(unittest.TestCase):
    def setUp(self):
        self.h = Harness(here / "charm.py")

    def test_the_service_follows_configuration_and_database(self):
        h = self.h
        h.config.update(port=8080, title="hello")
        web = h.container("web")
        web.down = True
        self.assertIsNone(h.hook("install"))
        h.hook("config-changed")
        self.assertEqual(h.status, ("waiting", "for the container"))
        web.down = False
        db = h.relation("db", "pg")
        h.relation_event(db, "created")
        self.assertEqual(h.status, ("waiting", "for the database"))
        uri = h.secret({"password": "s3cret"})
        db["remote_app_bag"] = {"address": "10.0.0.7:5432", "secret": uri}
        h.relation_event(db, "changed", "pg/0")
        self.assertEqual(h.status, ("active", ""))
        self.assertEqual(web.running["web"]["command"], "/bin/web --port 8080")
        self.assertEqual(web.files["/etc/web.conf"], "title = hello\npassword = s3cret\n")
        h.secret({"password": "another"}, uri)
        h.hook("secret-changed", secret_id=uri)
        self.assertIn("another", web.files["/etc/web.conf"])
        web.fail_start = lambda name, service: "exited quickly with code 1"
        h.config["port"] = 1
        with self.assertRaisesRegex(CallError, "exited quickly with code 1"):
            h.hook("config-changed")
        self.assertEqual(h.view["ports"], ["8080/tcp"])

    def test_the_leader_alone_rotates_the_password(self):
        h = self.h
        self.assertEqual(h.action("rotate", password="one"), {"action": {"failed": True, "message": "only the leader can rotate the password"}})
        h.leader()
        site = h.relation("site", "proxy")
        made = h.action("rotate", password="one")["action"]["results"]["made"]
        self.assertEqual(site["local_app"]["admin"], made)
        h.action("rotate", password="two")
        self.assertEqual([r["password"] for r in h.secrets[0]["revisions"]], ["one", "two"])
        self.assertEqual(h.secrets[0]["access"], [site["id"]])


if __name__ == "__main__":
    unittest.main()
