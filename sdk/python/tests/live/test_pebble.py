"""The client against a running supervisor: services, checks, notices, identities."""

import datetime
import os
import signal
import unittest

from supervisor import HASH, LONG, SOCKET, Live, wait_for

from ops import pebble


class Services(Live):
    def test_system_info(self):
        self.assertRegex(self.client.get_system_info().version, r'\d')

    def test_start_stop_restart_replan(self):
        name = 'sleeper'
        self.layer({name: {'command': 'sleep 1000', 'startup': 'enabled', 'summary': 'sleeps: long'}})
        before = self.client.get_services([name])[0]
        self.assertEqual(before.startup, pebble.ServiceStartup.ENABLED)
        self.assertFalse(before.is_running())
        change = self.client.get_change(self.client.start_services([name], LONG))
        self.assertTrue(change.ready)
        self.assertEqual((change.kind, change.status, change.err), ('start', 'Done', None))
        self.assertEqual(change.tasks[0].progress.total, 1)
        self.assertIsNotNone(change.ready_time.tzinfo)
        self.assertTrue(self.client.get_services([name])[0].is_running())
        self.assertIn(change.id, [c.id for c in self.client.get_changes(pebble.ChangeState.ALL, name)])
        self.client.restart_services([name], LONG)
        # A replan restarts what has changed and nothing else.
        self.layer({name: {'command': 'sleep 999', 'startup': 'enabled'}})
        tasks = self.client.get_change(self.client.replan_services(LONG)).tasks
        self.assertIn('stop', [t.kind for t in tasks])
        self.client.stop_services([name], LONG)
        self.assertEqual(self.client.get_services([name])[0].current, pebble.ServiceStatus.INACTIVE)
        self.assertEqual(self.client.get_plan().services[name].command, 'sleep 999')

    def test_a_service_that_fails(self):
        self.layer({'fails': {'command': '/no/such/program'}})
        with self.assertRaises(pebble.ChangeError) as caught:
            self.client.start_services(['fails'], LONG)
        self.assertIn('/no/such/program', str(caught.exception))
        self.assertEqual(caught.exception.change.status, 'Error')

    def test_not_waiting(self):
        self.layer({'later': {'command': 'sleep 1000'}})
        change_id = self.client.start_services(['later'], timeout=0)
        self.assertIsInstance(change_id, pebble.ChangeID)
        self.assertEqual(self.client.wait_change(change_id, LONG).status, 'Done')
        self.client.stop_services(['later'], LONG)

    def test_waiting_too_short(self):
        process = self.client.exec(['sleep', '1000'])
        with self.assertRaises(TimeoutError):
            self.client.wait_change(process._change_id, timeout=0.05)
        self.client.abort_change(process._change_id)
        with self.assertRaises(pebble.ChangeError):
            process.wait()

    def test_refusals(self):
        with self.assertRaises(pebble.APIError) as caught:
            self.client.start_services(['nobody'], LONG)
        self.assertEqual(caught.exception.code, 400)
        self.assertIn('nobody', caught.exception.message)
        self.assertEqual(caught.exception.body['type'], 'error')
        with self.assertRaises(pebble.APIError) as caught:
            self.client.get_change(pebble.ChangeID('987654'))
        self.assertEqual(caught.exception.code, 404)
        for wrong in ('svc', b'svc', 7, [1]):
            with self.assertRaises(TypeError):
                self.client.start_services(wrong)
        with self.assertRaises(pebble.APIError):
            self.client.add_layer('bad', 'services: {a: {override: sideways}}')
        with self.assertRaises(TypeError):
            self.client.add_layer('bad', 7)

    def test_nobody_there(self):
        with self.assertRaisesRegex(pebble.ConnectionError, 'no socket'):
            pebble.Client(self.path('nothing')).get_system_info()

    def test_layers_combine(self):
        label = self.id()
        self.layer({'a': {'command': 'one', 'environment': {'X': '1'}}}, label=label)
        text = "services:\n  a:\n    override: merge\n    environment: {Y: 'yes'}\n"
        self.client.add_layer(label, text, combine=True)
        service = self.client.get_plan().services['a']
        self.assertEqual(service.command, 'one')
        self.assertEqual(service.environment, {'X': '1', 'Y': 'yes'})
        with self.assertRaises(pebble.APIError):
            self.client.add_layer(label, text)

    def test_awkward_values_survive(self):
        values = {
            'A': 'yes', 'B': '1.0', 'C': '0x1f', 'D': ' lead', 'E': "it's", 'F': 'say "hi"', 'G': 'a: b #c', 'H': '',
            'I': 'two\nlines\n', 'J': '\u00fcn\u00efc\u00f6d\u00e9 \U0001f600', 'K': 'tab\there', 'L': 'back\\slash', 'M': '-', 'N': '{x}',
        }  # fmt: skip
        self.layer({'awkward': {'command': 'true', 'environment': values}})
        self.assertEqual(self.client.get_plan().services['awkward'].environment, values)

    def test_log_targets(self):
        target = {'type': 'loki', 'location': 'http://127.0.0.1:9/push', 'services': ['-all'], 'labels': {'a': 'b'}}
        self.layer(**{'log-targets': {'tgt': target}})
        got = self.client.get_plan().log_targets['tgt']
        self.assertEqual((got.type, got.labels, got.services), ('loki', {'a': 'b'}, ['-all']))

    def test_signals_to_services(self):
        mark, ready = self.path('got-it'), self.path('ready')
        script = "trap 'touch %s' HUP; touch %s; while :; do sleep 0.05; done" % (mark, ready)
        self.layer({'trap': {'command': '/bin/sh -c "%s"' % script}})
        self.client.start_services(['trap'], LONG)
        wait_for(lambda: os.path.exists(ready))
        self.client.send_signal(signal.SIGHUP, ['trap'])
        wait_for(lambda: os.path.exists(mark))
        self.client.stop_services(['trap'], LONG)
        with self.assertRaises(pebble.APIError):
            self.client.send_signal('SIGHUP', ['trap'])


