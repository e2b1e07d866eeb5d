"""The interfaces through which commitments are requested: all that ``proof`` knows of associations and journals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Generic, NamedTuple, Protocol, TypeVar

from dcmsend.transfer import Proof

from .items import Provable

__all__ = ["Reported", "Requestable", "RequestableT", "Requester", "Transactions"]


class Requestable(Provable, Protocol):
    """An instance that the archive has called stored, with its SOP Class UID."""

    @property
    def sop_class_uid(self) -> str: ...


RequestableT = TypeVar("RequestableT", bound=Requestable)


class Reported(NamedTuple, Generic[RequestableT]):
    """A report that is kept already: its Transaction UID, and the instances that got a proof from it."""

    transaction_uid: str
    proofs: Sequence[tuple[RequestableT, Proof]]


class Requester(Protocol):
    """Requests commitments from one archive, over an association that stays open; used by one thread."""

    @property
    def is_open(self) -> bool:
        """Whether there is an association."""
        ...

    def open(self) -> None:
        """Open an association if there is none, so that reports may come over it.  Raises as ``request`` does."""
        ...

    def request(self, transaction_uid: str, instances: Sequence[tuple[str, str]]) -> int:
        """Request a commitment; return the status of the answer (PS3.7 §10.1.4.1.10).

        ``instances`` are SOP Class UID and SOP Instance UID of each.

        Raises SessionFailed and SopClassRefused when nothing was requested, AssociationError, TransportError and
        RemoteProtocolError when nobody knows; Cancelled.  The next request opens another association.
        """
        ...

    def take_waiting(self) -> None:
        """Take the reports that have come over the association, without waiting.  Raises as ``request`` does."""
        ...


class Transactions(Protocol[RequestableT]):
    """Keeps transactions for this run and later ones.  What a method has noted is kept when it returns."""

    def open_uids(self) -> list[str]:
        """Transaction UIDs of all requests without a report, the oldest first."""
        ...

    def begin(self, uid: str, rows: Sequence[RequestableT]) -> list[RequestableT]:
        """Note that a commitment is about to be requested; return the instances that the request may name."""
        ...

    def replace(self, old: str, new: str) -> list[RequestableT]:
        """Note that the instances of an open transaction are requested under another UID; return them."""
        ...

    def refuse(self, uid: str, reason: int | str | None) -> list[RequestableT]:
        """Note that there will be no report; return the instances, which may be requested again."""
        ...

    def rows_of(self, uid: str) -> list[RequestableT]:
        """The instances that still wait for the report on a transaction."""
        ...

    def is_last_copy(self, row: RequestableT) -> bool:
        """Whether the instance was not sent again since the row was read."""
        ...

    def still(self) -> AbstractContextManager[object]:
        """While it is entered no report is taken on another thread."""
        ...

    def wait(self, seconds: float) -> Reported[RequestableT] | None:
        """The next report, None if none comes within ``seconds``."""
        ...

    def untold(self) -> Iterator[tuple[RequestableT, Proof]]:
        """What reports have committed or denied before ``wait`` was called first, as far as it does not tell that."""
        ...

    def finish(self) -> None:
        """Take no more reports; ``wait`` still returns those that were taken."""
        ...
