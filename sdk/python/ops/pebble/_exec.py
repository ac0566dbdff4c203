"""Commands in the workload: their streams over websockets, and the process that they belong to."""

from __future__ import annotations

import io
import json
import logging

from ._errors import AnyStr, ChangeError, ConnectionError, ExecError, _Of
from ._websocket import Closed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any, Callable, Iterator, Literal

    from ._client import Client
    from ._values import Change, ChangeID

logger = logging.getLogger('ops.pebble')

_END = '{"command":"end"}'
_CHUNK = 16384
_GRACE = 1.0  # seconds that a thread gets to notice that its websocket is gone


class Sink(io.RawIOBase):
    """What is written goes to the process's input; closing it is the end of that input."""

    def __init__(self, ws: Any):
        super().__init__()
        self._ws = ws

    def writable(self) -> Literal[True]:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Sends all of data, which must be bytes."""
        if isinstance(data, str):
            raise TypeError('a process that was started with encoding=None takes bytes, not str')
        raw = bytes(data)
        if raw:
            self._ws.send_binary(raw)
        return len(raw)

    def close(self) -> None:
        """Tells the process that there is no more; nothing happens if it has ended already."""
        if self.closed:
            return
        super().close()
        try:
            self._ws.send(_END)
        except (ConnectionError, OSError):
            pass


class Source(io.RawIOBase):
    """What the process writes to one of its outputs."""

    def __init__(self, ws: Any):
        super().__init__()
        self._ws = ws
        self._held = b''
        self._ended = False

    def readable(self) -> Literal[True]:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Waits for output; 0 at its end."""
        while not self._held and not self._ended:
            self._held = self._next()
        n = min(len(buffer), len(self._held))
        buffer[:n] = self._held[:n]
        self._held = self._held[n:]
        return n

    def _next(self) -> bytes:
        """A message's bytes; a text message is a command, of which there is one. A lost connection is the end too."""
        try:
            message = self._ws.recv()
        except (ConnectionError, OSError):
            self._ended = True
            return b''
        if isinstance(message, bytes):
            return message
        try:
            command = json.loads(message)['command']
        except (ValueError, KeyError, TypeError):
            command = message
        if command == 'end':
            self._ended = True
        else:
            logger.warning('the supervisor sent %r among the output, which means nothing here', command)
        return b''


def readable(ws: Any, encoding: str | None) -> Any:
    """The output behind a websocket as a file, of text if there is an encoding. Line ends are left alone."""
    source = io.BufferedReader(Source(ws), _CHUNK)
    return source if encoding is None else io.TextIOWrapper(source, encoding=encoding, newline='')


def writable(ws: Any, encoding: str | None) -> Any:
    """The input behind a websocket as a file. Text is sent by `flush` or when there is enough of it, bytes at once."""
    sink = Sink(ws)
    if encoding is None:
        return sink
    return io.TextIOWrapper(io.BufferedWriter(sink), encoding=encoding, newline='')


class Feeder:
    """Sends a file to a process's input in a thread, which can be told to stop while it waits for the file."""

    def __init__(self, ws: Any, source: Any, encoding: str | None):
        import os
        import threading

        self._ws = ws
        self._source = source
        self._encoding = encoding or 'utf-8'
        self._pipe = os.pipe() if _has_descriptor(source) else None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while self._ready():
                data = self._source.read(_CHUNK)
                if not data:
                    break
                self._ws.send_binary(data.encode(self._encoding) if isinstance(data, str) else data)
            self._ws.send(_END)
        except (ConnectionError, OSError, ValueError):
            pass  # the process has ended, or the file was closed: there is nobody to send the rest to

    def _ready(self) -> bool:
        """Waits until the file can be read; False if it was told to stop and there is nothing to read."""
        if self._pipe is None:
            return True
        import select

        return self._source in select.select([self._pipe[0], self._source], [], [])[0]

    def stop(self, patience: float | None) -> None:
        """Ends the thread; patience is in seconds, None for as long as it takes."""
        import os

        pipe = self._pipe
        if pipe is not None:
            os.write(pipe[1], b'.')
        self._thread.join(patience)
        if pipe is not None and not self._thread.is_alive():
            self._pipe = None
            os.close(pipe[0])
            os.close(pipe[1])


def _has_descriptor(source: Any) -> bool:
    try:
        source.fileno()
    except Exception:
        return False
    return True


def pieces(ws: Any, encoding: str | None) -> Iterator[Any]:
    """What comes out of a websocket as it comes, decoded if there is an encoding."""
    source = Source(ws)
    decoder = None
    if encoding is not None:
        import codecs

        decoder = codecs.getincrementaldecoder(encoding)()
    while True:
        data = source.read(_CHUNK)
        piece = data if decoder is None else decoder.decode(data, not data)
        if piece:
            yield piece
        if not data:
            return


class Copier:
    """Copies an output into a file in a thread."""

    def __init__(self, output: Iterator[Any], write: Callable[[Any], Any]):
        import threading

        self._output = output
        self._write = write
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for piece in self._output:
                self._put(piece)
        except BaseException as e:  # told to whoever waits
            self._failed = self._failed or e

    def _put(self, piece: Any) -> None:
        """Writes a piece. After a failure the rest is still read, or the process would wait for ever to be rid of it."""
        if self._failed is None:
            try:
                self._write(piece)
            except BaseException as e:
                self._failed = e

    def wait(self, patience: float | None = None) -> None:
        """Waits for the end of the output, for at most patience seconds."""
        self._thread.join(patience)

    def check(self) -> None:
        """Raises what went wrong with the copy."""
        if self._failed is not None:
            raise self._failed


