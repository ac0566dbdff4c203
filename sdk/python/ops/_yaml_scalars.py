"""What plain scalars of YAML 1.1 mean, what tags are called, and the error of all that reads YAML."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class YAMLError(ValueError):
    """The text is not YAML, or uses a part of it that is not read here."""

    __module__ = 'ops._yaml'

    def __init__(self, message: str, line: int = 0):
        self.line = line
        super().__init__('line %d: %s' % (line, message) if line else message)


def kind_of(tag: str | None) -> str | None:
    """The kind that a tag names, as `str`; None for no tag."""
    if tag is None or tag == '!':
        return None
    for prefix in ('!!', '!<tag:yaml.org,2002:'):
        if tag.startswith(prefix):
            return tag[len(prefix):].rstrip('>')
    return tag


_WORDS: dict[str, bool | None] = {'': None, '~': None, 'null': None, 'Null': None, 'NULL': None}
for _word in ('true', 'yes', 'on'):
    _WORDS.update({_word: True, _word.capitalize(): True, _word.upper(): True})
for _word in ('false', 'no', 'off'):
    _WORDS.update({_word: False, _word.capitalize(): False, _word.upper(): False})

_NUMBER = re.compile(
    r'(?P<sign>[-+]?)(?:'
    r'(?P<sixty>[1-9][0-9_]*(?::[0-5]?[0-9])+(?P<part>\.[0-9_]*)?)'
    r'|(?P<float>(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?)'
    r'|(?P<inf>\.(?:inf|Inf|INF))'
    r'|0b(?P<bin>[01_]+)|0x(?P<hex>[0-9a-fA-F_]+)|0(?P<oct>[0-7_]+)|(?P<int>0|[1-9][0-9_]*)'
    r')\Z'
)
_TIME = re.compile(
    r'(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.(\d*))?'
    r'(?:[ \t]*(Z|([-+])(\d\d?)(?::?(\d\d))?))?)?\Z'
)


def resolve(text: str) -> Any:
    """What a plain scalar means: None, a bool, a number, a date, or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in '0123456789.+-':
        return text
    found = _NUMBER.match(text)
    if found is not None:
        return _number(found)
    if text in ('.nan', '.NaN', '.NAN'):
        return float('nan')
    found = _TIME.match(text)
    return _time(found, text) if found is not None else text


def _number(found: Any) -> int | float | str:
    sign = -1 if found.group('sign') == '-' else 1
    if found.group('sixty'):
        value = 0.0 if found.group('part') is not None else 0
        for digits in found.group('sixty').replace('_', '').split(':'):
            value = value * 60 + (float(digits) if '.' in digits else int(digits))
        return sign * value
    if found.group('float'):
        return sign * float(found.group('float').replace('_', ''))
    if found.group('inf'):
        return sign * float('inf')
    for name, base in (('bin', 2), ('hex', 16), ('oct', 8), ('int', 10)):
        digits = found.group(name)
        if digits is not None:
            digits = digits.replace('_', '')
            return sign * int(digits, base) if digits else found.group()
    return found.group()


def _time(found: Any, text: str) -> Any:
    import datetime

    year, month, day, hour, minute, second, fraction, zone, sign, zone_hour, zone_minute = found.groups()
    try:
        if hour is None:
            return datetime.date(int(year), int(month), int(day))
        micro = int((fraction or '0')[:6].ljust(6, '0'))
        tz = None
        if zone == 'Z':
            tz = datetime.timezone.utc
        elif zone:
            delta = datetime.timedelta(hours=int(zone_hour), minutes=int(zone_minute or 0))
            tz = datetime.timezone(-delta if sign == '-' else delta)
        return datetime.datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), micro, tz)
    except ValueError:
        return text
