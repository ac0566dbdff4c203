"""As much HTTP/1.1 as the API needs, over a unix socket: one request a connection, nothing imported but `socket`."""

from __future__ import annotations

from ._errors import BrokenOff, ConnectionError, ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any, Iterable, Iterator

_MAX_LINE = 65536
_MAX_HEADERS = 200
_READ = 65536


def connect(path: str, timeout: float | None) -> socket.socket:
    """A connection to the socket at path. ConnectionError says what is wrong with it."""
    import socket

    conn = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        conn.settimeout(timeout)
        conn.connect(path)
    except OSError as e:
        conn.close()
        if isinstance(e, FileNotFoundError):
            why = 'there is no socket (has the container restarted?)'
        else:
            why = str(e)
        raise ConnectionError('Could not connect to Pebble at %r: %s' % (path, why)) from e
    return conn


class Headers:
    """The headers of an answer; names are found in any case."""

    def __init__(self, pairs: Iterable[tuple[str, str]]):
        self._values = {name.lower(): value for name, value in pairs}

    def get(self, name: str, default: str | None = None) -> str | None:
        """The last value of a header."""
        return self._values.get(name.lower(), default)


class Stream:
    """Reads from a connection; what goes wrong with it is a ConnectionError."""

    def __init__(self, conn: socket.socket):
        self._conn = conn
        self._held = b''

    def some(self, most: int) -> bytes:
        """Up to most bytes, at least one unless the other side has ended."""
        if not self._held:
            try:
                self._held = self._conn.recv(_READ)
            except OSError as e:
                raise broken(e) from e
        out, self._held = self._held[:most], self._held[most:]
        return out

    def exactly(self, n: int) -> bytes:
        """The next n bytes."""
        parts = []
        while n:
            part = self.some(n)
            if not part:
                raise ConnectionError('the supervisor ended the connection in the middle of its answer')
            parts.append(part)
            n -= len(part)
        return b''.join(parts)

    def line(self) -> bytes:
        """The next line without its end."""
        while b'\n' not in self._held:
            if len(self._held) > _MAX_LINE:
                raise ProtocolError('the supervisor answered with a header of more than %d bytes' % _MAX_LINE)
            try:
                more = self._conn.recv(_READ)
            except OSError as e:
                raise broken(e) from e
            if not more:
                raise ConnectionError('the supervisor ended the connection before it answered')
            self._held += more
        out, _, self._held = self._held.partition(b'\n')
        return out.rstrip(b'\r')


def broken(e: OSError) -> ConnectionError:
    """An error of the socket as one of this package."""
    import socket

    if isinstance(e, socket.timeout):
        return BrokenOff('the supervisor did not answer in time')
    return ConnectionError('lost the connection to the supervisor: %s' % e)


class Response:
    """An answer whose body is still to be read. Close it, or use it as a context manager."""

    def __init__(self, conn: socket.socket, stream: Stream, method: str):
        self._conn = conn
        self._stream = stream
        self.code, self.reason, self.headers = read_head(stream)
        self._left = 0
        self._chunked = False
        length = self.headers.get('Content-Length')
        if method == 'HEAD' or self.code in (204, 304) or self.code < 200:
            return
        if (self.headers.get('Transfer-Encoding') or '').lower() == 'chunked':
            self._chunked = True
            self._left = self._next_chunk()
        elif length is None:
            self._left = -1  # until the other side ends
        elif length.isdigit():
            self._left = int(length)
        else:
            raise ProtocolError('the supervisor answered with the content length %r' % length)

    def read(self, most: int | None = None) -> bytes:
        """The rest of the body, or up to most bytes of it; nothing at its end."""
        if most is None:
            return b''.join(iter(lambda: self.read(_READ), b''))
        if self._left == 0:
            return b''
        if self._left < 0:
            return self._stream.some(most)
        out = self._stream.some(min(most, self._left))
        if not out:
            raise ConnectionError('the supervisor ended the connection in the middle of its answer')
        self._left -= len(out)
        if self._chunked and not self._left:
            self._stream.line()
            self._left = self._next_chunk()
        return out

    def _next_chunk(self) -> int:
        size = self._stream.line().partition(b';')[0]
        try:
            n = int(size, 16)
        except ValueError:
            raise ProtocolError('the supervisor answered with a chunk of size %r' % size) from None
        while not n and self._stream.line():
            pass  # trailers
        return n

    def close(self) -> None:
        """Ends the connection."""
        self._conn.close()

    def __enter__(self) -> Response:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def close(response: Any) -> None:
    """Ends the connection of an answer, whichever class that is of."""
    end = getattr(response, 'close', None)
    if end is not None:
        end()


