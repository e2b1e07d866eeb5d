"""SIGINT and SIGTERM: the first one ends a run in order, the second at once, the third kills the process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from dcmsend.interrupt import Interrupt

__all__ = ["signals_stop"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def signals_stop(interrupt: Interrupt) -> Iterator[None]:
    """Within the block signals become requests to the interrupt; a signal ignored by the parent stays ignored.

    Outside the main thread nothing changes, because Python permits handlers only there.
    """

    def on_signal(number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if interrupt.requested:
            interrupt.abort(name)
            for each in taken:
                signal.signal(each, signal.SIG_DFL)
        else:
            interrupt.request(name)

    is_main = threading.current_thread() is threading.main_thread()
    before = {each: signal.getsignal(each) for each in _SIGNALS}
    taken = [each for each in _SIGNALS if is_main and before[each] not in (signal.SIG_IGN, None)]
    for each in taken:
        signal.signal(each, on_signal)
    try:
        yield
    finally:
        for each in taken:
            signal.signal(each, before[each])