class ChecksNoticesIdentities(Live):
    def test_checks(self):
        mark = self.path('healthy')
        command = 'test -e %s' % mark
        # It runs when it is told to: a period that a test can wait for is one that a busy machine can miss.
        check = {'level': 'ready', 'period': '1h', 'timeout': '5m', 'threshold': 2, 'exec': {'command': command}}
        self.layer(checks={'look': dict(check), 'idle': dict(check, startup='disabled')})
        for _ in range(2):
            info, error = self.client.refresh_check('look')
            self.assertTrue(error)
        self.assertEqual((info.status, info.level, info.threshold), (pebble.CheckStatus.DOWN, pebble.CheckLevel.READY, 2))
        info = self.client.get_checks(names=['look'])[0]
        self.assertEqual((info.status, info.has_run), (pebble.CheckStatus.DOWN, True))
        self.assertGreaterEqual(info.failures, 2)
        self.client.push(mark, '')
        info, error = self.client.refresh_check('look')
        self.assertEqual((info.status, info.failures, error), (pebble.CheckStatus.UP, 0, None))
        names = [c.name for c in self.client.get_checks(level=pebble.CheckLevel.READY)]
        self.assertEqual(names, ['idle', 'look'])
        self.assertEqual(self.client.stop_checks(['look', 'idle']), ['look'])
        self.assertEqual(self.client.get_checks(names=['look'])[0].status, pebble.CheckStatus.INACTIVE)
        self.assertEqual(self.client.start_checks(['idle']), ['idle'])
        self.assertEqual(self.client.stop_checks(['idle']), ['idle'])
        with self.assertRaises(pebble.APIError):
            self.client.start_checks(['nobody'])
        with self.assertRaises(TypeError):
            self.client.start_checks('look')

    def test_notices(self):
        start = datetime.datetime.now(datetime.timezone.utc)
        key = 'example.com/' + os.urandom(4).hex()
        notice_id = self.client.notify(pebble.NoticeType.CUSTOM, key, data={'k': 'v'})
        again = self.client.notify(
            pebble.NoticeType.CUSTOM, key, data={'k': 'w'}, repeat_after=datetime.timedelta(hours=1)
        )
        self.assertEqual(again, notice_id)
        notice = self.client.get_notice(notice_id)
        self.assertEqual((notice.type, notice.key, notice.occurrences), (pebble.NoticeType.CUSTOM, key, 2))
        self.assertEqual((notice.last_data, notice.user_id), ({'k': 'w'}, os.getuid()))
        self.assertEqual(notice.expire_after, datetime.timedelta(days=7))
        self.assertEqual(notice.repeat_after, datetime.timedelta(hours=1))
        self.assertGreaterEqual(notice.last_occurred, notice.first_occurred)
        self.assertLess(abs(notice.first_occurred - start), datetime.timedelta(minutes=5))
        self.assertEqual(self.client.get_notices(keys=[key], types=[pebble.NoticeType.CUSTOM]), [notice])
        self.assertIn(notice, self.client.get_notices(users=pebble.NoticesUsers.ALL))
        self.assertEqual(self.client.get_notices(types=['no-such-type']), [])
        with self.assertRaises(pebble.APIError) as caught:
            self.client.get_notice('987654')
        self.assertEqual(caught.exception.code, 404)
        with self.assertRaises(pebble.APIError):
            self.client.notify(pebble.NoticeType.CUSTOM, 'no domain')

    def test_changes_are_noticed(self):
        process = self.client.exec(['true'])
        process.wait()
        notices = self.client.get_notices(types=[pebble.NoticeType.CHANGE_UPDATE])
        found = [n for n in notices if n.key == str(process._change_id)]
        self.assertEqual([n.last_data.get('kind') for n in found], [pebble.ChangeKind.EXEC.value])

    def test_identities(self):
        identity = pebble.Identity(pebble.IdentityAccess.READ, local=pebble.LocalIdentity(54321))
        basic = {'access': 'metrics', 'basic': {'password': HASH}}
        self.client.replace_identities({'bob': identity, 'ann': basic})
        got = self.client.get_identities()
        self.assertEqual(got['bob'], identity)
        self.assertEqual(got['ann'].basic.password, '*****')
        self.client.replace_identities({'ann': None})
        self.assertNotIn('ann', self.client.get_identities())
        self.client.remove_identities(['bob'])
        with self.assertRaises(pebble.APIError):
            self.client.remove_identities(['bob'])


class ThroughAnOpener(Live):
    def test_an_opener_of_urllib(self):
        import http.client
        import socket
        import urllib.request

        class Connection(http.client.HTTPConnection):
            def connect(self):
                self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self.sock.connect(SOCKET)

        class Handler(urllib.request.AbstractHTTPHandler):
            def http_open(self, request):
                return self.do_open(Connection, request)

        opener = urllib.request.OpenerDirector()
        opener.add_handler(Handler())
        opener.add_handler(urllib.request.HTTPErrorProcessor())
        opener.add_handler(urllib.request.HTTPDefaultErrorHandler())
        client = pebble.Client('unused', opener=opener, timeout=LONG)
        self.assertRegex(client.get_system_info().version, r'\d')
        client.push(self.path('f'), 'text')
        with client.pull(self.path('f')) as file:
            self.assertEqual(file.read(), 'text')
        with self.assertRaises(pebble.APIError) as caught:
            client.get_change(pebble.ChangeID('987654'))
        self.assertEqual((caught.exception.code, caught.exception.status), (404, 'Not Found'))


if __name__ == '__main__':
    unittest.main()
