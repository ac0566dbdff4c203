"""Files in requests and answers: multipart/form-data, written and read as a stream."""

from __future__ import annotations

import io

from ._errors import ProtocolError
from ._http import parameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any, Callable, Iterator

_CHUNK = 65536
_IN_MEMORY = 1 << 20  # larger files are put into a temporary one
_MAX_HEAD = 65536
_MAX_JSON = 8 << 20


def encode(metadata: bytes, path: str, source: IO[Any], encoding: str) -> tuple[str, Iterator[bytes]]:
    """The content type and the body of a request that writes one file: a JSON part, then the content of source."""
    import os

    boundary = os.urandom(16).hex()
    return 'multipart/form-data; boundary="%s"' % boundary, _body(boundary.encode(), metadata, path, source, encoding)


def _body(boundary: bytes, metadata: bytes, path: str, source: IO[Any], encoding: str) -> Iterator[bytes]:
    name = path.replace("\\", "\\\\").replace('"', '\\"').encode('utf-8', 'surrogateescape')
    yield (
        b'--%b\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name="request"\r\n\r\n%b\r\n'
        b'--%b\r\nContent-Type: application/octet-stream\r\n'
        b'Content-Disposition: form-data; name="files"; filename="%b"\r\n\r\n'
    ) % (boundary, metadata, boundary, name)
    while True:
        content = source.read(_CHUNK)
        if not content:
            break
        yield content.encode(encoding) if isinstance(content, str) else content
    yield b'\r\n--%b--\r\n' % boundary


class Parts:
    """The parts of a body, one after the other. What read gives may be cut anywhere."""

    def __init__(self, boundary: str, read: Callable[[int], bytes]):
        # The first boundary need not follow a line end, but is looked for as if it did.
        self._delimiter = b'\r\n--' + boundary.encode('latin-1')
        self._read = read
        self._held = b'\r\n'
        self._ended = False
        for _ in self._until_delimiter():
            pass

    def _more(self) -> bool:
        data = self._read(_CHUNK)
        self._held += data
        return bool(data)

    def _until_delimiter(self) -> Iterator[bytes]:
        """What comes before the next delimiter, which is then taken with the rest of its line."""
        keep = len(self._delimiter) - 1
        while True:
            at = self._held.find(self._delimiter)
            if at >= 0:
                yield self._held[:at]
                self._held = self._held[at + len(self._delimiter) :]
                self._end_of_delimiter()
                return
            if len(self._held) > keep:
                yield self._held[:-keep]
                self._held = self._held[-keep:]
            if not self._more():
                raise ProtocolError('the files that the supervisor answered with end too early')

    def _end_of_delimiter(self) -> None:
        while b'\n' not in self._held:
            if self._held.startswith(b'--') or len(self._held) > _MAX_HEAD or not self._more():
                break
        line, _, rest = self._held.partition(b'\n')
        self._ended = line.startswith(b'--')
        if not self._ended and line.strip():
            raise ProtocolError('the supervisor answered with a file that holds its own boundary')
        self._held = rest

    def head(self) -> dict[str, str] | None:
        """The parameters of the next part's disposition; None if there is no further part."""
        if self._ended:
            return None
        while b'\r\n\r\n' not in self._held and not self._held.startswith(b'\r\n'):
            if len(self._held) > _MAX_HEAD or not self._more():
                raise ProtocolError('the supervisor answered with a part whose header does not end')
        head, _, self._held = self._held.partition(b'\r\n\r\n')
        for line in head.decode('utf-8', 'surrogateescape').split('\r\n'):
            name, _, value = line.partition(':')
            if name.strip().lower() == 'content-disposition':
                kind, found = parameters(value)
                if kind != 'form-data':
                    raise ProtocolError('the supervisor answered with a part of disposition %r' % kind)
                return found
        raise ProtocolError('the supervisor answered with a part that does not say what it is')

    def content(self) -> Iterator[bytes]:
        """The content of the part whose head was read last."""
        return self._until_delimiter()


class _Spool:
    """Grows in memory, and past a limit in a temporary file that has no name."""

    def __init__(self) -> None:
        self.file: Any = io.BytesIO()
        self._size = 0
        self._on_disk = False

    def write(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > _IN_MEMORY and not self._on_disk:
            import tempfile

            held, self.file = self.file, tempfile.TemporaryFile()
            self.file.write(held.getvalue())
            self._on_disk = True
        self.file.write(data)


def decode(boundary: str, read: Callable[[int], bytes]) -> tuple[dict[str, Any], bytes | None]:
    """The files of an answer by path, rewound, and the text of its part `response`; None if there is none."""
    files: dict[str, Any] = {}
    response = None
    parts = Parts(boundary, read)
    try:
        while True:
            head = parts.head()
            if head is None:
                return files, response
            name = head.get('name')
            if name == 'response':
                response = _limited(parts.content())
                continue
            if name != 'files' or 'filename' not in head:
                raise ProtocolError('the supervisor answered with a part %r, which is neither file nor response' % head)
            spool = _Spool()
            files[head['filename']] = spool.file
            for piece in parts.content():
                spool.write(piece)
                files[head['filename']] = spool.file
            spool.file.seek(0)
    except BaseException:
        for file in files.values():
            file.close()
        raise


def _limited(pieces: Iterator[bytes]) -> bytes:
    out = b''
    for piece in pieces:
        out += piece
        if len(out) > _MAX_JSON:
            raise ProtocolError('the supervisor answered with a response of more than %d bytes' % _MAX_JSON)
    return out
