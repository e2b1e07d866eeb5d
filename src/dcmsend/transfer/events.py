"""What an observer is told while a transfer runs."""

from __future__ import annotations

import threading
from typing import NamedTuple

from .outcome import StoreOutcome

__all__ = ["AssociationClosed", "AssociationOpened", "BytesSent", "Observer", "SerialObserver", "Waiting"]


class AssociationOpened(NamedTuple):
    """The peer has answered A-ASSOCIATE-AC.

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
    """A piece of a data set was handed to the network; about one event a MiB.

    Attributes:
        number: place of the instance in the transfer list, from 1.
        length: data set bytes of this piece.
    """

    number: int
    length: int


class Waiting(NamedTuple):
    """Nothing is sent for a while, because the peer cannot take it now; then it is tried again.

    Attributes:
        why: one line for a person, e.g. ``peer out of resources (0xA700)``.
        until: when it is tried again, in seconds since the epoch.
    """

    why: str
    until: float


class Observer:
    """Override what you want to hear of.

    Calls have to be quick; an exception ends the run.  They come from the thread that takes the outcomes; with several
    associations at the same time also from those of the associations, but never two at once.  All ``bytes_sent`` of an
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
        """An instance has come to its end; in the order of the list."""


class SerialObserver(Observer):
    """Hands on to another observer, one call after the other, whatever threads they come from."""

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
