"""Writing YAML: block style, sorted keys. `ops._yaml.dump` is the way in."""

from __future__ import annotations

import re

from ._yaml_flow import _MARK
from ._yaml_scalars import YAMLError, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SAFE = re.compile(r'[A-Za-z0-9_./(+$;^=~\\<-](?:[A-Za-z0-9_./()+$;^=~\\<>*&!|\'"%@`?,\[\]{}-]| (?![#\s])|:(?=[^\s])|#)*\Z')
_CONTROL = re.compile('[^\\x20-\\x7e\\xa0-\\u2027\\u202a-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]')


def dump(value: Any, tags: bool = False) -> str:
    """Return a value as YAML in block style with sorted keys.

    Args:
        value: None, bool, int, float, str, date, datetime, and dicts and lists of them.
        tags: also write tuples, sets and bytes, each under its tag.

    Raises:
        YAMLError: for a value of any other type.
    """
    lines: list[str] = []
    _write(lines, value, '', '', tags)
    return '\n'.join(lines) + '\n'


def _sorted(keys: Any) -> list[Any]:
    keys = list(keys)
    try:
        return sorted(keys)
    except TypeError:
        return keys


def _write(lines: list[str], value: Any, lead: str, indent: str, tags: bool) -> None:
    """Append a node; `lead` is what stands before it on its first line, without the space between."""
    if isinstance(value, dict) and value:
        if lead and not lead.endswith('-'):
            lines.append(lead)
            lead = ''
        for key in _sorted(value):
            start = lead + ' ' if lead else indent
            _write(lines, value[key], start + _flow(key, tags) + ':', indent + '  ', tags)
            lead = ''
    elif isinstance(value, list) and value:
        if lead and not lead.endswith('-'):
            lines.append(lead)
            lead, indent = '', indent[2:]
        for item in value:
            _write(lines, item, (lead + ' ' if lead else indent) + '-', indent + '  ', tags)
            lead = ''
    else:
        lines.append((lead + ' ' if lead else indent) + _flow(value, tags))


def _flow(value: Any, tags: bool) -> str:
    """A node on one line."""
    if value is None or isinstance(value, bool):
        return {None: 'null', True: 'true', False: 'false'}[value]
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, dict):
        return '{%s}' % ', '.join('%s: %s' % (_key(k, tags), _flow(value[k], tags)) for k in _sorted(value))
    if isinstance(value, list):
        return '[%s]' % ', '.join(_flow(item, tags) for item in value)
    if hasattr(value, 'isoformat'):
        return value.isoformat(' ') if hasattr(value, 'hour') else value.isoformat()
    if tags and isinstance(value, tuple):
        return '!!python/tuple ' + _flow(list(value), tags)
    if tags and isinstance(value, (set, frozenset)):
        return '!!set {%s}' % ', '.join('%s: null' % _key(item, tags) for item in _sorted(value))
    if tags and isinstance(value, (bytes, bytearray)):
        import base64

        return '!!binary "%s"' % base64.b64encode(bytes(value)).decode()
    raise YAMLError('a %s cannot be written' % type(value).__name__)


def _key(value: Any, tags: bool) -> str:
    return ('? ' if isinstance(value, (tuple, frozenset)) else '') + _flow(value, tags)


def _float(value: float) -> str:
    if value != value:
        return '.nan'
    if value in (float('inf'), float('-inf')):
        return '.inf' if value > 0 else '-.inf'
    text = repr(value).lower()
    return text.replace('e', '.0e', 1) if '.' not in text and 'e' in text else text


def _text(value: str) -> str:
    if _SAFE.match(value) and isinstance(resolve(value), str) and not _MARK.match(value):
        if not (value[-1] in ' :' or value.startswith(('- ', '<<', '=')) or value == '-'):
            if not re.search(r'[\[\]{},]|: | #', value):
                return value
    if _CONTROL.search(value):
        return '"%s"' % re.sub(r'["\\\\]|' + _CONTROL.pattern, _escaped, value)
    return "'%s'" % value.replace("'", "''")


def _escaped(found: Any) -> str:
    sign = found.group()
    short = {'"': '\\"', '\\': '\\\\', '\n': '\\n', '\t': '\\t', '\r': '\\r', '\0': '\\0'}.get(sign)
    return short or '\\u%04x' % ord(sign)
