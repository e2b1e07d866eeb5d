"""Gives what a worker tells to the scheduler, and waits until the scheduler has it."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from distributed import Worker

__all__ = ["has_left", "tell_scheduler"]

_OVER: Final = ("closing", "closed", "stopping", "stopped", "failed")
"""Names of what Dask calls the status of a worker that does not come back."""
_LOOK: Final = 0.2


def has_left(worker: Worker) -> bool:
    """Whether a worker has lost its scheduler, or is asked to end: it does not come back."""
    return worker.status.name in _OVER


def tell_scheduler(worker: Worker, topic: str, text: str) -> None:
    """Log an event with the scheduler; return when the scheduler has it, or when the worker leaves.

    Dask's own ``Worker.log_event`` returns at once, and what it has not passed on is lost with the process.  An event
    may come twice where the connection breaks.  A worker that leaves tries once in Dask's way: nobody may hear it.
    """
    with suppress(RuntimeError):  # the loop of a worker that has left is closed
        while not has_left(worker):
            telling = asyncio.run_coroutine_threadsafe(_log(worker, topic, text), worker.loop.asyncio_loop)  # type: ignore[attr-defined]
            if _is_done(telling, worker):
                return
    worker.log_event(topic, text)


async def _log(worker: Worker, topic: str, text: str) -> None:
    await worker.scheduler.log_event(topic=topic, msg=text)


def _is_done(telling: Future[Any], worker: Worker) -> bool:
    """Whether the scheduler has heard it; False if the connection has broken, or the worker leaves."""
    while True:
        try:
            telling.result(_LOOK)
            return True
        except (OSError, CancelledError):  # TimeoutError is an OSError, too
            if telling.done():
                time.sleep(_LOOK)
                return False
            if has_left(worker):
                telling.cancel()
                return False
