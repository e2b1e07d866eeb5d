"""Notices lists of objects that have no end, of which no library takes notice."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

__all__ = ["LONGEST_WITHOUT_OBJECT", "Endless", "Marks", "Patience"]

LONGEST_WITHOUT_OBJECT: Final = 3600.0
"""Seconds for which a list may go on without naming an object."""


class Endless(Exception):
    """A list begins again and again, or goes on without naming any object."""


class Marks:
    """The marks at which a list goes on: continuation tokens, or the first names of pages.

    One mark that comes twice means that the list runs in a circle.  Only one earlier mark is kept, and replaced after
    1, 2, 4, 8... further ones, so a circle of any length is noticed after at most three turns (Brent's algorithm).
    """

    def __init__(self) -> None:
        self._kept = ""
        self._age, self._oldest = 0, 1

    def note(self, mark: str) -> str:
        """Return the mark.  Raises Endless if it came before."""
        if mark == self._kept:
            raise Endless
        self._age += 1
        if self._age == self._oldest:
            self._kept, self._age, self._oldest = mark, 0, 2 * self._oldest
        return mark


class Patience:
    """Ends a wait for the next object of a list after an hour.

    Args:
        check: called now and then, too; may raise.
    """

    def __init__(self, check: Callable[[], None] | None) -> None:
        self._check = check
        self.restart()

    def restart(self) -> None:
        """An object has come."""
        self._end = time.monotonic() + LONGEST_WITHOUT_OBJECT

    def __call__(self) -> None:
        """Raises Endless when it has an end, and what ``check`` raises."""
        if self._check is not None:
            self._check()
        if time.monotonic() > self._end:
            raise Endless
