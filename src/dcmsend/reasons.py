"""Reasons of failures as values: advice is chosen by them, and programs can ask for them."""

from __future__ import annotations

from enum import Enum

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


class NoConnection(Enum):
    """Why there is no connection to the peer, or no TLS session; the names are stable."""

    OTHER = "another reason"
    EMPTY_AE_TITLE = "an AE title is empty"
    EMPTY_HOST = "the host name is empty"
    UNKNOWN_HOST = "the host name is not known"
    REFUSED = "no program listens there"
    SILENT = "no answer"
    NOT_TLS = "the peer does not speak TLS"
    MAYBE_NOT_TLS = "the peer does not answer, or breaks off, as if it did not speak TLS"
    UNTRUSTED = "the peer's certificate is issued by an authority that is not trusted"
    NOT_YET_VALID = "a certificate is not valid yet"
    EXPIRED = "a certificate has expired"
    BAD_CERTIFICATE = "the peer's certificate cannot be trusted"
    OTHER_NAME = "the peer's certificate is for another host"
    BAD_HOST_NAME = "the host name cannot be used with TLS"
    UNKNOWN_TO_PEER = "the peer does not know itself by the name asked for"
    NOTHING_IN_COMMON = "no protocol version or cipher suite in common"
    HANDSHAKE_FAILURE = "nothing in common, or a certificate is wanted"
    WANTS_CERTIFICATE = "the peer wants a certificate from us"
    REFUSES_CERTIFICATE = "the peer does not accept our certificate"


class NoJournal(Enum):
    """Why a journal cannot be used, as far as a program can act on it; the names are stable."""

    OTHER = "another reason"
    EXISTS = "it exists already"
    DAMAGED = "it is damaged, or no journal"
    NOT_CLOSED = "the run before was cut off"
    IN_USE = "another run uses it"


class NoStore(Enum):
    """Why an object store or a web place cannot be used; the names are stable."""

    OTHER = "another reason"
    NO_PACKAGE = "a package is not installed"
    CREDENTIALS = "no credentials, or they are not valid or not valid any more"
    FORBIDDEN = "its objects may not be listed"
    NOT_THERE = "there is no such bucket or place"
    UNREACHABLE = "the host there does not answer"
    UNTRUSTED = "its certificate cannot be trusted"
    NOT_NOW = "it cannot answer now"
    BAD_URL = "the address cannot be used"
    BAD_OPTION = "an option for it is not known"

    @property
    def is_permanent(self) -> bool:
        """Whether a person has to act before a later attempt may succeed."""
        return self not in (NoStore.UNREACHABLE, NoStore.NOT_NOW)
