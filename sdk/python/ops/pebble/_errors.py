"""What can go wrong, as exceptions. All of them are an `Error`."""

from __future__ import annotations

import builtins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, AnyStr, Generic

    from ._values import Change

    class _Of(Generic[AnyStr]):
        """What is generic over str and bytes."""

else:
    AnyStr = None

    class _Of:
        """What is generic over str and bytes: here it only lets itself be subscripted."""

        def __class_getitem__(cls, item):
            return cls


class Error(Exception):
    """Every other exception of this package is one of these."""

    def __repr__(self) -> str:
        return '<%s.%s %s>' % ('ops.pebble', type(self).__name__, self.args)


class TimeoutError(builtins.TimeoutError, Error):
    """Something took longer than it was given. It is a `TimeoutError` of Python's too."""


class ConnectionError(Error):
    """The supervisor could not be reached, or the connection broke."""


class BrokenOff(TimeoutError, ConnectionError):
    """The supervisor took the connection and did not answer in time."""


class ProtocolError(Error):
    """The supervisor answered with something that is not part of the protocol."""


class PathError(Error):
    """A file operation failed for one path."""

    kind: str
    """"not-found", "permission-denied" or "generic-file-error"."""
    message: str
    """What the supervisor said."""

    def __init__(self, kind: str, message: str):
        super().__init__(kind, message)
        self.kind = kind
        self.message = message

    def __str__(self) -> str:
        return '%s - %s' % (self.kind, self.message)

    def __repr__(self) -> str:
        return 'PathError(%r, %r)' % (self.kind, self.message)


class APIError(Error):
    """The supervisor refused a request."""

    body: dict[str, Any]
    """The answer, {} if it was no JSON."""
    code: int
    """The HTTP status, as 404."""
    status: str
    """The words of the status, as "Not Found"."""
    message: str
    """What the supervisor said."""

    def __init__(self, body: dict[str, Any], code: int, status: str, message: str):
        super().__init__(message)
        self.body = body
        self.code = code
        self.status = status
        self.message = message

    def __reduce__(self) -> Any:
        return type(self), (self.body, self.code, self.status, self.message)

    def __repr__(self) -> str:
        return 'APIError(%r, %r, %r, %r)' % (self.body, self.code, self.status, self.message)


class ChangeError(Error):
    """A change that was waited for ended in an error."""

    err: str
    """What the supervisor said."""
    change: Change
    """The change, whose tasks may have logs."""

    def __init__(self, err: str, change: Change):
        super().__init__(err, change)
        self.err = err
        self.change = change

    def __str__(self) -> str:
        logs = [(i, '\n'.join(task.log)) for i, task in enumerate(self.change.tasks) if task.log]
        if not logs:
            return self.err
        rule = '\n-----'
        return self.err + ''.join('%s Logs from task %d -----\n%s' % (rule, i, text) for i, text in logs) + rule

    def __repr__(self) -> str:
        return 'ChangeError(%r, %r)' % (self.err, self.change)


class ExecError(_Of[AnyStr], Error):
    """A command ended with an exit code other than zero."""

    STR_MAX_OUTPUT = 1024
    """How many characters of each output `str()` shows."""

    command: list[str]
    """The command and its arguments."""
    exit_code: int
    """The exit code; 128+N if signal N killed it."""
    stdout: AnyStr | None
    """The output, if `wait_output` was collecting it."""
    stderr: AnyStr | None
    """The error output, if `wait_output` was collecting it apart."""

    def __init__(self, command: list[str], exit_code: int, stdout: AnyStr | None, stderr: AnyStr | None):
        super().__init__(command, exit_code, stdout, stderr)
        self.command = command
        self.exit_code = exit_code
        self.stdout = stdout
        self.stderr = stderr

    def __str__(self) -> str:
        said = 'non-zero exit code %d executing %r' % (self.exit_code, self.command[0])
        for name in ('stdout', 'stderr'):
            output = getattr(self, name)
            if output is not None:
                cut = ' [truncated]' if len(output) > self.STR_MAX_OUTPUT else ''
                said += ', %s=%r%s' % (name, output[: self.STR_MAX_OUTPUT], cut)
        return said
