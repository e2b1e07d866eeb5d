"""Keeps a transfer below a rate of bytes and of instances, over all its associations together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from dcmsend.interrupt import WAIT_SLICE, Interrupt

from .timetable import PartOfRate, Timetable

__all__ = ["Pace", "TimedBucket", "TokenBucket"]

UNLIMITED: Final = 1 << 40
"""Bytes to send at a time where there is no limit."""


class TokenBucket:
    """A token bucket that may be overdrawn: a caller that takes too many tokens waits until the debt is paid.

    Later callers wait behind earlier ones, so several threads together keep to the rate.

    Args:
        rate: tokens a second, more than 0.
        burst: tokens that may be saved up while none are taken.
        clock: seconds from any origin, never going backwards.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._at = clock()
        self._lock = threading.Lock()

    @property
    def rate(self) -> float:
        """Tokens a second now, 0 for no limit."""
        return self._rate

    def take(self, count: float) -> float:
        """Take tokens; return how many seconds to wait before they may be used."""
        with self._lock:
            return self._take(count)

    def _take(self, count: float) -> float:
        """``take``; call it with the lock, and with a rate."""
        self._fill()
        self._tokens -= count
        return max(0.0, -self._tokens / self._rate)

    def _fill(self) -> None:
        """Put in what has come since the last time."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now


class TimedBucket(TokenBucket):
    """A token bucket whose rate follows a timetable; without a limit nothing is counted.

    For a part of a rate nothing is saved up at first: batch follows batch, and each of them has a bucket of its own.

    Args:
        table: the rates.
        burst: makes of a rate what may be saved up.
        clock: seconds from any origin, never going backwards.
        now: the clock on the wall, in seconds since the epoch.
    """

    def __init__(
        self,
        table: Timetable,
        burst: Callable[[float], float],
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._table = table
        self._parts = table.parts if isinstance(table, PartOfRate) else 1
        self._burst_of = burst
        self._now = now
        rate = self.rate
        super().__init__(rate, burst(rate), clock)
        if isinstance(table, PartOfRate):
            self._tokens = 0.0

    @property
    def rate(self) -> float:
        """Tokens a second by the clock on the wall, 0 for no limit."""
        return self._table.limit_at(self._now()) / self._parts

    def take(self, count: float) -> float:
        """See ``TokenBucket``."""
        with self._lock:  # all of it: where the limit ends, another thread may set the rate to 0
            rate = self.rate
            if rate != self._rate:
                self._fill()
                self._rate, self._burst = rate, self._burst_of(rate)
            if not rate:
                self._tokens = 0.0  # what was owed is forgiven, and nothing is saved up
                return 0.0
            return self._take(count)


class Pace:
    """The byte rate and the instance rate of a transfer; shared by all its associations.

    Args:
        bytes_rate: bytes a second (data sets, commands and PDU headers), 0 for no limit, or a timetable of both.
        instances_rate: the same for instances.

    Attributes:
        waited: seconds that all associations together have waited for their turn.
    """

    def __init__(
        self,
        bytes_rate: int | Timetable,
        instances_rate: int | Timetable,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._bytes = _bucket(bytes_rate, _piece_of, clock, now)
        self._instances = _bucket(instances_rate, lambda rate: 1, clock, now)
        self._clock = clock
        self._sleep = sleep
        self._counting = threading.Lock()
        self.waited = 0.0

    @property
    def limits_bytes(self) -> bool:
        """Whether the number of bytes a second is limited now."""
        return self._bytes is not None and self._bytes.rate > 0

    @property
    def limits_instances(self) -> bool:
        """Whether the number of instances a second is limited now."""
        return self._instances is not None and self._instances.rate > 0

    @property
    def piece(self) -> int:
        """Bytes to send at a time, so that the rate is kept within a tenth of a second."""
        return UNLIMITED if self._bytes is None else _piece_of(self._bytes.rate)

    def wait_for_bytes(self, count: int, interrupt: Interrupt) -> None:
        """Return when ``count`` more bytes may be sent.  Raises Cancelled when requests in flight have to end."""
        if self._bytes is not None:
            for _ in self._wait(self._bytes, count):
                interrupt.check()

    def wait_for_instance(self, interrupt: Interrupt) -> None:
        """Return when one more instance may be sent, or when the run has to end."""
        if self._instances is not None:
            for _ in self._wait(self._instances, 1):
                if interrupt.requested:
                    return

    def _wait(self, bucket: TokenBucket, count: int) -> Iterator[None]:
        """Wait for a turn; yields before each slice of it.  If the rate changes meanwhile, so does what is left."""
        rate, wait = bucket.rate, bucket.take(count)
        until = self._clock() + wait  # looked at last: who is held up on the way begins later, never earlier
        while (left := until - self._clock()) > 0:
            yield
            slice_ = min(left, WAIT_SLICE)
            self._sleep(slice_)
            with self._counting:
                self.waited += slice_
            changed = bucket.rate
            if changed != rate:
                left = until - self._clock()
                until = self._clock() + (left * rate / changed if changed else 0.0)
                rate = changed


def _piece_of(rate: float) -> int:
    return max(1, int(rate) // 10) if rate else UNLIMITED


def _bucket(
    rate: int | Timetable, burst: Callable[[float], float], clock: Callable[[], float], now: Callable[[], float]
) -> TokenBucket | None:
    if isinstance(rate, int):
        return TokenBucket(rate, burst(rate), clock) if rate else None
    return TimedBucket(rate, burst, clock, now)
