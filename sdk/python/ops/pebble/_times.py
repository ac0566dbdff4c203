"""Times and durations as the API writes them: RFC 3339, and Go's durations."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime

_PIECE = re.compile(r'(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)')
# Microseconds a unit; the micro sign has two code points.
_UNITS = {'ns': 0.001, 'us': 1, '\u00b5s': 1, '\u03bcs': 1, 'ms': 1000, 's': 1000000, 'm': 60000000, 'h': 3600000000}


def parse_time(text: str) -> datetime.datetime:
    """The time of an RFC 3339 text, to the microsecond; a ValueError says which text was none."""
    from .. import _time

    return _time.parse(text)


def parse_duration(text: str) -> datetime.timedelta:
    """The length of a duration like "1h2m0.5s"; a ValueError says which text was none."""
    import datetime

    bare = text[1:] if text[:1] in ('+', '-') else text
    if bare == '0':
        return datetime.timedelta()
    at = 0
    total = datetime.timedelta()
    for piece in _PIECE.finditer(bare):
        if piece.start() != at:
            break
        number, unit = piece.group(1), _UNITS[piece.group(2)]
        # One part after the other: a float could not hold years and microseconds at once.
        whole, _, fraction = number.partition('.')
        total += datetime.timedelta(microseconds=int(whole or 0) * unit)
        total += datetime.timedelta(microseconds=float('0.' + (fraction or '0')) * unit)
        at = piece.end()
    if at != len(bare) or not bare:
        raise ValueError('cannot read duration %r: want one like 1h2m0.5s' % (text,))
    return -total if text[0] == '-' else total


def format_duration(seconds: float) -> str:
    """Seconds as the API takes them, to the millisecond."""
    return '%.3fs' % seconds
