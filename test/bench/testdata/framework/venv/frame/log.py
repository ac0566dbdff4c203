"""Everything that is logged goes to the controller, and so does what nobody caught."""

import logging
import sys
import traceback
import types
import typing
import warnings

from . import tools

LONGEST = 131071


class Handler(logging.Handler):
    """Calls juju-log for each record."""

    def emit(self, record):
        """Send a record in as many parts as it needs."""
        text = self.format(record)
        for i in range(0, max(len(text), 1), LONGEST):
            tools.tell("juju-log", "--log-level", record.levelname, "--", text[i:i + LONGEST])


def setup(debug: bool = False) -> None:
    """Send the root logger's records and uncaught exceptions to the controller."""
    root = logging.getLogger()
    root.setLevel(logging.DEBUG)
    handler = Handler()
    handler.setFormatter(logging.Formatter("{name}:{message}" if debug else "{message}", style="{"))
    root.addHandler(handler)
    warnings.showwarning = lambda message, category, filename, lineno, *_: root.warning("%s:%s: %s: %s", filename, lineno, category.__name__, message)

    def hook(kind: typing.Type[BaseException], value: BaseException, trace: types.TracebackType) -> None:
        root.error("uncaught exception while in charm code:", exc_info=(kind, value, trace))
        traceback.print_exception(kind, value, trace, file=sys.stderr)

    sys.excepthook = hook