class ExecProcess(_Of[AnyStr]):
    """A command that `Client.exec` started.

    Use `wait_output` unless the streams were given to `exec`: whoever reads and writes the streams by hand has to take
    care that neither side waits for the other.
    """

    stdin: IO[AnyStr] | None
    """Writes to the process; None if its input was given to `exec`. Close it to end the input."""
    stdout: IO[AnyStr] | None
    """Reads what the process writes; None if a file for it was given to `exec`."""
    stderr: IO[AnyStr] | None
    """Reads its error output; None if a file for it was given to `exec`, or if it is part of stdout."""

    def __init__(
        self,
        client: Client,
        command: list[str],
        change_id: ChangeID,
        sockets: dict[str, Any],
        encoding: str | None,
        timeout: float | None,
        files: tuple[Any, Any, Any],
    ):
        """Made by `Client.exec`; files are the caller's stdin, stdout and stderr."""
        self._client = client
        self._command = command
        self._change_id = change_id
        self._sockets = sockets
        self._encoding = encoding
        self._timeout = timeout
        self._waited = False
        self._copiers: list[Copier] = []
        self._feeder = None
        stdin, stdout, stderr = files
        self.stdin = self.stdout = self.stderr = None
        if stdin is None:
            self.stdin = writable(sockets['stdio'], encoding)
        else:
            self._feeder = Feeder(sockets['stdio'], stdin, encoding)
        self.stdout = self._output('stdio', stdout)
        if 'stderr' in sockets:
            self.stderr = self._output('stderr', stderr)

    def _output(self, name: str, into: Any) -> Any:
        ws = self._sockets[name]
        if into is None:
            return readable(ws, self._encoding)
        self._copiers.append(Copier(pieces(ws, self._encoding), into.write))
        return None

    def __del__(self) -> None:
        if not getattr(self, '_waited', True):
            import warnings

            warnings.warn(
                'ExecProcess instance garbage collected without call to wait() or wait_output()', ResourceWarning
            )

    def wait(self) -> None:
        """Waits until the command has ended.

        It waits a little longer than the timeout that `exec` was given. Raises ChangeError if the command could not be
        run or ran out of time, and ExecError if its exit code is not zero.
        """
        code = self._finish()
        if code:
            raise ExecError(self._command, code, None, None)

    def wait_output(self) -> tuple[AnyStr, AnyStr | None]:
        """Waits until the command has ended; what it wrote to stdout and stderr (None if that is part of stdout).

        It waits a little longer than the timeout that `exec` was given. Raises ChangeError if the command could not be
        run or ran out of time, ExecError with what was written if its exit code is not zero, and TypeError if `exec`
        was given a file for stdout.
        """
        if self.stdout is None:
            raise TypeError('cannot use wait_output: exec was given a file for stdout; use wait')
        texts: tuple[list[Any], list[Any]] = ([], [])
        self._copiers.append(Copier(_whole(self.stdout), texts[0].append))
        if self.stderr is not None:
            self._copiers.append(Copier(_whole(self.stderr), texts[1].append))
        code = self._finish()
        nothing: Any = b'' if self._encoding is None else ''
        out = nothing.join(texts[0])
        err = nothing.join(texts[1]) if self.stderr is not None else None
        if code:
            raise ExecError(self._command, code, out, err)
        return out, err

    def _finish(self) -> int:
        """Waits for the change and for all output, then ends the connections; the exit code."""
        self._waited = True
        patience = None if self._timeout is None else self._timeout + 1
        try:
            change = self._client.wait_change(self._change_id, timeout=patience)
        except BaseException:
            self._end(_GRACE)
            raise
        if self._feeder is not None:
            # What waits for its file is told to stop; what is in the middle of sending ends with the connection.
            self._feeder.stop(_GRACE)
        for copier in self._copiers:
            copier.wait()
        self._end(None)
        if change.err:
            raise ChangeError(change.err, change)
        for copier in self._copiers:
            copier.check()
        return _exit_code(change)

    def _end(self, patience: float | None) -> None:
        for ws in self._sockets.values():
            ws.shutdown()
        if self._feeder is not None:
            self._feeder.stop(_GRACE)
            self._feeder = None
        for copier in self._copiers:
            copier.wait(patience)

    def send_signal(self, sig: int | str) -> None:
        """Sends a signal to the process, given by number or by a name like "SIGHUP"."""
        self._control('signal', {'name': signal_name(sig)})

    def resize(self, width: int, height: int) -> None:
        """Tells the terminal of the process its size in characters; only for one that was started with a terminal."""
        self._control('resize', {'width': width, 'height': height})

    def _control(self, command: str, what: dict[str, Any]) -> None:
        try:
            self._sockets['control'].send(json.dumps({'command': command, command: what}))
        except Closed:
            if not self._waited:
                raise


def _whole(file: Any) -> Iterator[Any]:
    yield file.read()


def _exit_code(change: Change) -> int:
    code = change.tasks[0].data.get('exit-code', -1) if change.tasks else -1
    return int(code)


def signal_name(sig: int | str) -> str:
    """The name of a signal that is given by name or number."""
    if isinstance(sig, str):
        return sig
    import signal

    return signal.Signals(sig).name
