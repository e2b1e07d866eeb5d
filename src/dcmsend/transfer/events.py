"""The events that an observer receives while a transfer runs."""

# Without `from __future__ import annotations`: typing compiles annotations that are strings, for 2 ms at each start.
import threading
from typing import TYPE_CHECKING, NamedTuple

from .outcome import StoreOutcome

if TYPE_CHECKING:
    from .proof import InstanceProof

__all__ = ["AssociationClosed", "AssociationOpened", "BytesSent", "Observer", "SerialObserver", "Waiting"]


class AssociationOpened(NamedTuple):
    """The peer has accepted an association.

    Attributes:
        number: from 1.
        proposed: how many presentation contexts were proposed.
        accepted: how many of them were accepted.
        fragment_length: data set bytes in each PDU.
        window: how many requests may be without an answer.
    """

    number: int
    proposed: int
    accepted: int
    fragment_length: int
    window: int = 1


class AssociationClosed(NamedTuple):
    """An association has ended.

    Attributes:
        number: from 1.
        how: ``released``, ``aborted``, or the message of the error that ended it.
    """

    number: int
    how: str


class BytesSent(NamedTuple):
    """A piece of a data set was handed to the network; there is about one event for each MiB.

    Attributes:
        number: place of the instance in the transfer list, from 1.
        length: data set bytes of this piece.
    """

    number: int
    length: int


class Waiting(NamedTuple):
    """Nothing is sent for a while, because the peer cannot take it now; the transfer tries again later.

    Attributes:
        why: one line for a person, e.g. ``peer out of resources (0xA700)``.
        until: time of the next attempt, in seconds since the epoch.
    """

    why: str
    until: float


class Observer:
    """Receives the events of a transfer; subclasses override the methods for events they need.

    Methods have to be quick; an exception ends the run.  They are called by the thread that takes the outcomes and,
    with parallel associations, by the threads of the associations, but never by two at once.  All ``bytes_sent`` of an
    instance come before its ``outcome``.
    """

    def association_opened(self, event: AssociationOpened) -> None:
        """An association was accepted."""

    def association_closed(self, event: AssociationClosed) -> None:
        """An association has ended."""

    def bytes_sent(self, event: BytesSent) -> None:
        """A piece of a data set was sent."""

    def waiting(self, event: Waiting | None) -> None:
        """The transfer waits before it tries again; None when the wait is over, for whatever reason."""

    def outcome(self, outcome: StoreOutcome) -> None:
        """An instance has its outcome; called in the order of the list."""

    def proven(self, event: "InstanceProof") -> None:
        """An archive was asked for a stored instance; called after all outcomes, once for each, in any order."""


class SerialObserver(Observer):
    """Passes events from any threads to another observer, one at a time."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._lock = threading.RLock()

    def association_opened(self, event: AssociationOpened) -> None:
        with self._lock:
            self._observer.association_opened(event)

    def association_closed(self, event: AssociationClosed) -> None:
        with self._lock:
            self._observer.association_closed(event)

    def bytes_sent(self, event: BytesSent) -> None:
        with self._lock:
            self._observer.bytes_sent(event)

    def waiting(self, event: Waiting | None) -> None:
        with self._lock:
            self._observer.waiting(event)

    def outcome(self, outcome: StoreOutcome) -> None:
        with self._lock:
            self._observer.outcome(outcome)

    def proven(self, event: "InstanceProof") -> None:
        with self._lock:
            self._observer.proven(event)
