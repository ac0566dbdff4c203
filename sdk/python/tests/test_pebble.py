"""What needs no supervisor: values, layers, and answers that no good supervisor gives."""

import ast
import contextlib
import dataclasses
import datetime
import glob
import os
import pickle
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from ops import pebble
from ops.pebble import _http, _multipart, _times

HERE = os.path.dirname(os.path.abspath(__file__))
OPS = os.path.join(os.path.dirname(HERE), 'ops')


class Times(unittest.TestCase):
    def test_durations(self):
        cases = {
            '0': 0, '1s': 1, '1m30s': 90, '-1h': -3600, '+2ms': 0.002, '1.5h': 5400, '72h3m0.5s': 259380.5,
            '10us': 0.00001, '10\u00b5s': 0.00001, '10\u03bcs': 0.00001, '1500000ns': 0.0015, '.5s': 0.5,
        }  # fmt: skip
        for text, seconds in cases.items():
            self.assertEqual(_times.parse_duration(text), datetime.timedelta(seconds=seconds), text)
        for text in ('', '1', 's', '1x', '1s ', ' 1s', '1s2', '--1s', '1..2s'):
            with self.assertRaises(ValueError, msg=text):
                _times.parse_duration(text)


class Layers(unittest.TestCase):
    RAW = {
        'summary': 's',
        'description': 'd',
        'services': {
            'web': {
                'override': 'replace',
                'command': 'serve --port 80',
                'after': ['db'],
                'environment': {'A': '1'},
                'user-id': 7,
                'on-check-failure': {'up': 'restart'},
            }
        },
        'checks': {
            'up': {
                'override': 'merge',
                'level': 'ready',
                'startup': 'disabled',
                'threshold': 3,
                'http': {'url': 'http://x', 'headers': {'H': '1'}},
            }
        },
        'log-targets': {'t': {'override': 'merge', 'type': 'loki', 'services': ['all'], 'labels': {'l': 'v'}}},
    }

    def test_round_trip(self):
        layer = pebble.Layer(self.RAW)
        self.assertEqual(layer.to_dict(), self.RAW)
        self.assertEqual(layer, self.RAW)
        self.assertEqual(pebble.Layer(layer.to_yaml()), layer)
        self.assertEqual(str(layer), layer.to_yaml())
        self.assertEqual(repr(layer), 'Layer(%r)' % (self.RAW,))
        self.assertNotEqual(layer, pebble.Layer())
        self.assertNotEqual(layer, 7)
        plan = pebble.Plan(layer.to_yaml())
        self.assertEqual(plan.services['web'].user_id, 7)
        self.assertEqual(plan.checks['up'].startup, pebble.CheckStartup.DISABLED)
        self.assertEqual(plan.to_dict(), {k: v for k, v in self.RAW.items() if k not in ('summary', 'description')})
        self.assertEqual(pebble.Plan('').to_dict(), {})
        with self.assertRaises(AttributeError):
            plan.services = {}

    def test_nothing_is_shared_with_the_source(self):
        layer = pebble.Layer(self.RAW)
        layer.services['web'].environment['B'] = '2'
        layer.services['web'].after.append('x')
        layer.checks['up'].http['headers']['I'] = '2'
        self.assertEqual(self.RAW['services']['web']['environment'], {'A': '1'})
        self.assertEqual(self.RAW['services']['web']['after'], ['db'])
        self.assertEqual(self.RAW['checks']['up']['http']['headers'], {'H': '1'})

    def test_merge(self):
        service = pebble.Service('web', self.RAW['services']['web'])
        service._merge(pebble.Service('other', {'command': 'x', 'after': ['y'], 'environment': {'B': '2'}}))
        self.assertEqual((service.name, service.command, service.after), ('web', 'x', ['db', 'y']))
        self.assertEqual((service.environment, service.user_id), ({'A': '1', 'B': '2'}, 7))
        check = pebble.Check('up', self.RAW['checks']['up'])
        check._merge(pebble.Check('up', {'http': {'headers': {'I': '2'}}, 'tcp': {'port': 1}}))
        self.assertEqual(check.http, {'url': 'http://x', 'headers': {'H': '1', 'I': '2'}})
        self.assertEqual((check.tcp, check.startup, check.threshold), ({'port': 1}, pebble.CheckStartup.DISABLED, 3))
        target = pebble.LogTarget('t', self.RAW['log-targets']['t'])
        target._merge(pebble.LogTarget('t', {'services': ['a'], 'labels': {'m': 'w'}, 'location': 'l'}))
        self.assertEqual((target.services, target.labels, target.location), (['all', 'a'], {'l': 'v', 'm': 'w'}, 'l'))

    def test_unknown_words(self):
        self.assertEqual(pebble.Check('c', {'level': 'new'}).level, 'new')
        with self.assertRaises(ValueError):
            pebble.Check('c', {'startup': 'sideways'})


