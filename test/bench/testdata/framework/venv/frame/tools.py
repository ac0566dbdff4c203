"""The hook tools."""

import json
import shutil
import subprocess

from . import errors


def run(*argv, text=None, decode=True):
    """Call a tool; one that fails raises."""
    program = shutil.which(argv[0])
    if program is None:
        raise RuntimeError(f"command not found: {argv[0]}")
    try:
        done = subprocess.run([program, *argv[1:]], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", input=text)
    except subprocess.CalledProcessError as e:
        kind = errors.RelationNotFound if "relation not found" in e.stderr else errors.ModelError
        raise kind(e.stderr) from e
    return json.loads(done.stdout) if decode and done.stdout else None


def tell(*argv):
    """Call a tool that answers nothing."""
    run(*argv, decode=False)
