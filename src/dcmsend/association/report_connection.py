"""One association in which an archive reports, over a connection that does not wait."""

from __future__ import annotations

import math
from enum import Enum
from typing import Final

from dcmsend.dicom.record import Record
from dcmsend.errors import ConnectionLost, TlsFailed
from dcmsend.loggers import get_logger
from dcmsend.protocol import AssociateRJ, ReportAcceptor, decode_pdu
from dcmsend.transport import AcceptedConnection

from .report_taker import ReportTaker, shown

__all__ = ["ReportConnection", "ReportLimits"]

_PROGRESS: Final = 64 * 1024
"""Bytes after which an incomplete message has come on: a minute more is allowed for it."""

_log = get_logger("dcmsend.network")


class ReportLimits(Record):
    """The limits of a ReportListener.  Raises ValueError for what leaves nothing.

    Attributes:
        opening_seconds: for the TLS handshake and A-ASSOCIATE-RQ together.
        idle_seconds: of an association without a complete message; each 64 KiB of one begin the time anew.
        ending_seconds: until the peer closes after release, rejection or abort (PS3.8's ARTIM).
        sending_seconds: until the peer has read our answers.
        parting_seconds: until an archive releases its association after its report, when nothing more is waited for.
        associations: most of them at a time; further callers are rejected as BUSY.
        connections: most of them at a time, those without an association included; further callers wait.
    """

    opening_seconds: float = 30.0
    idle_seconds: float = 60.0
    ending_seconds: float = 10.0
    sending_seconds: float = 30.0
    parting_seconds: float = 1.0
    associations: int = 8
    connections: int = 32

    def check(self) -> None:
        if min(self.__dict__.values()) <= 0:
            raise ValueError("every limit of a listener must be more than 0")


class _Phase(Enum):
    OPENING = "opening"
    OPEN = "open"
    ENDING = "ending"


class ReportConnection:
    """Moves bytes between a connection and a ReportAcceptor, and watches their time; used by one thread.

    Times are those of the caller's clock, in seconds.

    Attributes:
        is_done: whether the connection is to be closed.
    """

    def __init__(
        self,
        connection: AcceptedConnection,
        acceptor: ReportAcceptor,
        taker: ReportTaker,
        limits: ReportLimits,
        now: float,
    ) -> None:
        self.is_done = False
        self._connection = connection
        self._acceptor = acceptor
        self._taker = taker
        self._limits = limits
        self._phase = _Phase.OPENING
        self._until = now + limits.opening_seconds
        self._sending_until: float | None = None
        self._progress = 0
        self._who = shown(connection.host)
        self._has_told_end = False
        self._reported_at = -math.inf

    def fileno(self) -> int:
        """The descriptor, for a selector."""
        return self._connection.fileno()

    @property
    def is_associated(self) -> bool:
        """Whether an association is established."""
        return self._phase is _Phase.OPEN

    @property
    def parting_until(self) -> float:
        """Until when the peer may be about to read the answer to its report and to release; minus infinity if not."""
        is_open = self._phase is _Phase.OPEN and not self.is_done
        return self._reported_at + self._limits.parting_seconds if is_open else -math.inf

    @property
    def has_unsent(self) -> bool:
        """Whether the peer has to read before more is received from it."""
        return bool(self._connection.unsent)

    @property
    def deadline(self) -> float:
        """The time at which ``check_time`` has something to do."""
        return self._until if self._sending_until is None else min(self._until, self._sending_until)

    def react(self, now: float, *, is_busy: bool) -> None:
        """Send and receive what is possible at once; ``is_busy`` rejects a request."""
        try:
            self._connection.flush()
            if not self._connection.unsent:
                self._receive(now, is_busy=is_busy)
        except TlsFailed as error:
            detail = f" ({error.detail})" if error.detail else ""
            self._taker.warn_once(f"tls {self._who}", f"no TLS session with caller {self._who}: {error.text}{detail}")
            self._end(now)
        except ConnectionLost as error:
            self._lose(str(error))
        if not self._connection.unsent:
            self._sending_until = None
        elif self._sending_until is None:
            self._sending_until = now + self._limits.sending_seconds

    def check_time(self, now: float) -> None:
        """End what has lasted too long."""
        if self.is_done or now < self.deadline:
            return
        if self._phase is not _Phase.OPEN or now < self._until:  # nothing was said, or is read any more
            if self._phase is not _Phase.ENDING:
                _log.debug("%s was too slow, the connection is closed", self._who)
            self.is_done = True
            return
        _log.debug("%s was silent for too long, the association is aborted", self._who)
        self.abort()
        self._end(now)

    def abort(self) -> None:
        """Abort the association, if there is one."""
        try:
            self._connection.send(self._acceptor.abort())
        except (ConnectionLost, TlsFailed):
            self.is_done = True

    def close(self) -> None:
        """Close the connection."""
        self.is_done = True
        self._connection.close()

    def give_up(self) -> None:
        """Close the copy in a forked child."""
        self._connection.give_up()

    def _receive(self, now: float, *, is_busy: bool) -> None:
        data = self._connection.receive()
        if data is None:
            self._acceptor.receive_closed()
            self._lose("closed by the peer")
            return
        if not data or self._phase is _Phase.ENDING:
            return
        was_asked = self._acceptor.peer is not None
        self._acceptor.is_busy = is_busy
        answer = self._acceptor.receive_data(data)
        if self._acceptor.peer is not None and not was_asked:
            self._tell_request(answer)
        reports = self._acceptor.take_reports()
        taken = answer
        for report in reports:  # before anything is sent: a peer that has left already has reported all the same
            peer = self._acceptor.peer
            title = "" if peer is None else peer.calling_ae_title
            taken += self._acceptor.answer(report, self._taker.status_for(report, title, self._connection.host))
        self._progress += len(data)
        if self._acceptor.is_over:
            self._end(now)
        elif self._acceptor.is_associated and (
            reports or answer or self._progress >= _PROGRESS or self._phase is _Phase.OPENING
        ):
            self._phase = _Phase.OPEN
            self._until = now + self._limits.idle_seconds
            self._progress = 0
            if reports:
                self._reported_at = now
        self._connection.send(taken)

    def _tell_request(self, answer: bytes) -> None:
        """Log who has called, and the answer."""
        peer = self._acceptor.peer
        assert peer is not None
        self._who = f"'{shown(peer.calling_ae_title)}' at {shown(self._connection.host)}"
        _log.debug("Association Received: %s calls '%s'", self._who, shown(peer.called_ae_title))
        if answer[:1] == bytes([AssociateRJ.pdu_type]):
            pdu = decode_pdu(AssociateRJ.pdu_type, answer[6:10])
            assert isinstance(pdu, AssociateRJ)
            _log.debug("Association Rejected: %s, %s", self._who, pdu.describe().replace("\n", ", "))
        elif self._acceptor.is_associated:
            _log.debug("Association Acknowledged: %s", self._who)

    def _end(self, now: float) -> None:
        """Close if the peer has aborted, or wait for the peer to do so, but not long."""
        self._phase = _Phase.ENDING
        self.is_done = self._acceptor.is_over and not self._acceptor.peer_closes
        self._until = now + self._limits.ending_seconds
        error = self._acceptor.error
        self._tell_end("ended" if error is None else f"aborted: {shown(error)}")

    def _lose(self, how: str) -> None:
        self.is_done = True
        self._tell_end(how)

    def _tell_end(self, how: str) -> None:
        if not self._has_told_end:
            self._has_told_end = True
            _log.debug("Association with %s: %s", self._who, how)
