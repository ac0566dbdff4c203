"""The client's half of RFC 6455 over a connected socket, without extensions."""

from __future__ import annotations

from ._errors import ConnectionError, ProtocolError
from ._http import Stream, read_head

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

_GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_MAX_MESSAGE = 16 << 20


class Refused(ConnectionError):
    """The supervisor did not take the websocket."""


class Closed(ConnectionError):
    """The websocket has ended."""


class WebSocket:
    """One websocket. Sending may be done by several threads, receiving by one."""

    def __init__(self, conn: socket.socket, target: str):
        import threading

        self.sock = conn
        self._stream = Stream(conn)
        self._lock = threading.Lock()
        self._open = True
        self._shake_hands(target)

    def _shake_hands(self, target: str) -> None:
        import base64
        import hashlib
        import os

        key = base64.b64encode(os.urandom(16))
        self.sock.sendall(
            b'GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
            b'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n' % (target.encode(), key)
        )
        code, reason, headers = read_head(self._stream)
        if code != 101:
            raise Refused('the supervisor refused %s: %d %s' % (target, code, reason))
        want = base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()
        if headers.get('Sec-WebSocket-Accept') != want:
            raise Refused('the supervisor answered %s with a wrong key' % target)

    def send(self, text: str) -> None:
        """Sends a text message."""
        self._frame(_TEXT, text.encode())

    def send_binary(self, data: bytes) -> None:
        """Sends a binary message."""
        self._frame(_BINARY, bytes(data))

    def _frame(self, opcode: int, data: bytes) -> None:
        import os
        import struct

        n = len(data)
        mask = os.urandom(4)
        if n < 126:
            head = struct.pack('!BB', 128 | opcode, 128 | n)
        elif n < 65536:
            head = struct.pack('!BBH', 128 | opcode, 128 | 126, n)
        else:
            head = struct.pack('!BBQ', 128 | opcode, 128 | 127, n)
        long_mask = (mask * (n // 4 + 1))[:n]
        masked = (int.from_bytes(data, 'big') ^ int.from_bytes(long_mask, 'big')).to_bytes(n, 'big')
        with self._lock:
            if not self._open:
                raise Closed('the websocket has been closed')
            try:
                self.sock.sendall(head + mask + masked)
            except OSError as e:
                raise Closed('cannot send to the websocket: %s' % e) from e

    def recv(self) -> str | bytes:
        """The next message, as str or bytes. Closed if there is none."""
        kind = 0
        message = b''
        while True:
            final, opcode, data = self._read_frame()
            if opcode == _PING:
                self._frame(_PONG, data)
                continue
            if opcode == _PONG:
                continue
            if opcode == _CLOSE:
                raise Closed('the supervisor closed the websocket')
            if opcode == _CONTINUATION if kind == 0 else opcode != _CONTINUATION:
                raise ProtocolError('the supervisor sent a websocket frame out of turn')
            kind = kind or opcode
            message += data
            if len(message) > _MAX_MESSAGE:
                raise ProtocolError('the supervisor sent a websocket message of more than %d bytes' % _MAX_MESSAGE)
            if final:
                return message.decode('utf-8', 'replace') if kind == _TEXT else message

    def _read_frame(self) -> tuple[bool, int, bytes]:
        try:
            first, second = self._stream.exactly(2)
            n = second & 127
            if n == 126:
                n = int.from_bytes(self._stream.exactly(2), 'big')
            elif n == 127:
                n = int.from_bytes(self._stream.exactly(8), 'big')
            if n > _MAX_MESSAGE or second & 128 or first & 112:
                raise ProtocolError('the supervisor sent a websocket frame that it must not send')
            return bool(first & 128), first & 15, self._stream.exactly(n)
        except ConnectionError as e:
            raise Closed(str(e)) from e

    def shutdown(self) -> None:
        """Ends the connection without a closing frame. A thread in the middle of `recv` gets a Closed."""
        import socket

        self._open = False
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other side was first
        self.sock.close()
