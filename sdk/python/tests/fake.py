"""A fake of the hook tools: programs on PATH, or a runtime's socket, both answering from one table."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading

# On the second and further interpreters of a machine: only what may come out differently there, and little of what is slow.
FEW = os.environ.get('BANGLE_FEW_TESTS') == '1'

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

TOOLS = (
    'action-fail action-get action-log action-set add-metric application-version-set close-port config-get '
    'credential-get goal-state is-leader juju-log juju-reboot network-get open-port opened-ports pod-spec-set '
    'relation-get relation-ids relation-list relation-model-get relation-set resource-get secret-add secret-get '
    'secret-grant secret-ids secret-info-get secret-remove secret-revoke secret-set state-delete state-get state-set '
    'status-get status-set storage-add storage-get storage-list'
).split()

# The program of every tool. It notes its call, with standard input and the files that it names, and answers.
PROGRAM = """#!{python} -S
import json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
tool, args = os.path.basename(sys.argv[0]), sys.argv[1:]
files = {{}}
for arg in args:
    if '#file=' in arg:
        key, _, path = arg.partition('#file=')
        files[key] = open(path, encoding='utf-8').read()
args = [arg.partition('#file=')[0] + '#file' if '#file=' in arg else arg for arg in args]
stdin = sys.stdin.read() if '--file' in args and args[args.index('--file') + 1] == '-' else ''
with open(os.path.join(here, 'calls'), 'a') as f:
    f.write(json.dumps([tool, *args, *([stdin] if stdin else []), *([files] if files else [])]) + '\\n')
answers = json.load(open(os.path.join(here, 'answers')))
for key in (' '.join([tool, *args]), tool):
    if key in answers:
        status, out, err = answers[key]
        sys.stdout.write(out)
        sys.stderr.write(err)
        sys.exit(status)
"""


class Tools:
    """Hook tools that answer from `answers`: `tool` or `tool arg…` to a value, which is printed as JSON; a str is
    printed as it is, and an Exception fails with its message and status 1."""

    def __init__(self, directory, answers=None):
        self.directory = directory
        self.answers = {'is-leader': False, **(answers or {})}
        program = os.path.join(directory, 'program')
        with open(program, 'w') as f:
            f.write(PROGRAM.format(python=sys.executable))
        os.chmod(program, 0o755)
        for tool in TOOLS:
            os.symlink('program', os.path.join(directory, tool))
        self.write()

    def write(self):
        with open(os.path.join(self.directory, 'answers'), 'w') as f:
            json.dump({key: printed(value) for key, value in self.answers.items()}, f)

    def close(self):
        """Nothing that the directory's end does not do."""

    def calls(self, log=False):
        """What was called, oldest first, and forget it; without the log, unless it is asked for."""
        path = os.path.join(self.directory, 'calls')
        if not os.path.exists(path):
            return []
        with open(path) as f:
            found = [json.loads(line) for line in f]
        os.remove(path)
        return [call for call in found if log or call[0] != 'juju-log']


def printed(value):
    if isinstance(value, Exception):
        return 1, '', f'ERROR {value}\n'
    return 0, value if isinstance(value, str) else json.dumps(value) + '\n', ''


class SocketTools:
    """The same on a socket, as a runtime serves it."""

    def __init__(self, path, answers=None):
        self.answers, self.seen = {'is-leader': False, **(answers or {})}, []
        self.contexts, self.state = set(), {}
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(8)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile('rwb') as wire:
                try:
                    self.answer(wire)
                except (ConnectionError, ValueError):
                    pass

    def answer(self, wire):
        def number():
            raw = wire.read(4)
            if len(raw) < 4:
                raise ConnectionError
            return int.from_bytes(raw, 'big')

        def part():
            return wire.read(number()).decode()

        self.contexts.add(part())
        tool, args = part(), []
        for _ in range(number()):
            args.append(part())
        stdin, files = part(), {}
        for _ in range(number()):
            name = part()
            files[name] = part()
        args = [arg.partition('#file=')[0] + '#file' if '#file=' in arg else arg for arg in args]
        self.seen.append([tool, *args, *([stdin] if stdin else []), *([files] if files else [])])
        status, out, err = self.reply(tool, args, stdin)
        wire.write(status.to_bytes(4, 'big'))
        for text in (out, err):
            raw = text.encode()
            wire.write(len(raw).to_bytes(4, 'big') + raw)
        wire.flush()

    def calls(self, log=False):
        found, self.seen = self.seen, []
        return [call for call in found if log or call[0] != 'juju-log']

    def reply(self, tool, args, stdin):
        if tool == 'state-set':  # kept, as a controller keeps it for the rest of the hook
            self.state.update(json.loads(stdin))
        elif tool == 'state-delete':
            self.state.pop(args[0], None)
        elif tool == 'state-get':
            return 0, self.state.get(args[0], '') + '\n', ''
        for key in (' '.join([tool, *args]), tool):
            if key in self.answers:
                return printed(self.answers[key])
        return 0, '', ''

    def write(self):
        """Nothing: the answers are looked up when they are asked for."""

    def close(self):
        # Closing a socket does not wake who waits on it: a last call does.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()


