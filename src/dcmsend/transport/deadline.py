"""The limit of one wait."""

from __future__ import annotations

import time

__all__ = ["Deadline"]


class Deadline:
    """A point in time, and the event that is awaited until then.

    Attributes:
        what: the awaited event, for the message, e.g. ``the C-STORE response``.
        seconds: the whole length of the wait; None or 0 for no limit.
    """

    __slots__ = ("_at", "seconds", "what")

    def __init__(self, seconds: float | None, what: str) -> None:
        self.what = what
        self.seconds = seconds or None
        self._at = None if not seconds else time.monotonic() + seconds

    def remaining(self) -> float | None:
        """Seconds left, never negative; None without a limit."""
        if self._at is None:
            return None
        return max(0.0, self._at - time.monotonic())

    def restart(self) -> None:
        """Start the whole wait again (a byte has moved)."""
        if self.seconds is not None:
            self._at = time.monotonic() + self.seconds
