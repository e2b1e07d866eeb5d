"""What became of one instance: a value made once, on which every report and exit code rests."""

from __future__ import annotations

from enum import Enum

from dcmsend.bases import NamedTuple
from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.index import Instance
from dcmsend.reasons import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.index import HeaderFacts

__all__ = [
    "Attempt", "Reason", "Result", "StoreOutcome", "after_unanswered", "came_with_others", "counted_as_stored",
    "may_succeed",
]  # fmt: skip


class Result(Enum):
    """The five ends an instance can come to."""

    STORED = "stored"
    """The peer answered with success or a warning."""
    REFUSED = "refused"
    """The peer answered with any other status."""
    FAILED = "failed"
    """The instance was not sent, or not completely; the peer does not have it."""
    UNCONFIRMED = "unconfirmed"
    """The instance was sent completely, and no answer tells what became of it; the peer may have stored it."""
    NOT_ATTEMPTED = "not attempted"
    """Nothing of the instance was sent."""

    __hash__ = object.__hash__  # members exist once; Enum's own hash is Python code


class Attempt(NamedTuple):
    """One attempt to store an instance, and how it ended.

    Attributes:
        time: start of the attempt, in seconds since the epoch.
        result: the result the instance would have had if this attempt had been the last.
        status: the peer's DIMSE status; None if it did not answer.
        reason: our reason; None when the peer answered.
    """

    time: float
    result: Result
    status: int | None
    reason: Reason | None


class StoreOutcome(NamedTuple):
    """The one outcome of one instance.

    Attributes:
        index: place in the transfer list, from 1.
        instance: the instance to be sent.
        result: one of five.
        status: the peer's DIMSE status 0x0000..0xFFFF; None if it did not answer (PS3.7 §9.1.1.1.9).
        reason: our reason; None when the peer answered.
        message: one line for a person, ``""`` for a plain success.
        association: number of the association, from 1; 0 when the instance was never assigned to one.
        context_id: id of the presentation context planned for the instance, 0 for none.
        sent_syntax: the transfer syntax on the wire, or the file's own if nothing was sent; None if never loaded.
        data_set_length: bytes of the data set in the file (inflated for Deflated), 0 if never loaded.
        bytes_sent: bytes of the data set that were sent, without PDU headers.
        message_id: 1..65535, 0 when none was taken.
        sop_class_uid: Affected SOP Class UID of the request, ``""`` if there was none.
        sop_instance_uid: Affected SOP Instance UID of the request, ``""`` if there was none.
        error_comment: (0000,0902) of the answer, ``""`` if missing.
        offending_elements: tags of (0000,0901) of the answer.
        started: start of the attempt in seconds since the epoch, 0.0 if it was never begun.
        seconds: from ``started`` to the outcome.
        earlier: the attempts before the last one, in order.
        file_stamp: size in bytes and time of modification in nanoseconds of the file when it was opened to be sent,
            None if it could not be opened.
        file_identity: device and inode of that file, None where they are not known.
        is_permanent: whether a new run would fail in the same way until a person has acted, whatever ``reason`` says
            (a permanent rejection, certificates that are not trusted).
        facts: study, series and other requested elements of the data set that was loaded to be sent; None if none was
            loaded (``instance.facts`` then has what the scan has seen), or if nobody asks: no program that reads the
            outcomes, no journal, no report.
        earlier_unanswered: whether the peer has refused the instance, or a worker of a cluster failed with it, and the
            peer may have it all the same: an earlier attempt of this run sent the same instance and was not answered.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which is not used
    instance: Instance
    result: Result
    status: int | None = None
    reason: Reason | None = None
    message: str = ""
    association: int = 0
    context_id: int = 0
    sent_syntax: TransferSyntax | None = None
    data_set_length: int = 0
    bytes_sent: int = 0
    message_id: int = 0
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    error_comment: str = ""
    offending_elements: tuple[int, ...] = ()
    started: float = 0.0
    seconds: float = 0.0
    earlier: tuple[Attempt, ...] = ()
    file_stamp: tuple[int, int] | None = None
    file_identity: tuple[int, int] | None = None
    is_permanent: bool = False
    facts: HeaderFacts | None = None
    earlier_unanswered: bool = False

    @property
    def position(self) -> int:
        """Place in the transfer list, from 0."""
        return self.index - 1

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """All attempts, in order; none for an instance that was never begun."""
        if not self.started:
            return self.earlier
        return (*self.earlier, Attempt(self.started, self.result, self.status, self.reason))

    @property
    def is_out_of_resources(self) -> bool:
        """Whether the peer says that it cannot take anything at the moment (0xA7xx)."""
        return self.status is not None and _is_out_of_resources(self.status)

    @property
    def is_duplicate(self) -> bool:
        """Whether the peer refuses the instance because it already has one with this UID (0x0111, 0xB00E)."""
        return self.status in _DUPLICATE and self.result is Result.REFUSED

    def __repr__(self) -> str:
        why = "" if self.reason is None else f", {self.reason.value}"
        answer = why if self.status is None else f" 0x{self.status:04X}"
        return f"<StoreOutcome {self.index}: {self.result.value}{answer}, {self.instance.input.path!r}>"

    @property
    def is_retryable(self) -> bool:
        """Whether the same instance may be stored when it is sent again, without anyone's action."""
        return not self.is_permanent and may_succeed(self.result, self.status, self.reason)


