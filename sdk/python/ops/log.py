"""A charm's log records go to its model."""

from __future__ import annotations

import logging
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .model import _ModelBackend


class JujuLogHandler(logging.Handler):
    """Sends log records to the model, with juju-log."""

    def __init__(self, model_backend: _ModelBackend, level: int = logging.DEBUG):
        super().__init__(level)
        self.model_backend = model_backend

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record. Called by `logging`."""
        self.model_backend.juju_log(record.levelname, self.format(record))


def setup_root_logging(model_backend: _ModelBackend, debug: bool = False, exc_stderr: bool = False) -> None:
    """Send every log record, every warning and an exception that nobody caught to the model.

    The root logger's level becomes DEBUG; the model filters. A charm may raise it after `import ops`.

    Args:
        model_backend: what sends them.
        debug: also write them to standard error.
        exc_stderr: also name an exception on standard error, for the user who runs an action.
    """
    root = logging.getLogger()
    root.setLevel(logging.DEBUG)
    root.addHandler(JujuLogHandler(model_backend))
    if debug:
        beside = logging.StreamHandler()
        beside.setFormatter(logging.Formatter('%(asctime)s %(levelname)-8s %(message)s'))
        root.addHandler(beside)

    def show_warning(message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None):
        root.warning('%s:%s: %s: %s', filename, lineno, category.__name__, message)

    def uncaught(kind: type[BaseException], value: BaseException, trace: Any) -> None:
        root.error('The charm did not catch this:', exc_info=(kind, value, trace))
        if exc_stderr:
            print("The model's debug log has the whole traceback.", file=sys.stderr)
        if exc_stderr or 'BANGLE_TOOL_SOCKET' in os.environ:  # whoever runs the hook shows the last line
            print(_in_a_line(kind, value, trace), file=sys.stderr)
        security_event('WARN', 'sys_crash', kind.__name__, f'the charm did not catch {value!r}')

    import warnings

    warnings.showwarning = show_warning
    sys.excepthook = uncaught


def _in_a_line(kind: type[BaseException], value: BaseException, trace: Any) -> str:
    """An exception with the last line of the charm's own code that led to it."""
    text = ' '.join([f'{kind.__name__}:', *str(value).split()]).rstrip(':')
    place, ours = '', os.environ.get('JUJU_CHARM_DIR', '') + '/'
    while trace is not None:
        file = os.path.abspath(trace.tb_frame.f_code.co_filename)
        if file.startswith(ours) and not file.startswith((ours + 'venv/', ours + 'lib/')):
            place = f' ({file[len(ours):]}:{trace.tb_lineno})'
        trace = trace.tb_next
    return text + place


def security_event(level: str, kind: str, detail: str, description: str) -> None:
    """Log something that matters to security, as the logging vocabulary of OWASP names it: JSON, at TRACE.

    Args:
        level: `INFO`, `WARN` or `CRITICAL`.
        kind: `authz_fail`, `sys_restart`, `sys_crash` or `sys_monitor_disabled`.
        detail: whom or what it concerns.
        description: a sentence for people.
    """
    import datetime
    import json

    handler = next((h for h in logging.getLogger().handlers if isinstance(h, JujuLogHandler)), None)
    context = handler.model_backend._juju_context if handler else None
    entry = {
        'datetime': datetime.datetime.now(datetime.timezone.utc).isoformat(),
        'level': level,
        'type': 'security',
        'appid': f'{context.model_uuid}-{context.unit_name}' if context else 'charm',
        'event': f'{kind}:{detail}',
        'description': description,
    }
    if handler:
        handler.model_backend.juju_log('TRACE', json.dumps(entry))
    else:
        import warnings

        warnings.warn('there is no JujuLogHandler: a security event is only logged here', RuntimeWarning, stacklevel=2)
        logging.getLogger().debug('%s', json.dumps(entry))
