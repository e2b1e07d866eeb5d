"""SIGINT and SIGTERM: the first one ends a run in order, the second at once, the third kills the process."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from dcmsend.interrupt import Interrupt

__all__ = ["signals_stop", "stopping_line"]

_PATIENCE: Final = 1.0
"""Seconds that a line may take to be written."""
_SIGNALS: Final[tuple[signal.Signals, ...]] = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)
)
"""``SIGBREAK`` is Ctrl-Break, of Windows alone."""


@contextmanager
def signals_stop(interrupt: Interrupt, tell: Callable[[str], None] | None = None) -> Iterator[Callable[[], None]]:
    """Within the block signals become requests to the interrupt; a signal ignored by the parent stays ignored.

    ``tell`` gets a line for the person who has sent the first one, on a thread of its own.  The block gets a function
    to call before it writes its last lines: it waits for that line, though not for long, and lets none be told later.
    The end of the block calls it too, because the process may end next.
    Outside the main thread nothing changes, because Python permits handlers only there.
    """

    has_come = False  # a signal; what else may have asked for an end, as a time window, has not said "at once"
    told = _thread.allocate_lock()
    may_tell = tell is not None
    is_too_late = False

    def end_telling() -> None:
        nonlocal may_tell, is_too_late
        may_tell = False
        if told.acquire(timeout=_PATIENCE):
            told.release()
        else:
            is_too_late = True

    def tell_stopping(line: str) -> None:
        assert tell is not None
        try:
            if not is_too_late:
                tell(line)
        finally:
            told.release()

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal has_come
        name = signal.Signals(number).name
        if has_come:
            interrupt.abort(name)
            for each in taken:
                signal.signal(each, signal.SIG_DFL)
        else:
            has_come = True
            interrupt.request(name)
            if may_tell:
                # The handler may have interrupted somebody who writes, and `threading` has locks of its own.
                told.acquire()
                try:
                    _thread.start_new_thread(tell_stopping, (stopping_line(interrupt),))
                except RuntimeError:  # the system has no thread left: the run ends without a word
                    told.release()

    is_main = threading.current_thread() is threading.main_thread()
    before = {each: signal.getsignal(each) for each in _SIGNALS}
    taken = [each for each in _SIGNALS if is_main and before[each] not in (signal.SIG_IGN, None)]
    for each in taken:
        signal.signal(each, on_signal)
    try:
        yield end_telling
    finally:
        for each in taken:
            signal.signal(each, before[each])
        end_telling()


def stopping_line(interrupt: Interrupt) -> str:
    """What a run does after the first signal, and what a second one would do."""
    due = interrupt.answers_due
    if not due:
        return "stopping; press again to abort"
    answers = "1 answer" if due == 1 else f"{due} answers"
    return f"stopping: waiting for {answers}, at most {interrupt.drain_seconds:g} s; press again to abort"
