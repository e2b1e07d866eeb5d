"""The requests of one association that wait for their answers, and which answers cannot be true."""

from __future__ import annotations

from typing import Final

from dcmsend.errors import RemoteProtocolError
from dcmsend.protocol import CommandReceived, CStoreRSP, is_stored
from dcmsend.transport import Deadline

from .association import Association
from .prepare import PreparedStore

__all__ = ["MAX_OUTSTANDING_BYTES", "InFlight", "Sent"]

MAX_OUTSTANDING_BYTES = 64 * 1024 * 1024
"""Data set bytes that may be without an answer, so that a large window is not a large loss."""

_CHECKED_LENGTH: Final = 64 * 1024
"""Of what is longer it is asked whether it has left this computer; the peer's system takes so much at once."""


class Sent:
    """An instance that is completely sent and waits for its answer.

    Attributes:
        store: what was sent.
        length: data set bytes that were sent.
        end: bytes handed to the connection when the last one was.
        deadline: until when the answer has to come.
    """

    __slots__ = ("deadline", "end", "length", "store")

    def __init__(self, store: PreparedStore, length: int, end: int, deadline: Deadline) -> None:
        self.store = store
        self.length = length
        self.end = end
        self.deadline = deadline


class InFlight(dict[int, Sent]):
    """Requests by message id, the oldest first.

    An answer to a message that has not gone out cannot be true, nor can success for one that has not gone out
    completely.  (A refusal may come before its end: a peer that has no room need not see all of it.)  A second answer
    to the same message is ignored.

    Attributes:
        begun: message id of the request of which a part is on its way, 0 for none.
    """

    def __init__(self, association: Association) -> None:
        super().__init__()
        self.begun = 0
        self._association = association
        self._bytes = 0
        self._settled_ids: set[int] = set()

    @property
    def are_many(self) -> bool:
        """Whether more bytes are without an answer than should be."""
        return self._bytes > MAX_OUTSTANDING_BYTES

    def add(self, store: PreparedStore, length: int) -> None:
        """A request with ``length`` bytes of data set was handed to the connection."""
        association = self._association
        self.begun = 0
        self[store.message_id] = Sent(store, length, association.written, association.response_deadline())
        self._bytes += length

    def take(self, message_id: int) -> Sent | None:
        """The request that an answer belongs to; None if there is none or it has its answer already."""
        sent = self.pop(message_id, None)
        if sent is not None:
            self._bytes -= sent.length
            self._settled_ids.add(message_id)
        return sent

    def take_all(self) -> list[Sent]:
        """All requests, because no answer is waited for any more."""
        entries = list(self.values())
        self._settled_ids.update(self)
        self.clear()
        self._bytes = 0
        return entries

    def look(self) -> None:
        """Look at what has come before more is sent; second answers are forgotten.

        Raises RemoteProtocolError for an answer that cannot be true, and what ``Association.waiting`` raises.
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

    def _is_awaited(self, command: object) -> bool:
        if not isinstance(command, CStoreRSP):
            return True  # what is wrong with it is told when it is received
        number = command.message_id_responded_to
        if number in self:
            return True
        if number == self.begun and number:
            if is_stored(command.status):
                raise _not_sent(number, "has not been sent completely")
            return True
        if number in self._settled_ids:
            return False
        raise _not_sent(number, "was not sent")

    def find_lie(self, command: object) -> RemoteProtocolError | None:
        """What cannot be true of an answer when nothing is being sent; None if all can."""
        if not isinstance(command, CStoreRSP):
            return None
        number = command.message_id_responded_to
        sent = self.get(number)
        if sent is None:
            return None if number in self._settled_ids else _not_sent(number, "was not sent")
        if sent.length > _CHECKED_LENGTH and is_stored(command.status) and self._association.is_unsent(sent.end):
            return _not_sent(number, "has not been sent completely")
        return None


def _not_sent(message_id: int, what: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"DIMSE Failed to receive message\nthe peer answers message {message_id}, which {what}")
