"""Whose turn it is: series that wait for a further question when their time has come, and else a new one."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Final, Generic

from .archive import Archive
from .items import MOST_TOGETHER, ProvableT, gathered
from .options import VerifyOptions
from .series import Series

__all__ = ["Turns"]

_MOST_WAITING: Final = 1000
"""Series that wait for a further question before no new ones are begun."""


class Turns(Generic[ProvableT]):
    """The series of one list of items, each of them several times."""

    def __init__(self, items: Iterable[ProvableT], archive: Archive, options: VerifyOptions) -> None:
        self._new = gathered(items)
        self._archive = archive
        self._options = options
        self._waiting: list[tuple[float, int, Series[ProvableT]]] = []
        self._waiting_items = 0
        self._number = 0

    def next(self) -> Series[ProvableT] | None:
        """The next series to ask for, which may be time to wait for; None at the end.  Raises Cancelled."""
        if self._waiting and (self._is_due() or self._is_full()):
            return self._return()
        for study_uid, series_uid, items in self._new:
            return Series(study_uid, series_uid, items)
        return self._return() if self._waiting else None

    def is_last(self, series: Series[ProvableT]) -> bool:
        """Whether there will be no further question for the series."""
        return series.rounds > self._options.attempts

    def put_back(self, series: Series[ProvableT]) -> None:
        """Ask for the series again: after the longest wait at last, after a third of it before that, and so on."""
        now = self._archive.clock()
        if series.rounds == 1:
            series.first_asked = now
        left = self._options.attempts - series.rounds
        due = max(now, series.first_asked + self._options.seconds / 3**left)
        self._number += 1
        self._waiting_items += series.open_size
        heappush(self._waiting, (due, self._number, series))

    def _is_due(self) -> bool:
        return self._waiting[0][0] <= self._archive.clock()

    def _is_full(self) -> bool:
        return len(self._waiting) >= _MOST_WAITING or self._waiting_items >= MOST_TOGETHER

    def _return(self) -> Series[ProvableT]:
        due, _, series = heappop(self._waiting)
        self._waiting_items -= series.open_size
        if self._archive.given_up is None:
            self._archive.wait_until(due)
        return series
