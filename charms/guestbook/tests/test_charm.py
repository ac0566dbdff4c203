"""What the guestbook's charm does, event by event."""

import io
import json
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'src'))

import charm
import ops
from ops import testing

NATS = testing.Relation('nats', remote_units_data={1: {'url': 'nats://10.0.0.2:4222'}, 0: {'url': 'nats://10.0.0.1:4222'}, 2: {}})
WEB = testing.Relation('web')


class TestGuestbook(unittest.TestCase):
    def setUp(self):
        temp = tempfile.TemporaryDirectory()
        self.addCleanup(temp.cleanup)
        self.place = pathlib.Path(temp.name)
        program = self.place / 'guestbook'
        program.write_text('')
        (self.place / 'charmcraft.yaml').write_text((ROOT / 'charmcraft.yaml').read_text())
        self.resource = testing.Resource(name='workload', path=program)
        self.ctx = testing.Context(charm.Guestbook, charm_root=self.place)

    def state(self, *relations, connected=True, container=None, **config):
        return testing.State(
            relations=relations, config=config, resources=[self.resource],
            containers=[container or testing.Container('guestbook', can_connect=connected)],
        )  # fmt: skip

    def run_event(self, event, state):
        return self.ctx.run(event, state)

    def settings(self):
        return json.loads((self.place / 'guestbook.json').read_text())

    def test_what_is_missing_is_said(self):
        changed = self.ctx.on.config_changed()
        for state, status in (
            (self.state(connected=False), ops.WaitingStatus('for the container')),
            (self.state(), ops.BlockedStatus('integrate me with nats')),
            (self.state(testing.Relation('nats')), ops.BlockedStatus('integrate me with nats')),
        ):
            self.assertEqual(self.run_event(changed, state).unit_status, status)
        with mock.patch('ops.model.Resources.fetch', side_effect=ops.ModelError('no resource')):
            out = self.run_event(changed, self.state())
        self.assertEqual(out.unit_status, ops.BlockedStatus('give the program: deploy --resource workload=PATH'))

    def test_runs_and_tells_the_front_doors(self):
        out = self.run_event(self.ctx.on.relation_changed(NATS), self.state(NATS, WEB, title='Hello', port=81))
        self.assertEqual(out.unit_status, ops.ActiveStatus('Hello'))
        self.assertEqual(out.workload_version, charm.VERSION)
        self.assertEqual(out.opened_ports, {testing.TCPPort(81)})
        self.assertEqual(self.settings()['nats'], ['nats://10.0.0.1:4222', 'nats://10.0.0.2:4222'])
        address = '192.0.2.0'
        self.assertEqual(
            {k: v for k, v in out.get_relation(WEB.id).local_unit_data.items() if k in ('url', 'title')},
            {'url': f'http://{address}:81', 'title': 'Hello'},
        )
        service = out.get_container('guestbook').plan.services['guestbook']
        self.assertIn(f'--listen {address}:81 --config ', service.command)
        self.assertEqual(out.get_container('guestbook').service_statuses['guestbook'], ops.pebble.ServiceStatus.ACTIVE)

    def test_a_new_title_is_a_signal_and_no_restart(self):
        first = self.run_event(self.ctx.on.config_changed(), self.state(NATS, title='One'))
        for title, signals in (('One', 0), ('Two', 1)):
            with mock.patch('ops.Container.send_signal') as sent:
                self.run_event(self.ctx.on.config_changed(), self.state(NATS, title=title, container=first.get_container('guestbook')))
            self.assertEqual(sent.call_count, signals, title)
        self.assertEqual(self.settings()['title'], 'Two')

    def test_without_nats_it_is_blocked_again(self):
        first = self.run_event(self.ctx.on.config_changed(), self.state(NATS))
        out = self.run_event(self.ctx.on.relation_broken(NATS), self.state(NATS, container=first.get_container('guestbook')))
        self.assertEqual(out.unit_status, ops.BlockedStatus('integrate me with nats'))
        self.assertEqual(self.settings()['nats'], [])

    def test_stop(self):
        first = self.run_event(self.ctx.on.config_changed(), self.state(NATS))
        out = self.run_event(self.ctx.on.stop(), self.state(NATS, container=first.get_container('guestbook')))
        self.assertEqual(out.get_container('guestbook').service_statuses['guestbook'], ops.pebble.ServiceStatus.INACTIVE)
        self.run_event(self.ctx.on.stop(), self.state(connected=False))

    def test_entries(self):
        with mock.patch('urllib.request.urlopen', return_value=io.StringIO('[{"text": "a"}, {"text": "b"}]')) as asked:
            self.run_event(self.ctx.on.action('entries', params={'limit': 1}), self.state())
        self.assertEqual(asked.call_args[0][0], 'http://192.0.2.0:8080/entries')
        self.assertEqual(self.ctx.action_results, {'count': 1, 'entries': '[{"text": "b"}]'})
        with mock.patch('urllib.request.urlopen', side_effect=OSError('refused')):
            with self.assertRaises(testing.ActionFailed) as failed:
                self.run_event(self.ctx.on.action('entries'), self.state())
        self.assertIn('cannot read the entries from http://192.0.2.0:8080/entries: refused', failed.exception.message)


if __name__ == '__main__':
    unittest.main()
