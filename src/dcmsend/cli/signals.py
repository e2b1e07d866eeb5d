"""SIGINT and SIGTERM: the first one ends a run in order, the second at once, the third kills the process."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from dcmsend.interrupt import Interrupt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

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
    line = _StoppingLine(tell)
    has_come = False  # a signal; what else may have asked for an end, as a time window, has not said "at once"

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
            line.begin(stopping_line(interrupt))

    is_main = threading.current_thread() is threading.main_thread()
    before = {each: signal.getsignal(each) for each in _SIGNALS}
    taken = [each for each in _SIGNALS if is_main and before[each] not in (signal.SIG_IGN, None)]
    for each in taken:
        signal.signal(each, on_signal)
    try:
        yield line.end
    finally:
        for each in taken:
            signal.signal(each, before[each])
        line.end()


class _StoppingLine:
    """The line for the person who has sent the first signal, told on a thread of its own: the handler may not wait."""

    def __init__(self, tell: Callable[[str], None] | None) -> None:
        self._tell = tell
        self._told = _thread.allocate_lock()  # `threading` has locks of its own, which the handler may have interrupted
        self._may_begin = tell is not None
        self._is_too_late = False

    def begin(self, line: str) -> None:
        """Tell the line; called by the handler, once."""
        if not self._may_begin:
            return
        self._told.acquire()
        try:
            _thread.start_new_thread(self._run, (line,))
        except RuntimeError:  # the system has no thread left: the run ends without a word
            self._told.release()

    def _run(self, line: str) -> None:
        assert self._tell is not None
        try:
            if not self._is_too_late:
                self._tell(line)
        finally:
            self._told.release()

    def end(self) -> None:
        """Wait for a line that has begun, though not for long, and let none be told later; may be called twice."""
        self._may_begin = False
        if self._told.acquire(timeout=_PATIENCE):
            self._told.release()
        else:
            self._is_too_late = True


def stopping_line(interrupt: Interrupt) -> str:
    """What a run does after the first signal, and what a second one would do."""
    due = interrupt.answers_due
    if not due:
        return "stopping; press again to abort"
    answers = "1 answer" if due == 1 else f"{due} answers"
    return f"stopping: waiting for {answers}, at most {interrupt.drain_seconds:g} s; press again to abort"
