"""The door through which instances leave: what ``transfer`` knows of a way to send, and no more.

A ``Target`` is one way to send to one receiver.  It cuts the transfer list into stretches that one session can serve,
and makes sessions; a ``Session`` is one association (for DIMSE), which serves the instances that it takes from a
``Taker``.  Order, further attempts, pace, the number of sessions and outcomes are the business of ``transfer``;
planning, encoding and the network are the business of the target.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final, Protocol

from dcmsend.dicom.record import Record
from dcmsend.dicom.value import Value
from dcmsend.errors import DcmsendError
from dcmsend.index import Instance
from dcmsend.interrupt import Interrupt

from .events import Observer
from .outcome import StoreOutcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.advice import Situation

    from .rate import Pace
    from .work import Taker

__all__ = ["Counts", "GrowingList", "PeerFacts", "Pulled", "Session", "Stretch", "Target", "Timings"]


class PeerFacts(Record):
    """Who the receiver is, for reports, progress and journals; the same for every way to send.

    Attributes:
        host: name or address as given.
        port: TCP port, 1..65535.
        called_ae_title: as given.
        calling_ae_title: as given.
        is_secured: whether connections use TLS.
    """

    host: str
    port: int
    called_ae_title: str
    calling_ae_title: str
    is_secured: bool = False

    @property
    def label(self) -> str:
        """One word for a person, e.g. ``ARCHIVE@10.1.2.3:104``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.called_ae_title}@{host}:{self.port}"

    @property
    def situation(self) -> Situation:
        """What advice has to know of the receiver."""
        from dcmsend.advice import Situation

        return Situation(
            self.host, self.port, self.called_ae_title, self.calling_ae_title, uses_tls=self.is_secured
        )


class Counts(Value):
    """What was opened so far.

    Attributes:
        sessions: how many the receiver has answered, also when it then took nothing.
        contexts: presentation contexts proposed in them.
    """

    __slots__ = ("sessions", "contexts")  # noqa: RUF023  (the order of the arguments)

    def __init__(self, sessions: int = 0, contexts: int = 0) -> None:
        self.sessions: Final = sessions
        self.contexts: Final = contexts


class Timings:
    """How a session spends its time; kept while it runs.

    Attributes:
        began: when it was made, by ``time.perf_counter``.
        waiting: seconds for answers.
    """

    __slots__ = ("began", "waiting")

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.waiting = 0.0


class Pulled(Enum):
    """What a list that grows says when it is asked for one instance more; true when it has grown."""

    ONE = "one"
    """The list has grown by one."""
    NOT_YET = "not yet"
    """There may be more when instances that were handed out have their outcomes."""
    END = "end"
    """There is no more."""

    def __bool__(self) -> bool:
        return self is Pulled.ONE


class GrowingList(Sequence[Instance]):
    """A transfer list that is still being made."""

    @property
    @abstractmethod
    def kinds(self) -> Sequence[Instance]:
        """One example of each kind of instance (SOP Class and transfer syntax) so far, in order."""

    @abstractmethod
    def pull(self) -> Pulled:
        """Have the list grow by one instance.  Never waits for outcomes, but may wait for a file."""

    @abstractmethod
    def pull_what_is_there(self, end: int) -> None:
        """Take what is known already, up to index ``end``; does not wait."""

    @abstractmethod
    def run_ahead(self) -> None:
        """Have the search go on before its instances are wanted; may be called by any thread."""


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
