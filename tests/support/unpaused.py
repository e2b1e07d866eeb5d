"""A clock that stands still while this process does not run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

__all__ = ["UnpausedClock", "leave_out_pauses"]


class UnpausedClock:
    """Seconds, of which at most ``longest`` pass between two looks.

    Who waits looks again and again, so a longer time between two looks is one in which this process stood still: on a
    busy machine that says nothing about a peer.  It begins with the time of the first look.
    """

    def __init__(self, longest: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._longest = longest
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: float | None = None
        self._now = 0.0

    def __call__(self) -> float:
        with self._lock:
            now = self._clock()
            self._now = now if self._seen is None else self._now + min(now - self._seen, self._longest)
            self._seen = now
            return self._now


def leave_out_pauses(monkeypatch: pytest.MonkeyPatch, longest: float = 0.1) -> None:
    """Let no time-out of a connection pass while this process stands still.

    ``longest`` is more than WAIT_SLICE: a wait looks at its time-out after each slice.
    """
    monkeypatch.setattr("dcmsend.transport.deadline.time", SimpleNamespace(monotonic=UnpausedClock(longest)))
