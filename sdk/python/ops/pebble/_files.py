"""The part of the client that moves files and runs commands."""

from __future__ import annotations

import io
import json

from . import _http
from ._errors import ChangeError, ConnectionError, PathError, ProtocolError
from ._times import format_duration
from ._values import ChangeID, FileInfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from typing import IO, Any, BinaryIO, TextIO, TypedDict, Union, overload

    from typing_extensions import Unpack

    from ._exec import ExecProcess
    from ._values import Change

    _Path = Union[str, 'os.PathLike[str]']

    class _How(TypedDict, total=False):
        """How a command is run, whatever it reads and writes."""

        service_context: str | None
        environment: dict[str, str] | None
        working_dir: _Path | None
        timeout: float | None
        user_id: int | None
        user: str | None
        group_id: int | None
        group: str | None
        combine_stderr: bool
        terminal: bool
        interactive: bool
        width: int | None
        height: int | None


def _owner(
    permissions: int | None, user_id: int | None, user: str | None, group_id: int | None, group: str | None
) -> dict[str, Any]:
    given = {'user-id': user_id, 'user': user, 'group-id': group_id, 'group': group}
    out: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if permissions is not None:
        out['permissions'] = '%03o' % permissions
    return out


def _check_item(answer: dict[str, Any], path: str) -> None:
    for item in answer.get('result') or ():
        if item['path'] == path:
            error = item.get('error')
            if error:
                raise PathError(error['kind'], error['message'])
            return
    raise ProtocolError('path not found in response metadata: the supervisor says nothing of %r' % path)


def _as_stream(source: Any) -> IO[Any]:
    if isinstance(source, str):
        return io.StringIO(source, newline='')
    if isinstance(source, (bytes, bytearray, memoryview)):
        return io.BytesIO(source)
    return source  # type: ignore[no-any-return]


