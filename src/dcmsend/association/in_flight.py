"""The requests of one association that wait for their answers, and the check for answers that are impossible."""

from __future__ import annotations

from dcmsend.errors import RemoteProtocolError
from dcmsend.protocol import CommandReceived, CStoreRSP, PeerReleaseRequested, is_stored
from dcmsend.transport import Deadline

from .association import Association
from .prepare import PreparedStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["MAX_OUTSTANDING_BYTES", "InFlight", "Sent"]

MAX_OUTSTANDING_BYTES = 64 * 1024 * 1024
"""Limit of unanswered data set bytes, so that a large window does not mean a large loss."""

_CHECKED_LENGTH: Final = 64 * 1024
"""Longer data sets are checked for unsent bytes; the peer's system may have buffered as much as this."""


class Sent:
    """An instance that was sent completely and waits for its answer.

    Attributes:
        store: the C-STORE that was sent.
        length: data set bytes that were sent.
        end: value of ``Association.written`` after the last byte of the request.
        deadline: when the answer must have arrived.
    """

    __slots__ = ("deadline", "end", "length", "store")

    def __init__(self, store: PreparedStore, length: int, end: int, deadline: Deadline) -> None:
        self.store = store
        self.length = length
        self.end = end
        self.deadline = deadline


class InFlight(dict[int, Sent]):
    """Requests by message id, the oldest first.

    An answer is impossible if its message was not sent.  Success is impossible if its message was not sent completely;
    a refusal is not, because a peer without room need not read to the end.  A second answer to the same message is
    ignored.

    Attributes:
        begun: message id of the request that is being sent, or was broken off; 0 for none.
    """

    def __init__(self, association: Association) -> None:
        super().__init__()
        self.begun = 0
        self._association = association
        self._bytes = 0
        self._settled_ids: set[int] = set()

    @property
    def are_many(self) -> bool:
        """Whether more bytes wait for an answer than should."""
        return self._bytes > MAX_OUTSTANDING_BYTES

    def count(self) -> int:
        """How many answers are due, that to the request which is being sent included."""
        return len(self) + (self.begun != 0)

    def add(self, store: PreparedStore, length: int) -> None:
        """Note that a request with ``length`` data set bytes was handed to the connection."""
        association = self._association
        self.begun = 0
        self[store.message_id] = Sent(store, length, association.written, association.response_deadline())
        self._bytes += length

    def take(self, message_id: int) -> Sent | None:
        """Remove and return the request that an answer belongs to; None if it is unknown or was answered before."""
        sent = self.pop(message_id, None)
        if sent is not None:
            self._bytes -= sent.length
            self._settled_ids.add(message_id)
        return sent

    def take_all(self) -> list[Sent]:
        """Remove and return all requests, because no more answers are expected."""
        entries = list(self.values())
        self._settled_ids.update(self)
        self.clear()
        self._bytes = 0
        return entries

    def look(self) -> None:
        """Check what has arrived before more is sent; drop second answers.

        Raises RemoteProtocolError for an impossible answer, what ``Association.waiting`` raises, and the reason if the
        association has ended: the peer stores nothing more of it, although it may still read.  After its request to
        release, data may still be sent (PS3.8 AR-7).
        """
        events = self._association.waiting()
        if not events:
            return
        kept = [
            event
            for event in events
            if not isinstance(event, CommandReceived) or self._is_awaited(event.command)
        ]
        events.clear()
        events.extend(kept)
        if kept and not isinstance(kept[-1], PeerReleaseRequested):
            self._association.check_usable()

    def _is_awaited(self, command: object) -> bool:
        if not isinstance(command, CStoreRSP):
            return True  # another command is judged when it is received
        number = command.message_id_responded_to
        if number in self:
            return True
        lie = self._lie_about_others(command)
        if lie is not None:
            raise lie
        return number == self.begun

    def find_lie(self, command: object) -> RemoteProtocolError | None:
        """Why an answer is impossible, when nothing more is being sent; None if it is possible."""
        if not isinstance(command, CStoreRSP):
            return None
        number = command.message_id_responded_to
        sent = self.get(number)
        if sent is None:
            return self._lie_about_others(command)
        if sent.length > _CHECKED_LENGTH and is_stored(command.status) and self._association.is_unsent(sent.end):
            return _not_sent(number, "has not been sent completely")
        return None

    def _lie_about_others(self, response: CStoreRSP) -> RemoteProtocolError | None:
        """Why an answer to a message that does not wait for one is impossible; None if it is possible."""
        number = response.message_id_responded_to
        if number and number == self.begun:
            return _not_sent(number, "has not been sent completely") if is_stored(response.status) else None
        return None if number in self._settled_ids else _not_sent(number, "was not sent")


def _not_sent(message_id: int, what: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"DIMSE Failed to receive message\nthe peer answers message {message_id}, which {what}")
