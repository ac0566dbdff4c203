"""Stands in for the framework: it loads what that loads, and starts nothing."""

import collections
import dataclasses
import functools
import json
import logging
import os
import re
import shutil
import sqlite3
import ssl
import subprocess
import tempfile
import typing
import warnings

from . import version

log = logging.getLogger(__name__)


@dataclasses.dataclass
class Event:
    """What a class of the framework is to the charm."""

    name: str
    where: typing.Optional[str] = None


@functools.lru_cache(maxsize=None)
def once(name):
    """Remember the first event of this process; a second process must not see it."""
    return Event(name, os.getcwd())
