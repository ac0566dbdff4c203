#!/usr/bin/env python3
"""Looks at everything a charm can see and does what it is told; each line of report.jsonl is one thing that it saw."""

import atexit
import json
import os
import subprocess
import sys

import ops
from charms import book
import eye
import steps
from subprocess import run as early

MODULES = sorted(sys.modules)
HERE = os.getcwd()


class Kept:
    """A class of __main__."""

    def __init__(self, n):
        self.n = n


def source():
    """Be looked at by inspect."""
    return "source"


def main():
    """Report, do the steps, end as the last one says."""
    report("seen", eye.everything(globals()))
    script = json.loads(early(["config-get", "script"], stdout=subprocess.PIPE, check=True).stdout)
    steps.main = sys.modules[__name__]
    for do, n in script:
        if do.startswith("end_"):
            getattr(steps, do)(n)
            continue
        try:
            value = getattr(steps, do)(n)
        except Exception as e:
            value = steps.fault(e)
        report(do, value)


def report(what, value):
    """Leave a line that survives whatever happens next."""
    text = json.dumps([what, value], default=plain, sort_keys=True) + "\n"
    fd = os.open(os.path.join(HERE, "report.jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, text.encode())
    os.close(fd)


def plain(value):
    """Show bytes as text and all else as it shows itself."""
    return "b:" + value.decode("latin-1") if isinstance(value, bytes) else repr(value)


if __name__ == "__main__":
    main()
