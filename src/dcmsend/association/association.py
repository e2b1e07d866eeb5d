"""One association: joins the pure protocol conversation and a connection.  No planning, no files, no retry."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator

from dcmsend.dicom.transfer_syntax import TransferSyntax, transfer_syntax
from dcmsend.errors import (
    AssociationAborted,
    AssociationRejected,
    AssociationReleased,
    ConnectionLost,
    DcmsendError,
    LocalProtocolError,
    RemoteProtocolError,
    TimedOut,
    UserIdentityNotConfirmed,
)
from dcmsend.interrupt import Interrupt
from dcmsend.load import Payload
from dcmsend.loggers import get_logger
from dcmsend.protocol import (
    Abort,
    AssociateAC,
    AssociateRQ,
    AssociationAccepted,
    AssociationRefused,
    Command,
    CommandReceived,
    CStoreRQ,
    Event,
    FramedBuffer,
    PeerAborted,
    PeerReleaseRequested,
    ReleaseConfirmed,
    ReleaseRP,
    ReleaseRQ,
    TransportClosed,
    UpperLayer,
    encode_command,
    encode_command_pdus,
    encode_message_pdus,
    max_fragment_length,
)
from dcmsend.transport import Deadline

from .framing import Framing, framing_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from dcmsend.transfer import Pace, TransferOptions
    from dcmsend.transport import Connection

__all__ = ["BUFFER_SIZE", "Association"]

BUFFER_SIZE = 896 * 1024
"""Bytes of one framed buffer, sent by one system call.  Not a power of two: see decision 3."""

_MOST_READS = 64
"""Number of reads in a row before other events are checked; a peer may send without end."""

_MOST_TALK = 64 * 1024
"""Number of bytes other than answers up to which a peer does not count as silent."""

_DRAIN_SECONDS = 1.0
"""Seconds that a failed send waits for the peer's reason."""

_UNACKNOWLEDGED = 64 * 1024
"""Bytes that never count as unsent: TLS's own, and differences in how systems count."""

_NO_ANSWER = "DIMSE No data available (timeout in non-blocking mode)"

_log = get_logger("dcmsend.network")


