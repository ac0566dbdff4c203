"""Times as the tools and the supervisor write them."""

from __future__ import annotations

import datetime
import re

_FORM = re.compile(
    r'(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([-+])(\d\d):(\d\d))\Z'
)


def parse(text: str) -> datetime.datetime:
    """Read an RFC 3339 time. Digits beyond microseconds are rounded away, but never up to another second.

    Raises:
        ValueError: when the text is none.
    """
    found = _FORM.match(text)
    if found is None:
        raise ValueError(f'{text!r} is no time in the form of RFC 3339')
    year, month, day, hour, minute, second, fraction, utc, sign, zone_hour, zone_minute = found.groups()
    zone = datetime.timezone.utc
    if utc is None:
        offset = datetime.timedelta(hours=int(zone_hour), minutes=int(zone_minute))
        zone = datetime.timezone(-offset if sign == '-' else offset)
    micro = min(round(float('0.' + (fraction or '0')) * 1_000_000), 999_999)
    whole = datetime.datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=zone)
    return whole + datetime.timedelta(microseconds=micro)
