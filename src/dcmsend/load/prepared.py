"""An instance on its way out: what was loaded of it, or the reason why it cannot be sent."""

from __future__ import annotations

import time

from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.errors import (
    AssociationAborted,
    AssociationReleased,
    Cancelled,
    ConnectionLost,
    DataSetError,
    DcmsendError,
    FileUnreadable,
    TimedOut,
    TranscodeError,
)
from dcmsend.index import Instance
from dcmsend.inputs import FileChanged
from dcmsend.loggers import DEBUG, INFO, WARNING, get_logger
from dcmsend.reasons import Reason, Rejection

from .payload import Payload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.index import HeaderFacts

__all__ = ["Failure", "Prepared", "explain", "log_done", "log_failure", "log_notes", "reason_of"]

_log = get_logger("dcmsend.network")
_app_log = get_logger("dcmsend.app")

_REASONS: dict[type, Reason] = {
    AssociationAborted: Reason.ABORTED,
    AssociationReleased: Reason.RELEASED,
    ConnectionLost: Reason.CONNECTION_LOST,
    TimedOut: Reason.TIMED_OUT,
    Cancelled: Reason.CANCELLED,
    FileUnreadable: Reason.FILE_UNREADABLE,
    FileChanged: Reason.FILE_CHANGED,
    DataSetError: Reason.DATA_SET_BROKEN,
    TranscodeError: Reason.NOT_CONVERTIBLE,
}

_LEVELS = {"W": WARNING, "I": INFO, "D": DEBUG}


class Failure:
    """Why an instance cannot be sent.

    Attributes:
        reason: the reason that reports show.
        error: the error; its text is DCMTK's condition.
        log: messages to log as errors, in order, when it is the instance's turn.
    """

    __slots__ = ("error", "log", "reason")

    def __init__(self, reason: Reason, error: DcmsendError, *log: str) -> None:
        self.reason = reason
        self.error = error
        self.log = log


class Prepared:
    """An instance that is ready to be sent, or the reason why it cannot be sent; the same for every way to send.

    Attributes:
        index: place in the transfer list, from 0.
        length: bytes of the data set in the file, 0 if the file could not be loaded.
        stamp: size and time of modification of the file when it was opened, None if it could not be opened.
        identity: device and inode of the file, None where they are not known.
        facts: what reports show of the data set beside its UIDs; None if nobody asks, or the data set could not be
            walked.
        is_done: whether this run has already stored the same file and moved it away.
        sent_syntax: the transfer syntax on the wire, or the file's own if nothing was sent; None if never loaded.
        notes: (level, text) to log when it is the instance's turn.
        started: when the attempt began, in seconds since the epoch.
    """

    __slots__ = (
        "facts", "failure", "identity", "index", "instance", "is_done", "length", "notes", "payload", "sent_syntax",
        "stamp", "started",
    )  # fmt: skip

    def __init__(self, index: int, instance: Instance) -> None:
        self.index = index
        self.instance = instance
        self.facts: HeaderFacts | None = None
        self.is_done = False
        self.length = 0
        self.stamp: tuple[int, int] | None = None
        self.identity: tuple[int, int] | None = None
        self.sent_syntax: TransferSyntax | None = None
        self.payload: Payload | None = None
        self.failure: Failure | None = None
        self.notes: list[tuple[str, str]] = []
        self.started = time.time()

    def close(self) -> None:
        """Close the file."""
        if self.payload is not None:
            self.payload.close()


def reason_of(error: DcmsendError) -> Reason:
    """The reason that reports show for an error that has ended an attempt."""
    if isinstance(error, FileUnreadable) and error.why is Rejection.NOT_NOW:
        return Reason.STORE_BUSY
    for kind in type(error).__mro__:
        if kind in _REASONS:
            return _REASONS[kind]
    return Reason.PROTOCOL_ERROR


def explain(error: DcmsendError) -> str:
    """DCMTK's condition on the first line, the exact fault on a second one."""
    return "\n".join(filter(None, (error.text, error.explanation)))


def log_notes(prepared: Prepared) -> None:
    """Log the oddities of an instance, now that it is its turn."""
    for level, text in prepared.notes:
        _log.log(_LEVELS[level], text)


def log_failure(failure: Failure) -> None:
    """Log why an instance cannot be sent."""
    for text in failure.log:
        _log.error(text)


def log_done(prepared: Prepared) -> None:
    """Log that this run has already stored the same file."""
    _app_log.info("not sent again, it was named twice and is stored already: %s", prepared.instance.input.path)
