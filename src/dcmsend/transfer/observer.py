"""Observers, which are told of a transfer while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from .events import AssociationClosed, AssociationOpened, BytesSent, HostNews, Waiting
    from .outcome import StoreOutcome
    from .proof import InstanceProof

    _Event = TypeVar("_Event")

__all__ = ["CallerFailed", "Observer", "SerialObserver", "tell_caller"]


class CallerFailed(Exception):
    """The caller's code, an observer or the iterator of the items, has raised ``error``, which the caller gets.

    It is no DcmsendError, as ``error`` may be: that would be taken for an error of this transfer on its way.
    """

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__(error)


def tell_caller(told: Callable[[_Event], None], event: _Event) -> None:
    """Call a method of an observer.  Raises CallerFailed for whatever error it raises."""
    try:
        told(event)
    except Exception as error:
        raise CallerFailed(error) from error


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

    def host_news(self, event: HostNews) -> None:
        """One of the hosts of a cluster has told something; not called where one machine sends."""

    def outcome(self, outcome: StoreOutcome) -> None:
        """An instance has its outcome; called in the order of the list."""

    def proven(self, event: InstanceProof) -> None:
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

    def host_news(self, event: HostNews) -> None:
        with self._lock:
            self._observer.host_news(event)

    def outcome(self, outcome: StoreOutcome) -> None:
        with self._lock:
            self._observer.outcome(outcome)

    def proven(self, event: InstanceProof) -> None:
        with self._lock:
            self._observer.proven(event)
