"""Why a run cannot be, or not go on: no connection, no journal, no store."""

from __future__ import annotations

from enum import Enum

__all__ = ["NoConnection", "NoJournal", "NoStore"]


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