METADATA = """
name: web
summary: A charm
description: |
  For tests.
requires:
  db: {interface: pgsql, limit: 3}
provides:
  site:
    interface: http
peers:
  peers: {interface: web-peers}
storage:
  data: {type: filesystem, multiple: {range: 0-}}
containers:
  app: {}
"""
ACTIONS = 'back-up:\n  description: Does it\n  params:\n    to: {type: string}\n'
CONFIG = 'options:\n  port: {type: int, default: 80}\n  site-name: {type: string}\n  token: {type: secret}\n'


def variables(event, **more):
    """The environment of an event."""
    name = event if '/' not in event else ''
    return {
        'JUJU_DISPATCH_PATH': event if '/' in event else 'hooks/' + event,
        'JUJU_HOOK_NAME': name,
        'JUJU_UNIT_NAME': 'web/0',
        'JUJU_MODEL_NAME': 'm',
        'JUJU_MODEL_UUID': '0a1b',
        'JUJU_VERSION': '3.6.14',
        'JUJU_CONTEXT_ID': 'c0ffee',
        **more,
    }


class Charm:
    """A charm in a directory of its own, with tools, that can be dispatched in a process of its own."""

    def __init__(self, directory, code, on_socket=True):
        self.directory = os.path.join(directory, 'charm')
        os.makedirs(os.path.join(self.directory, 'src'))
        tools = os.path.join(directory, 'tools')
        if on_socket:
            self.tools = SocketTools(tools)
            self.where = {'BANGLE_TOOL_SOCKET': tools, 'PATH': '/usr/bin:/bin'}
        else:
            os.mkdir(tools)
            self.tools = Tools(tools)
            self.where = {'PATH': tools + ':/usr/bin:/bin'}
        for name, text in (
            ('metadata.yaml', METADATA),
            ('actions.yaml', ACTIONS),
            ('config.yaml', CONFIG),
            ('src/charm.py', code + '\n\nif __name__ == "__main__":\n    ops.main(Charm)\n'),
        ):
            with open(os.path.join(self.directory, name), 'w') as f:
                f.write(text)

    def dispatch(self, event, **more):
        """Run the charm for an event; the process with its status and output."""
        self.tools.write()
        env = {
            **self.where,
            'PYTHONPATH': os.pathsep.join([ROOT, *filter(None, [os.environ.get('PYTHONPATH')])]),
            'PYTHONDONTWRITEBYTECODE': os.environ.get('PYTHONDONTWRITEBYTECODE', ''),
            'PYTHONPYCACHEPREFIX': os.environ.get('PYTHONPYCACHEPREFIX', ''),
            'JUJU_CHARM_DIR': self.directory,
            **variables(event, **more),
        }
        return subprocess.run(
            [sys.executable, './src/charm.py'],
            cwd=self.directory,
            env={key: value for key, value in env.items() if value or key.startswith('JUJU')},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
        )


@contextlib.contextmanager
def here(answers=None, on_socket=False, **env):
    """The tools for this very process."""
    with tempfile.TemporaryDirectory() as directory:
        before = dict(os.environ)
        if on_socket:
            tools = SocketTools(os.path.join(directory, 's'), answers)
            env['BANGLE_TOOL_SOCKET'] = 'unix:' + tools.path
        else:
            tools = Tools(directory, answers)
            env['PATH'] = directory + ':' + os.environ['PATH']
        os.environ.update(variables('start', **env))
        try:
            yield tools
        finally:
            os.environ.clear()
            os.environ.update(before)
            tools.close()