class Values(unittest.TestCase):
    def test_identities(self):
        raw = {'access': 'admin', 'local': {'user-id': 1}, 'basic': {'password': 'secret'}}
        identity = pebble.Identity.from_dict(raw)
        self.assertEqual(identity.to_dict(), raw)
        self.assertNotIn('secret', repr(identity))
        self.assertEqual(pebble.Identity.from_dict({'access': 'new', 'local': {'user-id': 1}}).access, 'new')
        with self.assertRaises(ValueError):
            pebble.Identity(pebble.IdentityAccess.READ)

    def test_notice(self):
        raw = {
            'id': '1', 'type': 'new', 'key': 'a.b/c', 'first-occurred': '2026-01-02T03:04:05.123456789Z', 'occurrences': 2,
            'last-occurred': '2026-01-02T03:04:06+01:00', 'last-repeated': '2026-01-02T03:04:06-01:30',
        }  # fmt: skip
        notice = pebble.Notice.from_dict(raw)
        self.assertEqual((notice.type, notice.user_id, notice.last_data, notice.expire_after), ('new', None, {}, None))
        self.assertEqual(dataclasses.replace(notice, key='k').key, 'k')
        with self.assertRaises(AttributeError):
            notice.key = 'other'

    def test_checks(self):
        info = pebble.CheckInfo.from_dict({'name': 'c', 'status': 'up', 'threshold': 3})
        self.assertEqual((info.level, info.startup), (pebble.CheckLevel.UNSET, pebble.CheckStartup.ENABLED))
        with self.assertRaises(NotImplementedError):
            info.has_run
        self.assertFalse(pebble.CheckInfo('c', None, pebble.CheckStatus.UP, successes=0).has_run)

    def test_errors(self):
        now = datetime.datetime.now()
        tasks = [pebble.Task(pebble.TaskID('1'), 'start', 's', 'Error', ['a', 'b'], None, now, now)]
        change = pebble.Change(pebble.ChangeID('7'), 'start', 's', 'Error', tasks, True, 'oh', now, now)
        error = pebble.ChangeError('oh', change)
        self.assertEqual(str(error), 'oh\n----- Logs from task 0 -----\na\nb\n-----')
        self.assertIn("ChangeID('7')", repr(error))
        long = pebble.ExecError(['x'], 1, 'o' * 2000, '')
        self.assertIn("'" + 'o' * 1024 + "' [truncated], stderr=''", str(long))
        self.assertEqual(str(pebble.PathError('not-found', 'gone')), 'not-found - gone')
        self.assertTrue(issubclass(pebble.TimeoutError, TimeoutError))
        for error in (pebble.APIError({'a': 1}, 404, 'Not Found', 'gone'), long, pebble.PathError('k', 'm')):
            again = pickle.loads(pickle.dumps(error))
            self.assertEqual((type(again), vars(again)), (type(error), vars(error)))
            self.assertIsInstance(error, pebble.Error)


@contextlib.contextmanager
def answering(*answers):
    """The path of a socket that reads each request and gives the next answer, cut into single bytes."""
    with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as listener:
        path = os.path.join(directory, 's')
        listener.bind(path)
        listener.listen(8)
        asked = []

        def serve():
            for answer in answers:
                conn, _ = listener.accept()
                with conn:
                    conn.settimeout(60)
                    request = b''
                    while not request.endswith((b'\r\n\r\n', b'}')):
                        request += conn.recv(65536)
                    asked.append(request)
                    with contextlib.suppress(OSError):  # whoever has seen enough goes away
                        for i in range(len(answer)):
                            conn.sendall(answer[i : i + 1])

        thread = threading.Thread(target=serve)
        thread.start()
        yield path, asked
        thread.join()


