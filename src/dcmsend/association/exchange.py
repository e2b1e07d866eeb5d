"""Requests other than C-STORE over an association: it is opened for the first one, and anew after it was lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from dcmsend.errors import DcmsendError, RemoteProtocolError, SopClassRefused
from dcmsend.interrupt import Interrupt
from dcmsend.protocol import (
    Command,
    CommandParseError,
    CommandReceived,
    DataReceived,
    Message,
    MessageAssembly,
    PresentationContext,
)
from dcmsend.transfer import TransferOptions
from dcmsend.transport import Deadline

from .association import Association
from .negotiation_log import log_request
from .opening import end_association, open_association
from .peer import Peer

__all__ = ["Exchange"]

_CONTEXT: Final = 1
_MOST_MESSAGE_IDS: Final = 65535
_PATIENCE: Final = 1.0
"""Seconds to wait for a peer that violates the protocol."""


class Exchange:
    """Asks one peer about one SOP Class, one request at a time; used by one thread.

    Args:
        peer: the archive.
        sop_class_uid: the SOP Class of the only presentation context.
        options: the time-outs, and the longest PDU.
        interrupt: ends a wait early.
    """

    def __init__(self, peer: Peer, sop_class_uid: str, options: TransferOptions, interrupt: Interrupt) -> None:
        self._peer = peer
        self._options = options
        self._interrupt = interrupt
        self._context = PresentationContext(
            _CONTEXT, sop_class_uid, (EXPLICIT_VR_LITTLE_ENDIAN.uid, IMPLICIT_VR_LITTLE_ENDIAN.uid)
        )
        self._association: Association | None = None
        self._message_id = 0

    def open(self) -> str:
        """Open the association if there is none; return the UID of the transfer syntax for data sets.

        Raises NegotiationFailed, SopClassRefused, Cancelled.
        """
        association = self._association or self._open()
        (_, _, syntax), *_ = association.accepted
        return syntax.uid

    def next_message_id(self) -> int:
        """The message id for the next request, 1..65535."""
        self._message_id = self._message_id % _MOST_MESSAGE_IDS + 1
        return self._message_id

    def ask(self, command: Command, data_set: bytes, waited_for: str) -> Iterator[Message]:
        """Send a request over the open association; yield the peer's messages as they come, until the caller stops.

        ``waited_for`` names what is awaited, for the message of a time-out.  A caller that stops before the last answer
        calls ``abort``.  Raises AssociationAborted, AssociationReleased, ConnectionLost, TimedOut, RemoteProtocolError,
        Cancelled; the association has then been aborted.
        """
        association = self._association
        assert association is not None
        assembly = MessageAssembly()
        try:
            association.send_message(_CONTEXT, command, data_set)
            while True:
                yield self._hear(association, assembly, waited_for)
        except DcmsendError:
            self.abort()
            raise

    def _hear(self, association: Association, assembly: MessageAssembly, waited_for: str) -> Message:
        seconds = self._options.dimse_timeout or self._options.idle_timeout
        while True:
            event = association.next_event(Deadline(seconds, waited_for))  # each part of an answer has its own time
            if not isinstance(event, CommandReceived | DataReceived):
                raise RemoteProtocolError("the peer sends something that is no message")
            message = assembly.receive(event)
            if message is None:
                continue
            if message.context_id != _CONTEXT:
                raise RemoteProtocolError(f"the peer answers over presentation context {message.context_id}")
            if isinstance(message.command, CommandParseError):
                raise RemoteProtocolError(message.command.text, code=message.command.code)
            return message

    def abort(self) -> None:
        """Abort the association, if there is one; the next request opens another."""
        association, self._association = self._association, None
        if association is not None:
            association.abort(_PATIENCE)

    def close(self) -> None:
        """Release the association; never raises, may be called twice."""
        association, self._association = self._association, None
        if association is not None:
            end_association(association)

    def _open(self) -> Association:
        log_request(self._peer, (self._context,), self._options)
        association = open_association(self._peer, (self._context,), self._options, self._interrupt)
        try:
            if not association.accepted:
                raise SopClassRefused
            association.prepare_to_send()
            if association.unusable is not None:
                raise association.unusable
        except DcmsendError:
            association.abort(_PATIENCE)
            raise
        self._association = association
        return association
