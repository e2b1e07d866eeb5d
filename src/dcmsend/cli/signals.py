"""SIGINT and SIGTERM: the first one ends a run politely, the second at once, the third kills."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from dcmsend.transport import Interrupt

__all__ = ["signals_stop"]


@contextmanager
def signals_stop(interrupt: Interrupt) -> Iterator[None]:
    """While the block runs, signals become requests to the interrupt; a signal ignored by the parent stays ignored.

    Outside the main thread nothing is changed, because Python allows it only there.
    """

    def on_signal(number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if interrupt.requested:
            interrupt.abort(name)
            signal.signal(number, signal.SIG_DFL)
        else:
            interrupt.request(name)

    previous = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                previous[number] = signal.signal(number, on_signal)
    except ValueError:
        pass
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
