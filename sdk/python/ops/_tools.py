"""How hook tools are reached: on the runtime's socket where there is one, as programs anywhere else.

A runtime of Bangle puts the address of a unix socket into `BANGLE_TOOL_SOCKET`. A call on it saves a process; what is
said there is what the tool's program would say, so a charm cannot tell the difference. Under Juju, or when nobody
answers on the socket, the tool is looked up on PATH.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SOCKET = 'BANGLE_TOOL_SOCKET'
_LONGEST = 16 << 20  # no answer is longer; a longer one is not an answer


class Error(Exception):
    """A hook tool ended with another status than 0."""

    returncode: int
    """Its exit status."""
    cmd: list[str]
    """The command and its arguments."""
    stdout: str
    """What it printed."""
    stderr: str
    """What it complained about."""

    def __init__(self, *, returncode: int, cmd: list[str], stdout: str = '', stderr: str = ''):
        self.returncode, self.cmd, self.stdout, self.stderr = returncode, cmd, stdout, stderr
        super().__init__(f'{cmd!r} ended with status {returncode}: {stderr.strip()}')


def run(tool: str, *args: str, stdin: str | None = None, content: dict[str, str] | None = None) -> str:
    """Call a hook tool and return what it prints.

    Args:
        tool: its name, as `config-get`.
        args: its arguments.
        stdin: text for its standard input.
        content: values that must not be seen among arguments; each becomes `KEY#file=FILE`.

    Raises:
        Error: when it fails.
        FileNotFoundError: when there is no such tool here.
    """
    address = os.environ.get(_SOCKET)
    if address:
        answer = _ask(address, tool, args, stdin, content)
        if answer is not None:
            status, out, err = answer
            if status:
                raise Error(returncode=status, cmd=[tool, *args], stdout=out, stderr=err)
            return out
    if not content:
        return _program([tool, *args], stdin)
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        files: list[str] = []
        for key, value in content.items():
            path = f'{directory}/{key}'
            with open(path, 'w', encoding='utf-8', newline='') as f:
                f.write(value)
            files.append(f'{key}#file={path}')
        return _program([tool, *args, *files], stdin)


def ask(tool: str, *args: str) -> Any:
    """Call a hook tool that prints JSON, and return the value."""
    import json

    return json.loads(run(tool, *args))


def transport() -> str:
    """Where the tools are: `socket` or `programs`."""
    return 'socket' if os.environ.get(_SOCKET) else 'programs'


def _program(command: list[str], stdin: str | None) -> str:
    import subprocess

    try:
        done = subprocess.run(command, capture_output=True, check=True, encoding='utf-8', input=stdin)
    except subprocess.CalledProcessError as e:
        raise Error(returncode=e.returncode, cmd=e.cmd, stdout=e.stdout, stderr=e.stderr) from None
    return done.stdout


# The wire: every number is four bytes, big endian; a text is its length and its bytes. A request is context, tool, the
# arguments after their number, standard input, the files after their number, each with name and content. An answer is
# exit status, output and complaints.


def _ask(
    address: str, tool: str, args: tuple[str, ...], stdin: str | None, content: dict[str, str] | None
) -> tuple[int, str, str] | None:
    """One call on the socket; None when nobody is there."""
    import socket

    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        try:
            connection.connect(address[5:] if address.startswith('unix:') else address)
        except OSError:
            return None
        connection.sendall(_request(tool, args, stdin, content))
        with connection.makefile('rb') as answer:
            status = _number(answer)
            out, err = _part(answer), _part(answer)
    finally:
        connection.close()
    return status - (1 << 32) if status >> 31 else status, out.decode(), err.decode(errors='replace')


def _request(tool: str, args: tuple[str, ...], stdin: str | None, content: dict[str, str] | None) -> bytes:
    content = content or {}
    every = [*args, *(f'{key}#file={key}' for key in content)]
    parts = [_text(os.environ.get('JUJU_CONTEXT_ID', '')), _text(tool), len(every).to_bytes(4, 'big')]
    parts.extend(_text(arg) for arg in every)
    parts.append(_text(stdin or ''))
    parts.append(len(content).to_bytes(4, 'big'))
    for key, value in content.items():
        parts.append(_text(key))
        parts.append(_text(value))
    return b''.join(parts)


def _text(text: str) -> bytes:
    raw = text.encode('utf-8', 'surrogateescape')
    return len(raw).to_bytes(4, 'big') + raw


def _number(answer: Any) -> int:
    raw = answer.read(4)
    if len(raw) < 4:
        raise ConnectionError('the runtime ended in the middle of an answer')
    return int.from_bytes(raw, 'big')


def _part(answer: Any) -> bytes:
    size = _number(answer)
    if size > _LONGEST:
        raise ConnectionError(f'the runtime announces an answer of {size} bytes')
    raw = answer.read(size)
    if len(raw) < size:
        raise ConnectionError('the runtime ended in the middle of an answer')
    return raw


# How arguments are written, for the model and for `ops.hookcmds`.


def relation(id: int, endpoint: str | None = None) -> str:
    """A relation's id as the tools take it."""
    return str(id) if endpoint is None else f'{endpoint}:{id}'


def stamp(time: Any) -> str:
    """A time, or a text that is one already, as RFC 3339."""
    if isinstance(time, str):
        return time
    text = time.isoformat()
    return text[:-6] + 'Z' if text.endswith('+00:00') and time.tzinfo.utcoffset(None) is not None else text


def secret_options(label: str | None, description: str | None, expire: Any, rotate: str | None) -> list[str]:
    """The flags that describe a secret."""
    options: list[str] = []
    for flag, value in (
        ('--label', label),
        ('--description', description),
        ('--expire', None if expire is None else stamp(expire)),
        ('--rotate', rotate),
    ):
        if value is not None:
            options += [flag, value]
    return options


def port(protocol: str | None, number: int | None, last: int | None = None) -> str:
    """A port, a range or a protocol as `open-port` takes it."""
    if number is None:
        if protocol is None:
            raise TypeError('a port needs a number, a protocol, or both')
        return protocol
    span = f'{number}-{last}' if last is not None else str(number)
    return span if protocol is None else f'{span}/{protocol}'


def parse_port(text: str) -> tuple[str, int | None, int | None, list[str] | None]:
    """Protocol, first and last number and endpoints of a line of `opened-ports`."""
    text, _, rest = text.partition(' ')
    endpoints = [name.strip() for name in rest.strip('() ').split(',')] if rest else None
    span, _, protocol = text.partition('/')
    if not span.replace('-', '').isdigit():
        return text, None, None, endpoints
    first, _, last = span.partition('-')
    return protocol or 'tcp', int(first), int(last) if last else None, endpoints
