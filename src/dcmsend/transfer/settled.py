"""Settles what a session tells on the thread of the caller, who may leave while requests are in flight."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

from .outcome import StoreOutcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.interrupt import Interrupt

    from .work import Work

__all__ = ["settle_rest", "settled"]

_Settle = Callable[[StoreOutcome], StoreOutcome | None]


def settled(
    attempts: Iterator[StoreOutcome], settle: _Settle, interrupt: Interrupt, work: Work
) -> Generator[StoreOutcome, None, None]:
    """The final outcomes of one session, which ``interrupt`` ends alone.

    When the caller leaves, what is in flight is told to ``settle`` before the session ends.
    """
    try:
        for attempt in attempts:
            outcome = settle(attempt)
            if outcome is not None:
                yield outcome
    except GeneratorExit:
        work.stop()
        settle_rest(attempts, settle, interrupt)
        raise


def settle_rest(attempts: Iterator[StoreOutcome], settle: _Settle, interrupt: Interrupt) -> None:
    """Abort a session with requests in flight, and take what it has still to tell: later runs have to know it."""
    if interrupt.answers_due:
        interrupt.abort()
        for attempt in attempts:
            settle(attempt)
