"""When a server that is busy wants to be asked again.  Source: RFC 9110 sections 5.6.7 and 10.2.3."""

from __future__ import annotations

import re
from calendar import timegm
from typing import Final

__all__ = ["retry_after"]

_LONGEST: Final = 86400.0
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CLOCK: Final = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_DATES: Final = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        rf"[A-Za-z]{{3}}, (?P<day>\d\d) (?P<month>[A-Za-z]{{3}}) (?P<year>\d{{4}}) {_CLOCK} GMT",
        rf"[A-Za-z]{{6,9}}, (?P<day>\d\d)-(?P<month>[A-Za-z]{{3}})-(?P<year>\d\d) {_CLOCK} GMT",
        rf"[A-Za-z]{{3}} (?P<month>[A-Za-z]{{3}}) (?P<day>[ \d]\d) {_CLOCK} (?P<year>\d{{4}})",
    )
)
"""IMF-fixdate, and the two older forms that a recipient has to understand."""


def retry_after(text: str, now: float) -> float | None:
    """The seconds to wait that a header Retry-After asks for: 0 to 86400; None for what is neither number nor date.

    ``now`` is the time in seconds since 1970, UTC; a date in the past is 0, a time later than a day is a day.
    """
    text = text.strip(" \t")
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST)
    for pattern in _DATES:
        found = pattern.fullmatch(text)
        if found is not None:
            moment = _moment(found, now)
            return None if moment is None else min(max(moment - now, 0.0), _LONGEST)
    return None


def _moment(found: re.Match[str], now: float) -> float | None:
    """The seconds since 1970 of a date that is one; None for the 40th of some month."""
    month = found["month"].title()
    day, hour, minute, second = (int(found[name]) for name in ("day", "hour", "minute", "second"))
    year = _year(found["year"], now)
    if not year or month not in _MONTHS or not 1 <= day <= 31 or hour > 23 or minute > 59 or second > 60:
        return None
    return float(timegm((year, _MONTHS.index(month) + 1, day, hour, minute, second)))


def _year(text: str, now: float) -> int:
    """Two digits mean the year that is not more than 50 years in the future."""
    if len(text) == 4:
        return int(text)
    this_year = 1970 + int(now // 31556952)
    year = this_year - this_year % 100 + int(text)
    return year - 100 if year > this_year + 50 else year
