"""As much YAML as charms' files are made of: maps, lists and scalars in block form, and JSON."""

import collections
import json
import re
import typing

Token = typing.NamedTuple("Token", [("indent", int), ("key", typing.Optional[str]), ("value", str), ("item", bool), ("line", int)])

LINE = re.compile(r"^(?P<indent> *)(?P<item>- )?(?:(?P<key>[^\s#:'\"{\[][^:#]*|'[^']*'|\"[^\"]*\"):(?=\s|$))?\s*(?P<value>.*?)\s*$")
NUMBER = re.compile(r"^[-+]?(?:0|[1-9][0-9_]*)(?P<fraction>\.[0-9]*)?(?:[eE][-+]?[0-9]+)?$")
WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False, "null": None, "~": None, "": None}


def tokens(text):
    """Give the lines that say something."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            m = LINE.match(line)
            yield Token(len(m["indent"]), m["key"], m["value"], bool(m["item"]), number)


def scalar(text):
    """Give the value of a word."""
    if text[:1] in ("{", "[", '"'):
        return json.loads(text)
    if text[:1] == "'":
        return text[1:-1].replace("''", "'")
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    m = NUMBER.match(text)
    if m:
        return float(text) if m["fraction"] else int(text.replace("_", ""))
    return text


def load(text):
    """Read a document."""
    return block(collections.deque(tokens(text)), 0)


def block(queue, indent):
    """Read all lines at one depth."""
    found = None
    while queue and queue[0].indent >= indent:
        t = queue.popleft()
        below = queue and queue[0].indent > t.indent
        value = scalar(t.value) if t.value or not below else block(queue, queue[0].indent)
        if t.item:
            found = (found or []) + [value]
        elif t.key is None:
            return value
        else:
            found = found or {}
            found[t.key.strip("'\"")] = value
    return found


def dump(value):
    """Write a document, in the form that is JSON too."""
    return json.dumps(value, indent=1, sort_keys=True)
