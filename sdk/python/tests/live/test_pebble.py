"""The client against a running supervisor. PEBBLE_SOCKET is its socket, PEBBLE_TEST_DIR a directory that both can see."""

import datetime
import io
import os
import signal
import tempfile
import threading
import unittest

from ops import pebble

SOCKET = os.environ['PEBBLE_SOCKET']
DIR = os.environ['PEBBLE_TEST_DIR']
LONG = 240  # seconds; longer than any of this takes on a busy machine


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


class FilesOfTheWorkload(Live):
    def test_text(self):
        path = self.path('deep', "caf\u00e9 \"q\" b\\s.txt")
        with self.assertRaises(pebble.PathError) as caught:
            self.client.push(path, 'x')
        self.assertEqual(caught.exception.kind, 'not-found')
        text = 'caf\u00e9\r\nline\n\U0001f600'
        self.client.push(path, text, make_dirs=True, permissions=0o600)
        with self.client.pull(path) as file:
            self.assertEqual(file.read(), text)
        info = self.client.list_files(path)[0]
        self.assertEqual(info.name, os.path.basename(path))
        self.assertEqual((info.type, info.permissions, info.size), (pebble.FileType.FILE, 0o600, len(text.encode())))
        self.assertEqual(info.user_id, os.getuid())
        self.assertEqual(abs(info.last_modified.timestamp() - os.stat(path).st_mtime) < 1.01, True)

    def test_encodings(self):
        path = self.path('latin')
        self.client.push(path, '\u00e9t\u00e9', encoding='latin-1')
        with open(path, 'rb') as file:
            self.assertEqual(file.read(), b'\xe9t\xe9')
        with self.client.pull(path, encoding='latin-1') as file:
            self.assertEqual(file.read(), '\u00e9t\u00e9')

    def test_streams_of_ten_megabytes(self):
        block = os.urandom(1 << 16)
        content = block * 160
        path = self.path('big')
        with open(self.path('source'), 'wb+') as source:
            source.write(content)
            source.seek(0)
            self.client.push(path, source)
        self.assertEqual(os.path.getsize(path), len(content))
        with self.client.pull(path, encoding=None) as file:
            self.assertEqual(file.read(1 << 16), block)
            self.assertEqual(file.read(), content[1 << 16 :])

    def test_small_and_empty(self):
        for content in (b'', b'\r\n', b'--', b'\r\n--\r\n', b'\0' * 65537):
            self.client.push(self.path('f'), content)
            with self.client.pull(self.path('f'), encoding=None) as file:
                self.assertEqual(file.read(), content)
        self.client.push(self.path('f'), io.StringIO('a\nb'))
        with self.client.pull(self.path('f')) as file:
            self.assertEqual(list(file), ['a\n', 'b'])

    def test_a_source_that_breaks(self):
        class Broken(io.RawIOBase):
            def read(self, n=-1):
                raise ValueError('the disk is gone')

        with self.assertRaisesRegex(ValueError, 'the disk is gone'):
            self.client.push(self.path('f'), Broken())
        self.assertEqual(os.listdir(self.dir), [])

    def test_errors(self):
        for path, kind in ((self.path('none'), 'not-found'), ('relative', 'generic-file-error')):
            with self.assertRaises(pebble.PathError) as caught:
                self.client.pull(path)
            self.assertEqual(caught.exception.kind, kind)
        with self.assertRaises(pebble.APIError) as caught:
            self.client.list_files(self.path('none'))
        self.assertEqual(caught.exception.code, 404)
        with self.assertRaises(pebble.PathError):
            self.client.push(self.path('f'), 'x', group='no-such-group', user='no-such-user')
        if os.getuid():
            with self.assertRaises(pebble.PathError):
                self.client.push('/etc/shadow-of-this-test', 'x')

    def test_directories(self):
        with self.assertRaises(pebble.PathError):
            self.client.make_dir(self.path('a', 'b'))
        self.client.make_dir(self.path('a', 'b'), make_parents=True, permissions=0o750)
        self.client.make_dir(self.path('a', 'b'), make_parents=True)
        with self.assertRaises(pebble.PathError) as caught:
            self.client.make_dir(self.path('a'))
        self.assertEqual(caught.exception.kind, 'generic-file-error')
        self.client.push(self.path('a', 'one.txt'), '1')
        self.client.push(self.path('a', 'two.bin'), '2')
        os.symlink('one.txt', self.path('a', 'link'))
        self.assertEqual(
            [(f.name, f.type.value) for f in self.client.list_files(self.path('a'))],
            [('b', 'directory'), ('link', 'symlink'), ('one.txt', 'file'), ('two.bin', 'file')],
        )
        self.assertEqual([f.name for f in self.client.list_files(self.path('a'), pattern='*.txt')], ['one.txt'])
        itself = self.client.list_files(self.path('a'), itself=True)
        self.assertEqual([(f.path, f.type, f.size) for f in itself], [(self.path('a'), pebble.FileType.DIRECTORY, None)])
        with self.assertRaises(pebble.PathError):
            self.client.remove_path(self.path('a'))
        self.client.remove_path(self.path('a'), recursive=True)
        self.client.remove_path(self.path('a'), recursive=True)
        with self.assertRaises(pebble.PathError) as caught:
            self.client.remove_path(self.path('a'))
        self.assertEqual(caught.exception.kind, 'not-found')


