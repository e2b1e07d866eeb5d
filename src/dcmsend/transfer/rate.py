"""Keeps a transfer below a rate of bytes and of instances, over all its associations together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from dcmsend.interrupt import WAIT_SLICE, Interrupt

__all__ = ["Pace", "TokenBucket"]


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

    def take(self, count: float) -> float:
        """Take tokens; return how many seconds to wait before they may be used."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - count
            self._at = now
            return max(0.0, -self._tokens / self._rate)


class Pace:
    """The byte rate and the instance rate of a transfer; shared by all its associations.

    Attributes:
        piece: bytes to send at a time, so that the rate is kept within a tenth of a second.

    Args:
        bytes_rate: bytes a second (data sets, commands and PDU headers), 0 for no limit.
        instances_rate: instances a second, 0 for no limit.
    """

    def __init__(
        self,
        bytes_rate: int,
        instances_rate: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.piece = max(1, bytes_rate // 10)
        self._bytes = TokenBucket(bytes_rate, self.piece, clock) if bytes_rate else None
        self._instances = TokenBucket(instances_rate, 1, clock) if instances_rate else None
        self._clock = clock
        self._sleep = sleep

    @property
    def limits_bytes(self) -> bool:
        """Whether the number of bytes a second is limited."""
        return self._bytes is not None

    def wait_for_bytes(self, count: int, interrupt: Interrupt) -> None:
        """Return when ``count`` more bytes may be sent.  Raises Cancelled when requests in flight have to end."""
        if self._bytes is not None:
            wait = self._bytes.take(count)
            until = self._clock() + wait  # looked at last: who is held up on the way begins later, never earlier
            while (left := until - self._clock()) > 0:
                interrupt.check()
                self._sleep(min(left, WAIT_SLICE))

    def wait_for_instance(self, interrupt: Interrupt) -> None:
        """Return when one more instance may be sent, or when the run has to end."""
        if self._instances is not None:
            wait = self._instances.take(1)
            until = self._clock() + wait
            while (left := until - self._clock()) > 0 and not interrupt.requested:
                self._sleep(min(left, WAIT_SLICE))
