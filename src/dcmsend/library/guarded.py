"""Guards the observer of a caller: what it raises is taken for no error of the transfer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcmsend.transfer import Observer, tell_caller

if TYPE_CHECKING:
    from dcmsend.transfer import (
        AssociationClosed,
        AssociationOpened,
        BytesSent,
        HostNews,
        InstanceProof,
        StoreOutcome,
        Waiting,
    )

__all__ = ["GuardedObserver"]


class GuardedObserver(Observer):
    """Passes events to another observer, and raises CallerFailed for whatever error it raises.

    The errors of another transfer, for example, which it may run itself, say nothing about the peer of this one, and a
    ValueError of it nothing about what a worker of a cluster has told.

    Args:
        sends_here: whether the sessions of this process call ``bytes_sent``: they guard it themselves, which saves a
            call for each instance.
    """

    def __init__(self, observer: Observer, *, sends_here: bool = False) -> None:
        self._observer = observer
        if sends_here:
            self.bytes_sent = observer.bytes_sent  # type: ignore[method-assign]

    def association_opened(self, event: AssociationOpened) -> None:
        tell_caller(self._observer.association_opened, event)

    def association_closed(self, event: AssociationClosed) -> None:
        tell_caller(self._observer.association_closed, event)

    def bytes_sent(self, event: BytesSent) -> None:
        tell_caller(self._observer.bytes_sent, event)

    def waiting(self, event: Waiting | None) -> None:
        tell_caller(self._observer.waiting, event)

    def host_news(self, event: HostNews) -> None:
        tell_caller(self._observer.host_news, event)

    def outcome(self, outcome: StoreOutcome) -> None:
        tell_caller(self._observer.outcome, outcome)

    def proven(self, event: InstanceProof) -> None:
        tell_caller(self._observer.proven, event)
