"""The interface through which instances leave: all that ``transfer`` knows of a way to send.

A ``Target`` is one way to send to one receiver.  It cuts the transfer list into stretches that one session can serve,
and makes sessions.  A ``Session`` is one association (for DIMSE); it sends the instances that it takes from a
``Taker``.  ``transfer`` is responsible for order, retries, pace, the number of sessions and outcomes.  The target is
responsible for planning, encoding and the network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from dcmsend.errors import DcmsendError
from dcmsend.index import Instance
from dcmsend.interrupt import Interrupt

from .growing_list import Pulled
from .observer import Observer
from .outcome import StoreOutcome
from .peer_facts import Counts, PeerFacts, Timings
from .rate import Pace

__all__ = ["Session", "Stretch", "Taker", "Target"]


class Stretch(Protocol):
    """A part of the transfer list that one session can serve; several sessions of the same kind may share it.

    Attributes:
        error: why the run has to end before anything of the stretch is sent; None normally.
        is_possible: false when no session can take any instance of it.
    """

    @property
    def first(self) -> int:
        """Index of the first instance of the stretch, from 0."""
        ...

    @property
    def end(self) -> int:
        """Index after the last instance of the stretch, as far as it is known."""
        ...

    @property
    def error(self) -> DcmsendError | None: ...

    @property
    def is_possible(self) -> bool: ...

    @property
    def may_grow(self) -> bool:
        """Whether instances that are found later may still belong to the stretch."""
        ...

    def grow(self) -> Pulled:
        """Take in instance number ``end``, if it exists and the same sessions can serve it."""
        ...

    def untaken(self, index: int, instance: Instance) -> StoreOutcome:
        """The outcome of an instance that no session takes."""
        ...


class Taker(Protocol):
    """Takes instances for one session, and for sessions that replace it; see ``work``."""

    def take(self, *, may_wait: bool = True) -> tuple[int, Instance] | None:
        """The next index, from 0, and its instance; None when none is left, or after ``stop``.

        Waits while an instance handed out earlier is too far behind.  A session that has unanswered requests must not
        wait here, because the missing answer may be its own: with ``may_wait`` false the result is None instead.
        """
        ...

    def give_back(self, index: int) -> None:
        """Return an instance of which nothing was sent."""
        ...

    def stop(self) -> None:
        """Stop the whole work: no taker gets another instance."""
        ...

    @property
    def is_stopped(self) -> bool:
        """Whether no more instances may be begun."""
        ...


class Session(Protocol):
    """One association, or one connection, from its opening to its end.

    Attributes:
        error: why the session ended early; None while it is good.
        halted: whether the run has to end because of ``error``.
        answered: number of answers received.
        takes_nothing: after ``open``: why the receiver accepts nothing at all; None normally.
        timings: how the session has spent its time.
    """

    @property
    def error(self) -> DcmsendError | None: ...

    @property
    def halted(self) -> bool: ...

    @property
    def answered(self) -> int: ...

    @property
    def takes_nothing(self) -> DcmsendError | None: ...

    @property
    def timings(self) -> Timings: ...

    def open(self) -> None:
        """Connect and negotiate.  Raises SessionFailed, Cancelled."""
        ...

    def run(self, work: Taker) -> Iterator[StoreOutcome]:
        """Send instances of ``work`` until none is left or the session has ended; then close the session.

        Yields one outcome for each instance that was begun.  An instance of which nothing was sent is given back.
        """
        ...

    def close(self) -> None:
        """Close an open session that is no longer used, in order; may be called twice."""
        ...


class Target(Protocol):
    """One way to send, to one receiver.

    Attributes:
        facts: the receiver's address and titles.
        one_session: whether no second session may follow the first (DCMTK ``-ma``).
    """

    @property
    def facts(self) -> PeerFacts: ...

    @property
    def one_session(self) -> bool: ...

    def stretch(self, instances: Sequence[Instance], first: int) -> Stretch:
        """The part of ``instances`` from index ``first`` that one session can serve; the list is always the same."""
        ...

    def session(
        self, stretch: Stretch, interrupt: Interrupt, observer: Observer | None, pace: Pace | None
    ) -> Session:
        """A session for instances of ``stretch``, not yet opened; may be called by any thread."""
        ...

    def counts(self) -> Counts:
        """The sessions and contexts opened so far."""
        ...

    def tell_end(self, error: DcmsendError) -> None:
        """Log the error that ends the run, and what to try next."""
        ...

    def tell_nothing_taken(self) -> None:
        """Log that the receiver accepts nothing in an opened session."""
        ...

    def close(self) -> None:
        """Free what is held for the whole run."""
        ...
