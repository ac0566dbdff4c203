"""A client of a container's supervisor."""

import binascii
import copy
import dataclasses
import email.message
import email.parser
import enum
import http.client
import io
import json
import select
import socket
import ssl
import tempfile
import threading
import time
import typing
import urllib.error
import urllib.parse
import urllib.request

from . import checks, errors, layers, notices


class Unix(http.client.HTTPConnection):
    """A connection over a socket in the file system."""

    def __init__(self, path, timeout=5.0):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Handler(urllib.request.AbstractHTTPHandler):
    """Opens such connections."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def http_open(self, req):
        """Open one."""
        return self.do_open(lambda _host, timeout: Unix(self.path, timeout), req)


class ChangeError(errors.FrameError):
    """A change that failed."""


class FileType(enum.Enum):
    """Kinds of files."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    SOCKET = "socket"


@dataclasses.dataclass
class FileInfo:
    """What is known of a file."""

    path: str
    name: str
    type: typing.Union[FileType, str]
    size: typing.Optional[int] = None
    permissions: int = 0o644
    user: typing.Optional[str] = None
    group: typing.Optional[str] = None


@dataclasses.dataclass
class Change:
    """Work that takes its time."""

    id: str
    kind: str = ""
    status: str = ""
    ready: bool = False
    error: typing.Optional[str] = None
    tasks: typing.List[dict] = dataclasses.field(default_factory=list)


class Client:
    """Speaks to one supervisor."""

    def __init__(self, path):
        self.opener = urllib.request.OpenerDirector()
        for handler in (Handler(path), urllib.request.HTTPDefaultErrorHandler(), urllib.request.HTTPErrorProcessor()):
            self.opener.add_handler(handler)
        self.lock, self.started = threading.Lock(), time.monotonic()

    def ask(self, method, path, query=None, body=None):
        """Ask, and give the result."""
        url = "http://localhost" + path + ("?" + urllib.parse.urlencode(query) if query else "")
        data = None if body is None else json.dumps(body).encode()
        try:
            with self.opener.open(urllib.request.Request(url, method=method, data=data)) as answer:
                return json.load(answer)["result"]
        except urllib.error.URLError as e:
            raise errors.FrameError(f"cannot reach the supervisor: {e.reason}") from e

    def wait(self, change):
        """Wait for a change."""
        done = Change(**copy.copy(self.ask("GET", f"/v1/changes/{change}/wait", {"timeout": "4s"})))
        if done.error:
            raise ChangeError(done.error)
        return done

    def services(self, names=()):
        """List services."""
        return [layers.Service(**s) for s in self.ask("GET", "/v1/services", {"names": ",".join(names)})]

    def checks(self):
        """List checks."""
        return [checks.Check(**c) for c in self.ask("GET", "/v1/checks")]

    def notices(self):
        """List notices."""
        return [notices.Notice(**n) for n in self.ask("GET", "/v1/notices")]


def parts(text: bytes, content_type: str) -> typing.Iterator[email.message.Message]:
    """Give the parts of an answer that has several."""
    parser = email.parser.BytesFeedParser()
    parser.feed(b"Content-Type: " + content_type.encode() + b"\r\n\r\n")
    parser.feed(text)
    return iter(parser.close().walk())


def boundary() -> bytes:
    """Give one that no part has."""
    return binascii.hexlify(ssl.RAND_bytes(16))


def spooled() -> io.IOBase:
    """Give a file for what may be long."""
    return tempfile.SpooledTemporaryFile(max_size=1 << 20)


def readable(sock, seconds):
    """Say whether there is something to be read."""
    return bool(select.select([sock], [], [], seconds)[0])
