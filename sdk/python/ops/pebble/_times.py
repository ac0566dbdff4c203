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
    micro = 0.0
    for piece in _PIECE.finditer(bare):
        if piece.start() != at:
            break
        number = piece.group(1)
        micro += (float(number) if '.' in number else int(number)) * _UNITS[piece.group(2)]
        at = piece.end()
    if at != len(bare) or not bare:
        raise ValueError('cannot read duration %r: want one like 1h2m0.5s' % (text,))
    return datetime.timedelta(microseconds=-micro if text[0] == '-' else micro)


def format_duration(seconds: float) -> str:
    """Seconds as the API takes them, to the millisecond."""
    return '%.3fs' % seconds
