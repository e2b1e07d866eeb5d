"""A limit that depends on the time of the day."""

from __future__ import annotations

import time
from bisect import bisect_right

from dcmsend.dicom.record import Record

__all__ = ["PartOfRate", "Timetable"]

_DAY = 24 * 60


class Timetable(Record):
    """Limits by the clock on the wall.  Raises ValueError for times out of order or that no clock shows.

    The limit is what stands in the table for the time that the clock shows at that moment, so it follows summer time:
    an hour that comes twice has its limit twice, and one that is left out has none.

    Attributes:
        entries: minute of the day in local time, and the limit from then on, 0 for no limit; in order.  The last one
            holds through midnight until the first one.
    """

    entries: tuple[tuple[int, int], ...]

    def check(self) -> None:
        minutes = [minute for minute, _ in self.entries]
        if not minutes or minutes != sorted(set(minutes)) or minutes[0] < 0 or minutes[-1] >= _DAY:
            raise ValueError("Timetable: each time of the day once, in order")
        if any(limit < 0 for _, limit in self.entries):
            raise ValueError("Timetable: no limit below 0")

    def limit_at(self, seconds: float) -> int:
        """The limit at a time in seconds since the epoch, 0 for none."""
        shown = time.localtime(seconds)
        minute = shown.tm_hour * 60 + shown.tm_min
        return self.entries[bisect_right(self.entries, minute, key=lambda entry: entry[0]) - 1][1]


class PartOfRate(Timetable):
    """The part of a rate for one of several that keep to it together, as batches do that are sent at the same time.

    The limits stay those of all together, because they are whole numbers, and their parts are not.

    Attributes:
        parts: how many keep to the limits together, from 1.
    """

    parts: int = 1

    def check(self) -> None:
        super().check()
        if self.parts < 1:
            raise ValueError("PartOfRate: no part")
