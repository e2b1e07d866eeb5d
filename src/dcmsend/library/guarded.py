"""Guards the observer of a caller: what it raises is taken for no error of the transfer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcmsend.errors import DcmsendError
from dcmsend.transfer import CallerFailed, Observer

if TYPE_CHECKING:
    from dcmsend.transfer import AssociationClosed, AssociationOpened, HostNews, InstanceProof, StoreOutcome, Waiting

__all__ = ["GuardedObserver"]


class GuardedObserver(Observer):
    """Passes events to another observer, and raises CallerFailed for a DcmsendError of it.

    The errors of another transfer, for example, which it may run itself, say nothing about the peer of this one.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        # Called most often, and guarded by the sessions, which must not take its errors for those of their line.
        self.bytes_sent = observer.bytes_sent  # type: ignore[method-assign]

    def association_opened(self, event: AssociationOpened) -> None:
        try:
            self._observer.association_opened(event)
        except DcmsendError as error:
            raise CallerFailed(error) from error

    def association_closed(self, event: AssociationClosed) -> None:
        try:
            self._observer.association_closed(event)
        except DcmsendError as error:
            raise CallerFailed(error) from error

    def waiting(self, event: Waiting | None) -> None:
        try:
            self._observer.waiting(event)
        except DcmsendError as error:
            raise CallerFailed(error) from error

    def host_news(self, event: HostNews) -> None:
        try:
            self._observer.host_news(event)
        except DcmsendError as error:
            raise CallerFailed(error) from error

    def outcome(self, outcome: StoreOutcome) -> None:
        try:
            self._observer.outcome(outcome)
        except DcmsendError as error:
            raise CallerFailed(error) from error

    def proven(self, event: InstanceProof) -> None:
        try:
            self._observer.proven(event)
        except DcmsendError as error:
            raise CallerFailed(error) from error
