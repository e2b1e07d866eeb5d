"""What a driver that has died, or a connection that was lost, has left behind with the scheduler and the workers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from dcmsend.loggers import get_logger

from .link import Link
from .told import from_text
from .worker import count_others, leave_run

__all__ = ["end_own", "take_over"]

_LOOK: Final = 0.2

_log = get_logger("dcmsend.app")


def take_over(link: Link, topic: str, run: str, check: Callable[[], None], patience: float) -> list[dict[str, Any]]:
    """End the batches of an earlier driver, up to ``patience`` seconds; return what nobody may have heard.

    The scheduler keeps what workers tell, a thousand groups of it, so nothing of it is sent again.
    """
    until = time.monotonic() + patience
    is_told = False
    while sum(link.run(count_others, topic, run).values()) and time.monotonic() < until:
        if not is_told:
            is_told = True
            _log.warning("workers are still sending for an earlier run with this journal, waiting for their end")
        check()
        time.sleep(_LOOK)
    return [from_text(text) for text in link.told_before(topic)]


def end_own(link: Link, run: str, last: int, is_urgent: Callable[[], bool], patience: float) -> None:
    """End the batches of this run on all workers, up to ``patience`` seconds or until it is urgent.

    ``last``: the number of the last attempt that has begun.
    """
    until = time.monotonic() + patience
    while sum(link.run(leave_run, run, last).values()) and time.monotonic() < until and not is_urgent():
        time.sleep(_LOOK)
