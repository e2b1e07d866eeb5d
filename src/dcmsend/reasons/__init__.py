"""Reasons of failures as values: advice is chosen by them, and programs can ask for them."""

from __future__ import annotations

from enum import Enum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .end_reasons import NoConnection, NoJournal, NoStore

__all__ = ["NoConnection", "NoJournal", "NoStore", "Reason", "Rejection"]


class Reason(Enum):
    """Why an instance has no answer of the peer; the names are stable."""

    FILE_UNREADABLE = "file unreadable"
    DATA_SET_BROKEN = "data set broken"
    FILE_CHANGED = "file changed"
    STORE_BUSY = "its object store cannot deliver it now"
    MISSING_UID = "missing UID"
    NO_CONTEXT = "no acceptable presentation context"
    CONTEXT_REFUSED = "presentation context refused"
    NO_DICTIONARY = "data dictionary missing"
    NOT_CONVERTIBLE = "not convertible"
    CONNECTION_LOST = "connection lost"
    ABORTED = "aborted by peer"
    RELEASED = "released by peer"
    TIMED_OUT = "timed out"
    PROTOCOL_ERROR = "protocol error"
    NOT_IN_RESPONSE = "not in the response"
    TOO_LARGE = "too large for the server"
    SERVER_BUSY = "server busy"
    NO_ASSOCIATION = "no association"
    ONE_ASSOCIATION = "no room in the only association"
    HALTED = "halted"
    CANCELLED = "cancelled"
    TIME_WINDOW = "time window over"
    SENDER_DIED = "ended the process that was sending it"


class Rejection(Enum):
    """Why an input is not in the transfer list; the names are stable."""

    NO_NAME = "empty file name"
    UNREADABLE = "file unreadable"
    UNSEARCHABLE = "folder that cannot be searched"
    EMPTY = "empty file"
    NO_META_HEADER = "no file meta information"
    ARCHIVE = "an archive"
    BROKEN = "truncated or corrupt"
    ENCAPSULATED = "encapsulated pixel data in an uncompressed transfer syntax"
    UID_MISSING_IN_META_HEADER = "the meta header lacks a UID"
    UID_MISSING = "a UID is missing"
    INVALID_UID = "not a UID"
    DICOMDIR = "a DICOMDIR"
    NO_STORAGE_CLASS = "a SOP Class that is not stored"
    UNKNOWN_STORAGE_CLASS = "a standard SOP Class that is not known"
    UNKNOWN_TRANSFER_SYNTAX = "a transfer syntax that is not known"
    BROKEN_DICOMDIR = "the DICOMDIR itself cannot be read"
    DICOMDIR_NOT_FOLLOWED = "a DICOMDIR in an archive or a store"
    RECORD_WITHOUT_FILE = "the DICOMDIR's record names no file"
    RECORD_LACKS_UID = "the DICOMDIR's record lacks a UID"
    OUTSIDE = "the DICOMDIR's record leads outside its directory"
    MEMBER = "cannot be read out of its archive"
    NOT_NOW = "its object store cannot deliver it now"
    FILE_CHANGED = "file changed"

    @property
    def is_permanent(self) -> bool:
        """Whether the input is bad for every run, and not just out of reach, or being written."""
        return self not in (Rejection.NOT_NOW, Rejection.FILE_CHANGED)


def __getattr__(name: str) -> Any:
    """Load why a whole run cannot be when somebody asks: a run without trouble does not."""
    if name not in ("NoConnection", "NoJournal", "NoStore"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import end_reasons

    return getattr(end_reasons, name)