class Association:
    """An association as its requestor.

    Attributes:
        accepted: (id, SOP Class UID, transfer syntax) of each accepted context, in the order of their ids.
        answer: the peer's A-ASSOCIATE-AC, None before it.
        fragment_length: data set bytes in each P-DATA-TF PDU.
        window: how many requests may be without an answer, from 1 (PS3.7 D.3.3.3).
        unusable: why no data can be sent over this association, None normally.
        written: bytes handed to the connection so far, PDU headers included.
    """

    def __init__(self, connection: Connection, options: TransferOptions, interrupt: Interrupt) -> None:
        self._connection = connection
        self._interrupt = interrupt
        self._options = options
        self._pace: Pace | None = None
        self._layer = UpperLayer(options.max_pdu)
        self._events: deque[Event] = deque()
        self._input = memoryview(bytearray(64 * 1024))
        self._idle = Deadline(options.idle_timeout, "the peer to take data")
        self._answer_idle = Deadline(options.idle_timeout, "the C-STORE response")
        self._buffer: FramedBuffer | None = None
        self._staged: tuple[Framing, int, bytes, int, bool] | None = None
        self._is_torn = False
        self._may_catch_up = True
        self._talk = 0
        self._unsent: int | None = None
        self.written = 0
        self.accepted: tuple[tuple[int, str, TransferSyntax], ...] = ()
        self.answer: AssociateAC | None = None
        self.fragment_length = 0
        self.window = 1
        self.unusable: RemoteProtocolError | None = None

    def negotiate(self, request: AssociateRQ) -> None:
        """Ask for the association.

        Raises AssociationRejected, UserIdentityNotConfirmed, AssociationAborted, ConnectionLost, TimedOut,
        RemoteProtocolError, Cancelled; TlsFailed if the peer objects to our certificate.
        """
        self._send(self._layer.send(request))
        event = self._next_event(Deadline(self._options.acse_timeout, "the answer to the association request"))
        if isinstance(event, AssociationRefused):
            refusal = event.pdu
            raise AssociationRejected(refusal.result, refusal.source, refusal.reason, refusal.describe())
        if not isinstance(event, AssociationAccepted):
            raise RemoteProtocolError("the peer did not answer the association request")
        identity = request.user_information.user_identity
        is_confirmed = event.pdu.user_information.user_identity_response is not None
        if identity is not None and identity.response_requested and not is_confirmed:
            raise UserIdentityNotConfirmed
        self.answer = event.pdu
        self.window = event.pdu.user_information.granted_window(self._options.async_window)
        self.accepted = tuple(
            (context.id, context.abstract_syntax, transfer_syntax(context.transfer_syntax))
            for context in self._layer.accepted_contexts.values()
        )

    def prepare_to_send(self, pace: Pace | None = None) -> None:
        """Lay out the buffer for the peer's maximum length; set ``unusable`` if that leaves no room for data.
        ``pace`` limits how fast data sets are sent; None sets no limit.
        """
        self._pace = pace
        try:
            self.fragment_length = max_fragment_length(self._layer.peer_max_length, self._options.max_send_pdu)
        except RemoteProtocolError as error:
            text = f"DIMSE Failed to send message\n0006:0308 {error.text}"
            self.unusable = RemoteProtocolError(text, code="0006:020e")
        else:
            self._buffer = FramedBuffer(self.fragment_length, BUFFER_SIZE)

    def stage(self, context_id: int, request: CStoreRQ, payload: Payload) -> None:
        """Frame the request and the first bytes of its data set; nothing is sent yet.

        May be called once ``send_staged`` of the previous instance has returned.  Raises what ``payload`` raises.
        """
        assert self._buffer is not None
        command = encode_command_pdus(encode_command(request), context_id, self.fragment_length)
        framing = framing_of(payload)
        count, is_last = framing.fill(self._buffer)
        self._staged = (framing, context_id, command, count, is_last)

    def check_usable(self) -> None:
        """Raise an error that arrived together with the last answer, before anything more is sent.

        Raises AssociationAborted, AssociationReleased, RemoteProtocolError.
        """
        try:
            self._layer.check_can_send_data()
        except LocalProtocolError:
            self._raise_reason()

    def waiting(self, most: int | None = None) -> deque[Event]:
        """Events that have arrived, read up to ``most``; the caller may remove some.  Raises as ``receive`` does."""
        self._take_waiting(most or self.window + _MOST_READS)
        return self._events

    def is_unsent(self, end: int) -> bool:
        """Whether bytes before position ``end`` of ``written`` are certainly still on this computer."""
        later = self.written - end + (self._connection.taken if self._is_torn else 0)
        return self._connection.unsent() > later + later // 8 + _UNACKNOWLEDGED

    def take_answers(self) -> Iterator[CommandReceived]:
        """The answers that arrived before the error that ended the association; does not wait."""
        while self._events and isinstance(self._events[0], CommandReceived):
            event = self._events.popleft()
            assert isinstance(event, CommandReceived)
            yield event

    def send_staged(self, progress: Callable[[int], None] | None = None, look: Callable[[], None] | None = None) -> int:
        """Send the staged bytes and the rest of the data set; return the number of data set bytes.

        ``look`` is called between writes.  Raises what ``look`` and the payload raise (the association is then
        unusable), ConnectionLost, AssociationAborted, TimedOut, Cancelled.
        """
        assert self._staged is not None
        assert self._buffer is not None
        framing, context_id, command, count, is_last = self._staged
        self._staged = None
        self._layer.check_can_send_data()
        total = 0
        if len(command) > self._buffer.HEAD_ROOM:
            self._send(command)
            command = b""
        while True:
            self._send_paced(self._buffer.frame(count, context_id=context_id, is_last=is_last, command=command), look)
            total += count
            if progress is not None:
                progress(count)
            if is_last:
                return total
            self._interrupt.check()
            command = b""
            count, is_last = framing.fill(self._buffer)
            if look is not None:
                look()

    def response_deadline(self) -> Deadline:
        """How long the answer to the request that was just sent may take.

        Without an explicit limit one time limit covers all requests in flight; every answer starts it again.
        """
        self.note_answer()
        if self._options.dimse_timeout:
            return Deadline(self._options.dimse_timeout, "the C-STORE response")
        return self._answer_idle

    def note_answer(self) -> None:
        """Note that an awaited answer has arrived: the idle time starts again."""
        self._may_catch_up = True
        self._talk = 0
        self._unsent = None
        self._answer_idle.restart()

    def has_news(self) -> bool:
        """Whether any event has arrived that was not received yet."""
        return bool(self._events) or self._connection.has_input()

    def receive(self, deadline: Deadline) -> CommandReceived:
        """Wait for the next command.

        Raises AssociationAborted, AssociationReleased, ConnectionLost, TimedOut, RemoteProtocolError, Cancelled.
        """
        try:
            if not self._events and self._may_catch_up and deadline.remaining() == 0.0:
                self._may_catch_up = False  # only once: a peer that keeps sending must still run out of time
                self._take_waiting(self.window)  # the answer may have arrived in time, while this side was busy
            while True:
                try:
                    event = self._next_event(deadline)
                except TimedOut:
                    if deadline is self._answer_idle and self._moves():
                        continue
                    raise
                if isinstance(event, CommandReceived):
                    return event
        except TimedOut as error:
            raise TimedOut(error.waited_for, error.seconds, _NO_ANSWER, "0006:0207") from None
        except RemoteProtocolError as error:
            inner = error.text if error.pdu_type is None else f"0006:0321 {error.text}"
            text = f"DIMSE Failed to receive message\n0006:020c DIMSE Read PDV failed\n{inner}"
            raise RemoteProtocolError(text, error.abort_reason, "0006:020d") from error

    def _moves(self) -> bool:
        """Whether the peer still takes data, if slowly: the system may hold megabytes of ours in its buffers."""
        before, self._unsent = self._unsent, self._connection.unsent()
        moves = self._unsent > 0 if before is None else self._unsent < before
        if moves:
            self._answer_idle.restart()
        return moves

    def send_message(self, context_id: int, command: Command, data_set: bytes = b"") -> None:
        """Send a message that is no C-STORE, with a small data set.  Raises as ``send_staged`` does."""
        self._layer.check_can_send_data()
        self._send(encode_message_pdus(encode_command(command), data_set, context_id, self.fragment_length))

    def next_event(self, deadline: Deadline) -> Event:
        """Wait for the next event of an exchange that is no C-STORE.  Raises as ``receive`` does."""
        return self._next_event(deadline)

    def release(self) -> None:
        """Release in order and close.  Raises the error if the peer aborts or the network fails instead."""
        try:
            self.check_usable()
            self._send(self._layer.send(ReleaseRQ()))
            deadline = Deadline(self._options.acse_timeout, "the answer to the release request")
            while not isinstance(self._next_event(deadline), ReleaseConfirmed):
                pass
        finally:
            self.close()

    def confirm_release(self) -> None:
        """Answer the peer's request to release, then close; never raises a DcmsendError."""
        with contextlib.suppress(DcmsendError):
            self._send(self._layer.send(ReleaseRP()))
        self.close()

    def abort(self, patience: float | None = None) -> None:
        """Send A-ABORT, wait for the peer to close, close; never raises a DcmsendError.

        ``patience`` is the longest wait in seconds, None for ``TransferOptions.acse_timeout``.
        """
        _log.info("Aborting Association")
        with contextlib.suppress(DcmsendError):
            # Inside a PDU the peer would take A-ABORT for data, perhaps for the last bytes of an instance.
            if not self._is_torn:
                seconds = self._options.acse_timeout if patience is None else patience
                deadline = Deadline(seconds, "the peer to close the connection")
                self._connection.send(self._layer.send(Abort(0, 0)), deadline)
                for _ in range(_MOST_READS):  # bounded: a peer may go on sending for ever
                    if not self._connection.receive_into(self._input, deadline):
                        break
        self.close()

    def close(self) -> None:
        """Close the connection without release or abort.

        The large buffers are freed at once: a traceback may keep the association alive for a while.
        """
        self._connection.close()
        self._buffer = self._staged = None
        self._input = memoryview(b"")

    def _send_paced(self, data: memoryview, look: Callable[[], None] | None) -> None:
        pace = self._pace
        if pace is None or not pace.limits_bytes:
            self._send(data)
            return
        start = 0
        while part := data[start : start + pace.piece]:  # the rate may change on the way
            pace.wait_for_bytes(len(part), self._interrupt)
            if start and look is not None:
                look()
            self._send(part)
            start, self._is_torn = start + len(part), True  # the end of a piece is not the end of a PDU
        self._is_torn = False

    def _send(self, data: bytes | memoryview) -> None:
        self._idle.restart()
        self._is_torn = True
        try:
            self._connection.send(data, self._idle, self._on_stall if self.window > 1 else None)
        except (ConnectionLost, TimedOut) as failure:
            # The peer's A-ABORT, if it still lies in our socket, is a better reason than "broken pipe".
            with contextlib.suppress(ConnectionLost, TimedOut, RemoteProtocolError):
                self._raise_reason()
            raise failure
        self._is_torn = False
        self.written += len(data)

    def _raise_reason(self) -> NoReturn:
        """Raise the error that has arrived, or arrives soon; answers before it are kept for ``take_answers``."""
        deadline = Deadline(_DRAIN_SECONDS, "the peer's reason")
        answers: list[Event] = []
        try:
            while True:
                event = self._next_event(deadline)
                if len(answers) < self.window:
                    answers.append(event)
        finally:
            self._events.extendleft(reversed(answers))

    def _on_stall(self) -> None:
        """Take waiting answers: a peer that cannot deliver its answers may stop reading."""
        self._take_waiting(self.window)
        self.check_usable()

    def _take_waiting(self, most: int) -> None:
        """Take the events that have arrived already, at most until ``most`` are waiting."""
        for _ in range(_MOST_READS):
            if len(self._events) >= most or not self._connection.has_input():
                return
            self._read(Deadline(None, ""))

    def _read(self, deadline: Deadline) -> None:
        count = self._connection.receive_into(self._input, deadline)
        if count:
            self._talk += count
            if self._talk <= _MOST_TALK:
                self._answer_idle.restart()
            self._events.extend(self._layer.receive_data(self._input[:count]))
            return
        self._events.extend(self._layer.receive_closed())
        if not self._events:
            raise ConnectionLost

    def _next_event(self, deadline: Deadline) -> Event:
        """The next event that is not an error; errors are raised."""
        while not self._events:
            if self._layer.violation is not None:
                self._layer.receive_data(b"")  # raises the error that arrived together with the last good event
            self._read(deadline)
        event = self._events.popleft()
        if isinstance(event, PeerAborted):
            raise AssociationAborted(event.pdu.source, event.pdu.reason, event.pdu.describe())
        if isinstance(event, PeerReleaseRequested):
            raise AssociationReleased
        if isinstance(event, TransportClosed):
            raise ConnectionLost
        return event
