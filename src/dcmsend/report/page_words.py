"""The words of pages for people: of outcomes, reasons and answers, without the names that only programs need."""

from __future__ import annotations

from typing import Final

from dcmsend.reasons import Reason, Rejection
from dcmsend.transfer import Result

__all__ = ["OUTCOME_WORDS", "outcome_words", "reason_words", "rejection_words", "sentence", "status_words"]

OUTCOME_WORDS: Final = {
    "stored": "stored", "refused": "refused", "failed": "failed", "unconfirmed": "without an answer",
    "not_attempted": "not begun", "invalid": "cannot be sent",
}  # fmt: skip
"""By the names of ``outcome`` in reports."""

_REASONS: Final = {
    Reason.FILE_UNREADABLE: "the file cannot be read",
    Reason.DATA_SET_BROKEN: "the file is damaged or cut off",
    Reason.FILE_CHANGED: "the file was being written",
    Reason.STORE_BUSY: "the object store cannot deliver it now",
    Reason.MISSING_UID: "the file lacks an identifier",
    Reason.NO_CONTEXT: "the archive does not take such objects, or not in this encoding",
    Reason.CONTEXT_REFUSED: "the archive does not take this encoding",
    Reason.NO_DICTIONARY: "the data dictionary is missing",
    Reason.NOT_CONVERTIBLE: "the images cannot be decompressed as the archive wants them",
    Reason.CONNECTION_LOST: "the connection broke",
    Reason.ABORTED: "the archive aborted the association",
    Reason.RELEASED: "the archive ended the connection early",
    Reason.TIMED_OUT: "no answer in time",
    Reason.PROTOCOL_ERROR: "the archive did not keep to the protocol",
    Reason.NOT_IN_RESPONSE: "the archive does not name it among what it stored",
    Reason.TOO_LARGE: "too large for the service",
    Reason.SERVER_BUSY: "the service is busy",
    Reason.NO_ASSOCIATION: "there was no connection to the archive",
    Reason.ONE_ASSOCIATION: "there was no room in the only association",
    Reason.HALTED: "the run ended before its turn",
    Reason.CANCELLED: "the run was interrupted before its turn",
    Reason.TIME_WINDOW: "the time window was over",
    Reason.SENDER_DIED: "reading it crashes the program",
}

_STATUSES: Final = (
    (0x0110, 0xFFFF, "processing failure"),
    (0x0111, 0xFFFF, "it is there already"),
    (0x0122, 0xFFFF, "such objects are not stored"),
    (0x0124, 0xFFFF, "not allowed"),
    (0xA700, 0xFF00, "out of resources"),
    (0xA900, 0xFF00, "does not fit its kind of object"),
    (0xC000, 0xF000, "cannot be understood"),
    (0xB000, 0xFFFF, "values were changed"),
    (0xB006, 0xFFFF, "elements were left out"),
    (0xB007, 0xFFFF, "does not quite fit its kind of object"),
)
"""Value, mask, words.  Source: PS3.4 table B.2-1, PS3.7 annex C."""


def outcome_words(result: Result) -> str:
    """The words for a result."""
    return OUTCOME_WORDS[result.value.replace(" ", "_")]


def reason_words(reason: Reason) -> str:
    """The words for a reason of ours."""
    return _REASONS[reason]


def sentence(text: str) -> str:
    """Advice as a sentence of its own."""
    return text if text.endswith("?") else f"{text[:1].upper()}{text[1:]}."


def rejection_words(why: Rejection) -> str:
    """The words for a reason why an input was not taken."""
    return why.value


def status_words(status: int) -> str:
    """An answer of the archive with what it stands for: ``0xA700, out of resources``."""
    words = next((text for value, mask, text in _STATUSES if status & mask == value), "")
    return f"0x{status:04X}, {words}" if words else f"0x{status:04X}"