def may_succeed(result: Result, status: int | None, reason: Reason | None) -> bool:
    """Whether an instance with this end may be stored when it is sent again, without anyone's action."""
    if status is not None:
        return result is Result.REFUSED and (_is_out_of_resources(status) or status == _PROCESSING_FAILURE)
    return reason in _TRANSIENT or came_with_others(result, reason)


def came_with_others(result: Result, reason: Reason | None) -> bool:
    """Whether an instance was not judged itself: a request with others was refused as a whole, without a list."""
    return reason is Reason.NOT_IN_RESPONSE and result in (Result.UNCONFIRMED, Result.FAILED)


def _is_out_of_resources(status: int) -> bool:
    return status & 0xFF00 == 0xA700


def counted_as_stored(outcome: StoreOutcome) -> StoreOutcome:
    """The outcome for a duplicate that an earlier attempt may have stored; the peer's status stays visible."""
    return outcome._replace(result=Result.STORED, message=f"the peer has it already (0x{outcome.status or 0:04X})")


def after_unanswered(outcome: StoreOutcome) -> StoreOutcome:
    """The outcome of an attempt after one that may have stored the same instance, and was not answered."""
    if outcome.is_duplicate:
        return counted_as_stored(outcome)
    if outcome.result is Result.REFUSED or (outcome.result is Result.FAILED and outcome.reason not in _OTHER_FILE):
        return outcome._replace(earlier_unanswered=True)  # a later run may hear of a duplicate
    return outcome


_OTHER_FILE = frozenset({Reason.FILE_CHANGED, Reason.DATA_SET_BROKEN})
"""Then the file is not the one that was sent before."""

_TRANSIENT = frozenset({
    Reason.FILE_CHANGED, Reason.STORE_BUSY, Reason.CONNECTION_LOST, Reason.ABORTED, Reason.RELEASED, Reason.TIMED_OUT,
    Reason.PROTOCOL_ERROR, Reason.SERVER_BUSY, Reason.NO_ASSOCIATION, Reason.HALTED, Reason.CANCELLED,
    Reason.TIME_WINDOW,
})

_PROCESSING_FAILURE = 0x0110
"""PS3.7 C.5.14."""

_DUPLICATE = frozenset({0x0111, 0xB00E})
"""Duplicate SOP Instance (PS3.7 C.5.10), and what a web service of Microsoft's answers instead."""