class Files:
    """Files and commands of a workload; `Client` is made of it."""

    socket_path: str
    timeout: float

    if TYPE_CHECKING:

        def _request(self, method: str, path: str, query: Any = None, body: Any = None) -> Any: ...

        def _request_raw(
            self, method: str, path: str, query: Any = None, headers: Any = None, data: Any = None
        ) -> Any: ...

        def _json(self, response: Any) -> Any: ...

        def wait_change(self, change_id: ChangeID, timeout: float | None = 30.0, delay: float = 0.1) -> Change: ...

        @overload
        def pull(self, path: _Path, *, encoding: None) -> BinaryIO: ...

        @overload
        def pull(self, path: _Path, *, encoding: str = 'utf-8') -> TextIO: ...

    def pull(self, path: _Path, *, encoding: str | None = 'utf-8') -> Any:
        """A file of the workload, open for reading: as text, or as bytes with an encoding of None. Close it.

        Line ends are left alone. Raises PathError if the file cannot be read.
        """
        from . import _multipart

        path = str(path)
        query = {'action': 'read', 'path': path}
        response = self._request_raw('GET', '/v1/files', query, {'Accept': 'multipart/form-data'})
        try:
            kind, parameters = _http.content_type(response.headers)
            if kind != 'multipart/form-data':
                raise ProtocolError("expected Content-Type 'multipart/form-data', got %r" % kind)
            boundary = parameters.get('boundary', '')
            if not boundary:
                raise ProtocolError('invalid boundary %r' % boundary)
            files, told = _multipart.decode(boundary, response.read)
        finally:
            _http.close(response)
        file = _only_file(files, told, path)
        return file if encoding is None else io.TextIOWrapper(file, encoding=encoding, newline='')

    def push(
        self,
        path: _Path,
        source: str | bytes | BinaryIO | TextIO,
        *,
        encoding: str = 'utf-8',
        make_dirs: bool = False,
        permissions: int | None = None,
        user_id: int | None = None,
        user: str | None = None,
        group_id: int | None = None,
        group: str | None = None,
    ) -> None:
        """Writes a file of the workload from text, bytes or an open file, which is read as it is sent.

        The permissions are 0o644 unless given. The owner may be given as id, as name or both; without a group it is
        the owner's; a group without an owner is refused. With make_dirs missing parents are made. The file is replaced
        at once when all of it has arrived. Raises PathError if it cannot be written.
        """
        from . import _multipart

        path = str(path)
        info = dict(_owner(permissions, user_id, user, group_id, group), path=path)
        if make_dirs:
            info['make-dirs'] = True
        metadata = json.dumps({'action': 'write', 'files': [info]}).encode()
        kind, body = _multipart.encode(metadata, path, _as_stream(source), encoding)
        headers = {'Accept': 'application/json', 'Content-Type': kind}
        _check_item(self._json(self._request_raw('POST', '/v1/files', None, headers, body)), path)

    def list_files(self, path: _Path, *, pattern: str | None = None, itself: bool = False) -> list[FileInfo]:
        """The entries of a directory, sorted by name, or the one entry of a file; with itself, of the directory.

        A pattern like "*.txt" chooses among them. Raises APIError if the path is not there.
        """
        query = {'action': 'list', 'path': str(path)}
        if pattern:
            query['pattern'] = pattern
        if itself:
            query['itself'] = 'true'
        return [FileInfo.from_dict(d) for d in self._request('GET', '/v1/files', query)['result'] or ()]

    def make_dir(
        self,
        path: _Path,
        *,
        make_parents: bool = False,
        permissions: int | None = None,
        user_id: int | None = None,
        user: str | None = None,
        group_id: int | None = None,
        group: str | None = None,
    ) -> None:
        """Makes a directory, with permissions 0o755 unless given; the owner is as of `push`.

        That it is there already is an error, unless make_parents is set. Raises PathError if it cannot be made.
        """
        info = dict(_owner(permissions, user_id, user, group_id, group), path=str(path))
        if make_parents:
            info['make-parents'] = True
        _check_item(self._request('POST', '/v1/files', None, {'action': 'make-dirs', 'dirs': [info]}), str(path))

    def remove_path(self, path: _Path, *, recursive: bool = False) -> None:
        """Removes a file or an empty directory; with recursive whatever it is, and that it is not there is no error.

        Raises PathError if it cannot be removed.
        """
        info: dict[str, Any] = {'path': str(path)}
        if recursive:
            info['recursive'] = True
        _check_item(self._request('POST', '/v1/files', None, {'action': 'remove', 'paths': [info]}), str(path))

    if TYPE_CHECKING:

        @overload
        def exec(
            self,
            command: list[str],
            *,
            stdin: str | TextIO | None = None,
            stdout: TextIO | None = None,
            stderr: TextIO | None = None,
            encoding: str = 'utf-8',
            **how: Unpack[_How],
        ) -> ExecProcess[str]: ...

        @overload
        def exec(
            self,
            command: list[str],
            *,
            stdin: bytes | BinaryIO | None = None,
            stdout: BinaryIO | None = None,
            stderr: BinaryIO | None = None,
            encoding: None,
            **how: Unpack[_How],
        ) -> ExecProcess[bytes]: ...

    def exec(
        self,
        command: list[str],
        *,
        service_context: str | None = None,
        environment: dict[str, str] | None = None,
        working_dir: _Path | None = None,
        timeout: float | None = None,
        user_id: int | None = None,
        user: str | None = None,
        group_id: int | None = None,
        group: str | None = None,
        stdin: str | bytes | TextIO | BinaryIO | None = None,
        stdout: TextIO | BinaryIO | None = None,
        stderr: TextIO | BinaryIO | None = None,
        encoding: str | None = 'utf-8',
        combine_stderr: bool = False,
        terminal: bool = False,
        interactive: bool = False,
        width: int | None = None,
        height: int | None = None,
    ) -> ExecProcess[Any]:
        """Starts a command in the workload. Call `wait` or `wait_output` on what it returns.

        It runs with the environment, user and directory of the service service_context, if that is given; what else is
        given overrides those. After timeout seconds it is killed.

        Input and output are text, or bytes with an encoding of None. The input may be given as a whole or as an open
        file, the outputs as open files; what is not given is a stream of the process returned. With combine_stderr
        the error output is part of the output.

        With terminal the command writes to a terminal of width and height characters, with interactive it reads from
        it too.
        """
        _check_command(command, combine_stderr and stderr is not None)
        body: dict[str, Any] = {
            'command': command,
            'service-context': service_context,
            'environment': environment or {},
            'working-dir': None if working_dir is None else str(working_dir),
            'timeout': None if timeout is None else format_duration(timeout),
            'user-id': user_id,
            'user': user,
            'group-id': group_id,
            'group': group,
            'split-stderr': not combine_stderr,
        }
        asked = {'terminal': terminal, 'interactive': interactive, 'width': width, 'height': height}
        body.update((key, value) for key, value in asked.items() if value)
        return self._started(body, command, encoding, timeout, (_input(stdin, encoding), stdout, stderr))

    def _started(self, body: Any, command: list[str], encoding: Any, timeout: Any, files: Any) -> ExecProcess[Any]:
        from ._exec import ExecProcess

        answer = self._request('POST', '/v1/exec', body=body)
        change_id = ChangeID(answer['change'])
        sockets: dict[str, Any] = {}
        try:
            for name in ('control', 'stdio', 'stderr') if body['split-stderr'] else ('control', 'stdio'):
                sockets[name] = self._connect_websocket(answer['result']['task-id'], name)
        except ConnectionError as e:
            for ws in sockets.values():
                ws.shutdown()
            # Most likely the command could not be started; the change says why.
            change = self.wait_change(change_id)
            if change.err:
                raise ChangeError(change.err, change) from e
            raise ConnectionError('unexpected error connecting to websockets: %s' % e) from e
        return ExecProcess(self, command, change_id, sockets, encoding, timeout, files)  # type: ignore[arg-type]

    def _connect_websocket(self, task_id: str, websocket_id: str) -> Any:
        """A websocket of a task. The supervisor must answer in time, but may then be silent for as long as it likes."""
        from ._websocket import WebSocket

        conn = _http.connect(self.socket_path, self.timeout)
        try:
            ws = WebSocket(conn, '/v1/tasks/%s/websocket/%s' % (task_id, websocket_id))
        except BaseException:
            conn.close()
            raise
        conn.settimeout(None)
        return ws


