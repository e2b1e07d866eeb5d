"""The latest end of a transfer."""

from __future__ import annotations

import time
from collections.abc import Callable

from dcmsend.errors import Cancelled
from dcmsend.interrupt import Interrupt

from .options import TransferOptions

__all__ = ["limit_time"]


def limit_time(
    options: TransferOptions,
    interrupt: Interrupt,
    *,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], float] = time.time,
) -> None:
    """Let the run end in order, as after a signal, when its time is over; the duration counts from now.

    ``clock`` never goes backwards; ``now`` is the clock that users see, in seconds since the epoch.
    """
    stop_at = options.stop_at
    end = None if options.max_duration is None else clock() + options.max_duration
    if stop_at is None and end is None:
        return

    def is_over() -> bool:
        return (end is not None and clock() >= end) or (stop_at is not None and now() >= stop_at)

    interrupt.request_when(is_over, Cancelled.TIME_WINDOW)
