"""Guards the observer of a caller: what it raises is taken for no error of the transfer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcmsend.transfer import CallerFailed, Observer

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
        try:
            self._observer.association_opened(event)
        except Exception as error:
            raise CallerFailed(error) from error

    def association_closed(self, event: AssociationClosed) -> None:
        try:
            self._observer.association_closed(event)
        except Exception as error:
            raise CallerFailed(error) from error

    def bytes_sent(self, event: BytesSent) -> None:
        try:
            self._observer.bytes_sent(event)
        except Exception as error:
            raise CallerFailed(error) from error

    def waiting(self, event: Waiting | None) -> None:
        try:
            self._observer.waiting(event)
        except Exception as error:
            raise CallerFailed(error) from error

    def host_news(self, event: HostNews) -> None:
        try:
            self._observer.host_news(event)
        except Exception as error:
            raise CallerFailed(error) from error

    def outcome(self, outcome: StoreOutcome) -> None:
        try:
            self._observer.outcome(outcome)
        except Exception as error:
            raise CallerFailed(error) from error

    def proven(self, event: InstanceProof) -> None:
        try:
            self._observer.proven(event)
        except Exception as error:
            raise CallerFailed(error) from error