def _check_command(command: Any, two_errors: bool) -> None:
    if not isinstance(command, list) or not all(isinstance(word, str) for word in command):
        raise TypeError('command must be a list of str, not %s' % type(command).__name__)
    if not command:
        raise ValueError('command must contain at least one item')
    if two_errors:
        raise ValueError('stderr must be None if combine_stderr is True')


def _only_file(files: dict[str, Any], told: bytes | None, path: str) -> Any:
    """The one file that was asked for; the others, if there are any, are closed."""
    file = files.pop(path, None)
    try:
        if told is None:
            raise ProtocolError('no "response" field in multipart body')
        _check_item(json.loads(told), path)
        if file is None and not files:
            raise ProtocolError('no file content in multipart response')
        if file is None:
            raise ProtocolError('path not expected: %r' % sorted(files)[0])
        if files:
            raise ProtocolError('single file request resulted in a multi-file response')
    except BaseException:
        if file is not None:
            file.close()
        raise
    finally:
        for other in files.values():
            other.close()
    return file


def _input(stdin: Any, encoding: str | None) -> Any:
    """What to read the input of a command from; None if the caller will write it."""
    if isinstance(stdin, str):
        if encoding is None:
            raise ValueError('encoding must be set if stdin is str')
        return io.BytesIO(stdin.encode(encoding))
    if isinstance(stdin, bytes):
        if encoding is not None:
            raise ValueError('encoding must be None if stdin is bytes')
        return io.BytesIO(stdin)
    if stdin is not None and not hasattr(stdin, 'read'):
        raise TypeError('stdin must be str, bytes, or a readable file-like object')
    return stdin