def http(body, kind='application/json', code='200 OK', chunked=False):
    head = 'HTTP/1.1 %s\r\nContent-Type: %s\r\n' % (code, kind)
    if chunked:
        pieces = b''.join(b'%x;ext=1\r\n%s\r\n' % (len(p), p) for p in (body[:7], body[7:]) if p)
        return head.encode() + b'Transfer-Encoding: chunked\r\n\r\n' + pieces + b'0\r\nTrailer: x\r\n\r\n'
    return head.encode() + b'Content-Length: %d\r\n\r\n%s' % (len(body), body)


INFO = b'{"type":"sync","result":{"version":"v1"}}'


class Answers(unittest.TestCase):
    def test_good_ones(self):
        endless = b'HTTP/1.0 200 OK\r\ncontent-type: application/json; charset=utf-8\r\n\r\n' + INFO
        for answer in (http(INFO), http(INFO, chunked=True), endless):
            with answering(answer) as (path, asked):
                self.assertEqual(pebble.Client(path).get_system_info().version, 'v1')
            self.assertTrue(asked[0].startswith(b'GET /v1/system-info HTTP/1.1\r\nHost: localhost\r\n'), asked)

    def test_bad_ones(self):
        cases = [
            (b'', pebble.ConnectionError),
            (b'SSH-2.0\r\n', pebble.ProtocolError),
            (b'HTTP/1.1 200 OK\r\nno colon\r\n\r\n', pebble.ProtocolError),
            (http(INFO)[:-1], pebble.ConnectionError),
            (http(INFO, chunked=True)[:-8], pebble.ConnectionError),
            (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nwide\r\n', pebble.ProtocolError),
            (b'HTTP/1.1 200 OK\r\nContent-Length: some\r\n\r\n', pebble.ProtocolError),
            (http(INFO, 'text/plain'), pebble.ProtocolError),
            (http(b'{'), pebble.ProtocolError),
        ]
        for answer, error in cases:
            with answering(answer) as (path, _), self.assertRaises(error, msg=answer):
                pebble.Client(path).get_system_info()

    def test_refusals(self):
        for body, message in ((b'{"result":{"message":"no way"}}', 'no way'), (b'<html>', 'JSONDecodeError'), (b'[]', 'TypeError')):
            with answering(http(body, code='403 Forbidden')) as (path, _), self.assertRaises(pebble.APIError) as caught:
                pebble.Client(path).get_system_info()
            self.assertEqual((caught.exception.code, caught.exception.status), (403, 'Forbidden'))
            self.assertIn(message, str(caught.exception))

    def test_silence(self):
        with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as listener:
            path = os.path.join(directory, 's')
            listener.bind(path)
            listener.listen(1)
            with self.assertRaises(pebble.ConnectionError) as caught:
                pebble.Client(path, timeout=0.01).get_system_info()
        self.assertIsInstance(caught.exception, TimeoutError)

    def test_a_supervisor_that_cannot_wait(self):
        change = b'{"result":{"id":"1","kind":"k","summary":"s","status":"Done","ready":%s,"spawn-time":"2026-01-02T03:04:05Z"}}'
        missing = http(b'{"result":{"message":"no such endpoint"}}', code='404 Not Found')
        again = http(b'{"result":{"message":"timed out"}}', code='504 Gateway Timeout')
        with answering(missing, http(change % b'false'), http(change % b'true')) as (path, asked):
            self.assertTrue(pebble.Client(path).wait_change(pebble.ChangeID('1'), delay=0).ready)
        with answering(again, http(change % b'true')) as (path, asked):
            self.assertTrue(pebble.Client(path).wait_change(pebble.ChangeID('1'), timeout=None).ready)
        self.assertIn(b'/v1/changes/1/wait?timeout=4.000s ', asked[0])

    def test_a_websocket_that_is_refused(self):
        started = http(b'{"change":"1","result":{"task-id":"2"}}', code='202 Accepted')
        failed = b'{"result":{"id":"1","kind":"exec","summary":"s","status":"Error","ready":true,"err":"no such program","spawn-time":"2026-01-02T03:04:05Z"}}'
        with answering(started, http(b'', code='400 Bad Request'), http(failed)) as (path, _):
            with self.assertRaisesRegex(pebble.ChangeError, 'no such program'):
                pebble.Client(path).exec(['x'])

    def test_queries(self):
        self.assertEqual(_http.query_text({'a': ['x', 'y z'], 'p': '/\u00e9?&=', 'n': 1}), '?a=x&a=y%20z&p=/%C3%A9%3F%26%3D&n=1')
        self.assertEqual(_http.query_text(None), '')

    def test_parameters(self):
        cases = {
            'form-data; name="files"; filename="a\\"b\\\\c;d"': ('form-data', {'name': 'files', 'filename': 'a"b\\c;d'}),
            'Form-Data;name=x ; y = z': ('form-data', {'name': 'x', 'y': 'z'}),
            "form-data; filename*=utf-8''%C3%A9%20x": ('form-data', {'filename': '\u00e9 x'}),
            'multipart/form-data; boundary="a b"': ('multipart/form-data', {'boundary': 'a b'}),
            '': ('', {}),
        }
        for header, want in cases.items():
            self.assertEqual(_http.parameters(header), want)


class Multipart(unittest.TestCase):
    FILE = b'Content-Disposition: form-data; name="files"; filename="/f"\r\n\r\n'
    RESPONSE = b'Content-Disposition: form-data; name="response"\r\n\r\n'

    def decoded(self, body, step):
        pieces = [body[i : i + step] for i in range(0, len(body), step)]
        return _multipart.decode('BB', lambda n: pieces.pop(0) if pieces else b'')

    def test_any_content_cut_anywhere(self):
        for content in (b'', b'x', b'\r\n', b'\r\n--B', b'\r\n--', b'--BB', b'\r\r\n--B\r\n', b'a' * 3000):
            body = b'--BB\r\n' + self.FILE + content + b'\r\n--BB \t\r\n' + self.RESPONSE + b'{}\r\n--BB--\r\nrest'
            for step in (1, 2, 3, 7, 1000, 1 << 20):
                files, told = self.decoded(body, step)
                self.assertEqual((files['/f'].read(), told), (content, b'{}'))

    def test_large_files_go_to_disk(self):
        content = os.urandom(2 << 20)
        body = b'leading\r\n--BB\r\n' + self.FILE + content + b'\r\n--BB--'
        files, told = self.decoded(body, 60000)
        with files['/f'] as file:
            self.assertTrue(file.fileno())
            self.assertEqual((file.read() == content, told), (True, None))

    def test_bad_ones(self):
        good = b'--BB\r\n' + self.FILE + b'x\r\n--BB--\r\n'
        for body in (
            b'',
            good[:-10],
            good.replace(b'form-data', b'attachment'),
            good.replace(b'"files"', b'"other"'),
            good.replace(b'; filename="/f"', b''),
            good.replace(b'Content-Disposition', b'Content-Type'),
            b'--BB\r\nno end of head',
            b'--BBB\r\n' + self.FILE,
        ):
            with self.assertRaises(pebble.ProtocolError, msg=body):
                self.decoded(body, 5)


class Package(unittest.TestCase):
    def test_reads_as_python_3_8(self):
        for name in glob.glob(os.path.join(OPS, 'pebble', '*.py')):
            with open(name, encoding='utf-8') as file:
                ast.parse(file.read(), name, feature_version=(3, 8))

    def test_all_names(self):
        for name in pebble.__all__:
            self.assertTrue(hasattr(pebble, name), name)
        with self.assertRaises(AttributeError):
            pebble.no_such_name

    def test_what_it_imports(self):
        script = "import sys, ops.pebble; print(' '.join(m for m in sys.modules))"
        env = dict(os.environ, PYTHONPATH=os.path.dirname(OPS))
        loaded = set(subprocess.check_output([sys.executable, '-S', '-c', script], env=env).decode().split())
        dear = {'http.client', 'urllib.request', 'email', 'ssl', 'dataclasses', 'tempfile', 'socket', 'inspect', 'typing'}
        self.assertEqual(loaded & dear, set())


if __name__ == '__main__':
    unittest.main()