class Exec(Live):
    def test_output(self):
        out, err = self.client.exec(['/bin/sh', '-c', 'echo out; echo err >&2']).wait_output()
        self.assertEqual((out, err), ('out\n', 'err\n'))

    def test_bytes_and_one_stream(self):
        process = self.client.exec(['/bin/sh', '-c', "printf 'a\\377'; printf b >&2"], encoding=None, combine_stderr=True)
        self.assertIsNone(process.stderr)
        self.assertEqual(process.wait_output(), (b'a\xffb', None))

    def test_input_given(self):
        for stdin in ('a\nb\n', io.StringIO('a\nb\n'), io.BytesIO(b'a\nb\n')):
            process = self.client.exec(['tr', 'a-z', 'A-Z'], stdin=stdin)
            self.assertIsNone(process.stdin)
            self.assertEqual(process.wait_output(), ('A\nB\n', ''))
        with open(self.path('in'), 'w+') as file:
            file.write('from a file')
            file.seek(0)
            self.assertEqual(self.client.exec(['cat'], stdin=file).wait_output()[0], 'from a file')

    def test_ten_megabytes_through(self):
        content = os.urandom(10 << 20)
        out, _ = self.client.exec(['cat'], stdin=content, encoding=None).wait_output()
        self.assertEqual(out == content, True)

    def test_a_conversation(self):
        process = self.client.exec(['cat'])
        for line in ('one\n', 'zwei\n', '\u0442\u0440\u0438\n'):
            process.stdin.write(line)
            process.stdin.flush()
            self.assertEqual(process.stdout.readline(), line)
        process.stdin.close()
        self.assertEqual(process.stdout.read(), '')
        process.wait()

    def test_output_into_files(self):
        out, err = io.StringIO(), io.StringIO()
        process = self.client.exec(['/bin/sh', '-c', 'echo o; echo e >&2; exit 7'], stdout=out, stderr=err)
        with self.assertRaises(pebble.ExecError) as caught:
            process.wait()
        self.assertEqual((out.getvalue(), err.getvalue(), caught.exception.exit_code), ('o\n', 'e\n', 7))
        self.assertIsNone(caught.exception.stdout)
        with self.assertRaises(TypeError):
            process.wait_output()

    def test_a_character_cut_in_two(self):
        out = io.StringIO()
        script = "printf '\\303'; sleep 0.1; printf '\\251'"
        self.client.exec(['/bin/sh', '-c', script], stdout=out).wait()
        self.assertEqual(out.getvalue(), '\u00e9')

    def test_a_file_that_breaks(self):
        class Full(io.StringIO):
            def write(self, text):
                raise OSError('no space left')

        process = self.client.exec(['/bin/sh', '-c', 'seq 100000'], stdout=Full())
        with self.assertRaisesRegex(OSError, 'no space left'):
            process.wait()

    def test_exit_code(self):
        with self.assertRaises(pebble.ExecError) as caught:
            self.client.exec(['/bin/sh', '-c', 'echo why; exit 3']).wait_output()
        error = caught.exception
        self.assertEqual((error.exit_code, error.stdout, error.stderr, error.command[0]), (3, 'why\n', '', '/bin/sh'))

    def test_environment_and_directory(self):
        process = self.client.exec(
            ['/bin/sh', '-c', 'echo $A; pwd'], environment={'A': 'a b'}, working_dir=self.dir
        )
        self.assertEqual(process.wait_output()[0], 'a b\n%s\n' % self.dir)
        self.layer({'context': {'command': 'true', 'environment': {'B': 'b'}, 'working-dir': '/'}})
        process = self.client.exec(['/bin/sh', '-c', 'echo $B; pwd'], service_context='context')
        self.assertEqual(process.wait_output()[0], 'b\n/\n')

    def test_timeout(self):
        with self.assertRaisesRegex(pebble.ChangeError, 'timed out'):
            patient(self.client.exec(['sleep', '1000'], timeout=0.1)).wait()

    def test_timeout_while_sending(self):
        process = self.client.exec(['sleep', '1000'], timeout=0.1, stdin=b'x' * (4 << 20), encoding=None)
        with self.assertRaisesRegex(pebble.ChangeError, 'timed out'):
            patient(process).wait_output()

    def test_signal(self):
        process = self.client.exec(['/bin/sh', '-c', "trap 'exit 42' TERM; echo ready; while :; do sleep 0.05; done"])
        self.assertEqual(process.stdout.readline(), 'ready\n')
        process.send_signal(signal.SIGTERM)
        with self.assertRaises(pebble.ExecError) as caught:
            process.wait()
        self.assertEqual(caught.exception.exit_code, 42)

    def test_killed(self):
        process = self.client.exec(['/bin/sh', '-c', 'echo ready; exec sleep 1000'])
        process.stdout.readline()
        process.send_signal('SIGKILL')
        with self.assertRaises(pebble.ExecError) as caught:
            process.wait()
        self.assertEqual(caught.exception.exit_code, 128 + 9)

    def test_terminal(self):
        script = "stty size; while test \"$(stty size)\" = '30 100'; do sleep 0.02; done; stty size; read x; echo got $x"
        process = self.client.exec(
            ['/bin/sh', '-c', script], terminal=True, interactive=True, width=100, height=30, combine_stderr=True
        )
        self.assertEqual(process.stdout.readline(), '30 100\r\n')
        process.resize(120, 40)
        self.assertEqual(process.stdout.readline(), '40 120\r\n')
        process.stdin.write('word\n')
        process.stdin.flush()
        self.assertIn('got word', process.stdout.read())
        process.wait()

    def test_not_a_terminal(self):
        out, _ = self.client.exec(['/bin/sh', '-c', 'test -t 1 || echo no']).wait_output()
        self.assertEqual(out, 'no\n')

    def test_input_nobody_reads(self):
        reader, writer = os.pipe()
        with os.fdopen(reader, 'rb') as source, os.fdopen(writer, 'wb'):
            # The thread that waits for this pipe must not keep the call from returning.
            self.client.exec(['true'], stdin=source, encoding=None).wait()

    def test_refusals(self):
        with self.assertRaises(pebble.APIError):
            self.client.exec(['no-such-command-anywhere'])
        with self.assertRaises((pebble.APIError, pebble.ChangeError)):
            self.client.exec(['pwd'], working_dir='/no/such/place').wait()
        with self.assertRaises(TypeError):
            self.client.exec('pwd')
        with self.assertRaises(ValueError):
            self.client.exec([])
        with self.assertRaises(ValueError):
            self.client.exec(['cat'], stdin='x', encoding=None)
        with self.assertRaises(ValueError):
            self.client.exec(['cat'], stdin=b'x')
        with self.assertRaises(ValueError):
            self.client.exec(['cat'], stderr=io.StringIO(), combine_stderr=True)

    def test_many_at_once(self):
        failed = []

        def run(i):
            try:
                out, _ = self.client.exec(['cat'], stdin='%d' % i).wait_output()
                self.assertEqual(out, str(i))
            except Exception as e:
                failed.append(e)

        threads = [threading.Thread(target=run, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])


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


# A hash of "test"; only its form is looked at here.
HASH = (
    '$6$F9cFSVEKyO4gB1Wh$8S1BSKsNkF.jBAixGc4W7l80OpfCNk65LZBDHBng3NAmbcHuMj4RIm7992rrJ8YA.SJ0hvm.vGk2z483am4Ym1'
)


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


if __name__ == '__main__':
    unittest.main()
