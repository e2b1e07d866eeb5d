"""Requests other than C-STORE over an association: it is opened for the first one, and anew after it was lost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from dcmsend.errors import (
    AssociationReleased,
    DcmsendError,
    LocalProtocolError,
    RemoteProtocolError,
    SopClassRefused,
)
from dcmsend.interrupt import Interrupt
from dcmsend.loggers import get_logger
from dcmsend.protocol import (
    Command,
    CommandParseError,
    CommandReceived,
    DataReceived,
    Event,
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

_log = get_logger("dcmsend.network")


class Exchange:
    """Asks one peer about one SOP Class, one request at a time; used by one thread.

    Every method that raises has aborted the association; the next request opens another.

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
        self._assembly = MessageAssembly()
        self._message_id = 0

    @property
    def is_open(self) -> bool:
        """Whether there is an association, as far as is known without listening."""
        return self._association is not None

    def open(self) -> str:
        """Open the association if there is none; return the UID of the transfer syntax for data sets.

        Raises NegotiationFailed, SopClassRefused, RemoteProtocolError, Cancelled.
        """
        association = self._association or self._open()
        (_, _, syntax), *_ = association.accepted
        return syntax.uid

    def next_message_id(self) -> int:
        """The message id for the next request, 1..65535."""
        self._message_id = self._message_id % _MOST_MESSAGE_IDS + 1
        return self._message_id

    def ask(self, command: Command, data_set: bytes, waited_for: str) -> Iterator[Message]:
        """Send a request; yield the peer's messages as they come, until the caller stops.  Raises as ``hear`` does."""
        self.send(command, data_set)
        while True:
            yield self.hear(waited_for)

    def send(self, command: Command, data_set: bytes) -> None:
        """Send a request over the open association.  Raises as ``hear`` does."""
        with self._alive() as association:
            association.send_message(_CONTEXT, command, data_set)

    def reply(self, response: Command) -> None:
        """Answer a request of the peer.  Raises as ``hear`` does.

        Nothing is sent if the peer has ended the association in the meantime: the next message tells how.
        """
        with self._alive() as association, contextlib.suppress(LocalProtocolError):
            association.send_message(_CONTEXT, response)

    def hear(self, waited_for: str) -> Message:
        """Wait for the peer's next message; ``waited_for`` names it in the text of a time-out.

        Raises AssociationAborted, AssociationReleased, ConnectionLost, TimedOut, RemoteProtocolError, Cancelled.
        """
        seconds = self._options.dimse_timeout or self._options.idle_timeout
        with self._alive() as association:
            while True:
                event = association.next_event(Deadline(seconds, waited_for))  # each part of an answer has its own time
                message = self._assembled(event)
                if message is not None:
                    return message

    def heard(self) -> Message | None:
        """The peer's next message if it has arrived already, else None; a release by the peer is confirmed.

        Raises as ``hear`` does, except AssociationReleased and TimedOut.
        """
        if self._association is None:
            return None
        with self._alive() as association:
            try:
                return self._arrived(association)
            except AssociationReleased:
                _log.debug("The peer has released the association")
                self._association = None
                association.confirm_release()
                return None

    def broken(self, text: str) -> RemoteProtocolError:
        """Abort because of what the peer says; return the error for the caller to raise."""
        self.abort()
        return RemoteProtocolError(text)

    def abort(self) -> None:
        """Abort the association, if there is one."""
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
        self._assembly = MessageAssembly()
        return association

    @contextlib.contextmanager
    def _alive(self) -> Iterator[Association]:
        """The open association; it is aborted if the block raises a DcmsendError."""
        association = self._association
        assert association is not None
        try:
            yield association
        except DcmsendError:
            self.abort()
            raise

    def _arrived(self, association: Association) -> Message | None:
        while association.has_news():
            if association.waiting(1):  # what came before an error is taken before the error is found
                message = self._assembled(association.next_event(Deadline(None, "")))
                if message is not None:
                    return message
        association.check_usable()
        return None

    def _assembled(self, event: Event) -> Message | None:
        """The message that ends with an event, None if it goes on."""
        if not isinstance(event, CommandReceived | DataReceived):
            raise RemoteProtocolError("the peer sends something that is no message")
        message = self._assembly.receive(event)
        if message is None:
            return None
        if message.context_id != _CONTEXT:
            raise RemoteProtocolError(f"the peer answers over presentation context {message.context_id}")
        if isinstance(message.command, CommandParseError):
            raise RemoteProtocolError(message.command.text, code=message.command.code)
        return message
