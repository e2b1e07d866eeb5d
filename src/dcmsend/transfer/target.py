"""The door through which instances leave: what ``transfer`` knows of a way to send, and no more.

A ``Target`` is one way to send to one receiver.  It cuts the transfer list into stretches that one session can serve,
and makes sessions; a ``Session`` is one association (for DIMSE), which serves the instances that it takes from a
``Taker``.  Order, further attempts, pace, the number of sessions and outcomes are the business of ``transfer``;
planning, encoding and the network are the business of the target.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from dcmsend.errors import DcmsendError
from dcmsend.index import Instance
from dcmsend.interrupt import Interrupt

from .events import Observer
from .growing_list import Pulled
from .outcome import StoreOutcome
from .peer_facts import Counts, PeerFacts, Timings
from .rate import Pace

__all__ = ["Session", "Stretch", "Taker", "Target"]


class Stretch(Protocol):
    """How far one session can go in the transfer list; several sessions of the same kind may share it.

    Attributes:
        error: why the run has to end before anything of the stretch is sent; None normally.
        is_possible: false when no session can take any of it.
    """

    @property
    def first(self) -> int:
        """Index of its first instance, from 0."""
        ...

    @property
    def end(self) -> int:
        """Index after its last instance, as far as it is known."""
        ...

    @property
    def error(self) -> DcmsendError | None: ...

    @property
    def is_possible(self) -> bool: ...

    @property
    def may_grow(self) -> bool:
        """Whether instances that are found later may still belong to it."""
        ...

    def grow(self) -> Pulled:
        """Take in the instance ``end``, if it is there and the same sessions can serve it."""
        ...

    def untaken(self, index: int, instance: Instance) -> StoreOutcome:
        """What becomes of an instance that no session takes."""
        ...


class Taker(Protocol):
    """Takes instances for one session, and for those that replace it; see ``work``."""

    def take(self, *, may_wait: bool = True) -> tuple[int, Instance] | None:
        """The next index, from 0, and its instance; None when there is none left, or after ``stop``.

        While the instances handed out before are too far behind it waits.  A session with requests without an answer
        must not wait here, because the answer that everybody waits for may be among its own: with ``may_wait`` false
        None is given.
        """
        ...

    def give_back(self, index: int) -> None:
        """Return an instance of which nothing was sent."""
        ...

    def stop(self) -> None:
        """Have nothing more handed out, to nobody."""
        ...

    @property
    def is_stopped(self) -> bool:
        """Whether nothing more is to be begun."""
        ...


class Session(Protocol):
    """One association, or one connection, from its opening to its end.

    Attributes:
        error: what ended it before its time; None while it is good.
        halted: the run has to end because of ``error``.
        answered: how many answers came.
        takes_nothing: after ``open``: why it takes nothing at all; None normally.
        timings: how it has spent its time.
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
        """Serve the work until there is no more, or until the session has ended; then close it.

        One outcome for each instance that was begun; an instance of which nothing was sent is given back.
        """
        ...

    def close(self) -> None:
        """End a session that is open and not used any more, in order; may be called twice."""
        ...


class Target(Protocol):
    """One way to send, to one receiver.

    Attributes:
        facts: who the receiver is.
        one_session: there may be no further session after the first (DCMTK ``-ma``).
    """

    @property
    def facts(self) -> PeerFacts: ...

    @property
    def one_session(self) -> bool: ...

    def stretch(self, instances: Sequence[Instance], first: int) -> Stretch:
        """How far one session can go from index ``first`` on.  ``instances`` is the same list at every call."""
        ...

    def session(
        self, stretch: Stretch, interrupt: Interrupt, observer: Observer | None, pace: Pace | None
    ) -> Session:
        """A session for instances of ``stretch``, not yet opened; may be called by any thread."""
        ...

    def counts(self) -> Counts:
        """What was opened so far."""
        ...

    def tell_end(self, error: DcmsendError) -> None:
        """Log what ends the run, and the next thing to try."""
        ...

    def tell_nothing_taken(self) -> None:
        """Log that an opened session takes nothing at all."""
        ...

    def close(self) -> None:
        """Give back what is held for the whole run."""
        ...