def read_head(stream: Stream) -> tuple[int, str, Headers]:
    """The status, its words and the headers of an answer."""
    first = stream.line().decode('latin-1').split(' ', 2)
    if len(first) < 2 or not first[0].startswith('HTTP/1.') or not first[1].isdigit():
        raise ProtocolError('the supervisor answered with %r, which is no HTTP/1.1' % ' '.join(first))
    pairs = []
    while True:
        line = stream.line()
        if not line:
            break
        name, colon, value = line.decode('utf-8', 'surrogateescape').partition(':')
        if not colon or len(pairs) >= _MAX_HEADERS:
            raise ProtocolError('the supervisor answered with the header %r' % line)
        pairs.append((name, value.strip()))
    return int(first[1]), first[2] if len(first) > 2 else '', Headers(pairs)


def request(
    path: str, timeout: float | None, method: str, target: str, headers: dict[str, str], body: Any
) -> Response:
    """Sends a request to the socket at path and reads the head of the answer.

    The body is None, bytes, or an iterable of bytes that is sent as it comes.
    """
    lines = ['%s %s HTTP/1.1' % (method, target), 'Host: localhost', 'Connection: close']
    lines += ['%s: %s' % item for item in headers.items()]
    pieces: Iterator[bytes] = iter(())
    if isinstance(body, bytes):
        lines.append('Content-Length: %d' % len(body))
        pieces = iter((body,))
    elif body is not None:
        lines.append('Transfer-Encoding: chunked')
        pieces = _chunks(body)
    head = ('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1')
    conn = connect(path, timeout)
    try:
        lost = _send(conn, head, pieces)
        try:
            return Response(conn, Stream(conn), method)
        except ConnectionError:
            if lost is not None:
                raise broken(lost) from lost
            raise
    except BaseException:
        conn.close()
        raise


def _send(conn: socket.socket, head: bytes, pieces: Iterator[bytes]) -> OSError | None:
    """Sends all there is. A server that refuses early may stop reading: that error counts only if there is no answer."""
    held = head
    for piece in pieces:
        if len(held) + len(piece) < _READ:
            held += piece
            continue
        try:
            conn.sendall(held)
            conn.sendall(piece)
        except OSError as e:
            return e
        held = b''
    try:
        conn.sendall(held)
    except OSError as e:
        return e
    return None


def _chunks(body: Iterable[bytes]) -> Iterator[bytes]:
    for piece in body:
        if piece:
            yield b'%x\r\n%s\r\n' % (len(piece), piece)
    yield b'0\r\n\r\n'


def quoted(text: str) -> str:
    """Text as part of a query."""
    import re

    return re.sub(rb'[^A-Za-z0-9_.~/-]', lambda m: b'%%%02X' % m.group()[0], text.encode('utf-8', 'surrogateescape')).decode()


def query_text(query: dict[str, Any] | None) -> str:
    """A query as part of a target; a list gives its key once for each item."""
    pairs = []
    for key, value in (query or {}).items():
        for item in value if isinstance(value, (list, tuple)) else (value,):
            pairs.append('%s=%s' % (quoted(key), quoted(str(item))))
    return '?' + '&'.join(pairs) if pairs else ''


def content_type(headers: Any) -> tuple[str, dict[str, str]]:
    """The type of a body in lower case, and its parameters."""
    return parameters(headers.get('Content-Type') or '')


def parameters(header: str) -> tuple[str, dict[str, str]]:
    """A header like `form-data; name="x"`, apart. Parameters may be quoted, or in the extended form of RFC 2231."""
    import re

    value, _, rest = header.partition(';')
    found = {}
    for name, quote, plain in re.findall(r';?\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))', rest):
        text = re.sub(r'\\(.)', r'\1', quote) if quote else plain.strip()
        if name.endswith('*'):
            charset, _, encoded = text.partition("'")
            raw = encoded.partition("'")[2].encode('latin-1', 'replace')
            raw = re.sub(rb'%([0-9A-Fa-f]{2})', lambda m: bytes((int(m.group(1), 16),)), raw)
            name, text = name[:-1], raw.decode(charset or 'utf-8', 'replace')
        found[name.lower()] = text
    return value.strip().lower(), found
