"""Measures whether files are slow to open, so that opening them ahead on threads pays."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["OpenWatch"]

_FEWEST_JUDGED: Final = 16
_SLOW: Final = 0.0005
"""Average seconds of a slow open, and the number of opens needed to judge."""
_LONGEST_COUNTED: Final = 0.002
"""A single very long open does not count, because this process may just have waited for the processor."""


class OpenWatch:
    """Judges from the time that opens take whether they are slow."""

    __slots__ = ("_count", "_seconds")

    def __init__(self) -> None:
        self._count = 0
        self._seconds = 0.0

    def note(self, seconds: float) -> bool:
        """Count one open; return True when the opens counted so far were slow."""
        self._count += 1
        self._seconds += seconds if seconds < _LONGEST_COUNTED else _LONGEST_COUNTED
        if self._count < _FEWEST_JUDGED:
            return False
        is_slow = self._seconds > self._count * _SLOW
        self._count, self._seconds = 0, 0.0
        return is_slow
