"""The client against a running supervisor: files and commands."""

import io
import os
import signal
import threading
import unittest

from supervisor import Live, patient

from ops import pebble


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


if __name__ == '__main__':
    unittest.main()
