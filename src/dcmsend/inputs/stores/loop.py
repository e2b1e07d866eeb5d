"""The event loop of the libraries of stores, on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from typing import Any, Final, TypeVar

from dcmsend.errors import Cancelled
from dcmsend.interrupt import WAIT_SLICE

__all__ = ["Loop"]

_LONGEST_END: Final = 2.0

Result = TypeVar("Result")


class Loop:
    """An event loop that ends with the run.

    It is not the one that fsspec shares among all of a process: that one never ends.

    Attributes:
        loop: for the libraries.
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="stores", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def call(self, work: Coroutine[Any, Any, Result], check: Callable[[], None] | None) -> Result:
        """Run a coroutine to its end; ``check`` is called now and then, and may raise, which cancels the coroutine."""
        if self._is_closed:
            work.close()
            raise Cancelled
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            while True:
                try:
                    return future.result(WAIT_SLICE)
                except NotYet:
                    if future.done():  # the coroutine itself has raised it, or has ended at the end of the wait
                        return future.result()
                if self._is_closed:
                    raise Cancelled
                if check is not None:
                    check()
        except CancelledError:
            raise Cancelled from None
        except BaseException:
            future.cancel()
            raise

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Cancel what is under way, run ``last``, and end the thread; gives up after two seconds."""
        if self._is_closed:
            return
        self._is_closed = True

        async def end() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await last()
            await self.loop.shutdown_asyncgens()

        with suppress(Exception):
            asyncio.run_coroutine_threadsafe(end(), self.loop).result(_LONGEST_END)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_LONGEST_END)
        if not self._thread.is_alive():
            self.loop.close()

    def give_up(self) -> None:
        """In a forked child, which has no copy of the thread."""
        self._is_closed = True
