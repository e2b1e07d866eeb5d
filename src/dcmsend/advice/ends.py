"""Advice for the error that has ended a run."""

from __future__ import annotations

from typing import Final

from dcmsend.errors import (
    CannotListen,
    DcmsendError,
    GivenUp,
    InvalidInputFile,
    JournalError,
    NegotiationFailed,
    NoInputFiles,
    NoValidInputFiles,
    SendingFailed,
    SessionFailed,
    StoreUnusable,
    TlsFailed,
)
from dcmsend.reasons import NoConnection, NoJournal, NoStore, Rejection

from .connections import for_broken_association, for_no_answer, for_no_association
from .inputs import for_nothing_found
from .instances import LEAVE_OUT, SAID_BY_THE_MESSAGE, for_reason, for_rejection
from .situation import Situation

__all__ = ["for_error", "with_explanation"]

_NO_JOURNAL: Final = {
    NoJournal.OTHER: "",
    NoJournal.DAMAGED: "",
    NoJournal.IN_USE: "",
    NoJournal.EXISTS: "--resume goes on with it",
    NoJournal.NOT_CLOSED: "the next run with --resume mends it",
}

_NO_STORE: Final = {
    NoStore.OTHER: "",
    NoStore.NO_PACKAGE: "",
    NoStore.CREDENTIALS: "credentials come from the environment and the files of the store's own programs, never from "
    "the command line; get new ones and run again",
    NoStore.FORBIDDEN: "the credentials need the right to list and to read there",
    NoStore.NOT_THERE: "check how it is spelt; --storage-option endpoint_url=URL names another store",
    NoStore.UNREACHABLE: "check the network and --storage-option endpoint_url=URL; run again later",
    NoStore.UNTRUSTED: "the environment (SSL_CERT_FILE, AWS_CA_BUNDLE) names whom to trust",
    NoStore.NOT_NOW: "run again later",
    NoStore.BAD_URL: "",
    NoStore.BAD_OPTION: "",
}


def with_explanation(error: DcmsendError, situation: Situation) -> str:
    """The message, an explanation where DCMTK has none, and the advice: one or more lines."""
    hint = for_error(error, situation)
    if isinstance(error, JournalError):
        return f"{error} ({hint})" if hint else str(error)
    why = error.explanation if isinstance(error, SessionFailed) else ""
    if why and hint and isinstance(error, SessionFailed) and isinstance(error.cause, TlsFailed):
        between = "\n" if error.cause.why is NoConnection.OTHER_NAME else "; "
        return f"{error.text}\n{why}{between}{hint}"
    return "\n".join(filter(None, (error.text, why, hint)))


def for_error(error: DcmsendError, situation: Situation) -> str:
    """Advice for an error that ended a run, in one or two lines; ``""`` when the message needs none."""
    if isinstance(error, SessionFailed) and not error.is_of_receiver:
        return ""
    if isinstance(error, SessionFailed) and situation.url:
        return for_no_answer(error.cause, situation)
    if isinstance(error, NegotiationFailed):
        return for_no_association(error.cause, situation)
    if isinstance(error, SendingFailed):
        return for_reason(error.reason) if error.reason is not None else for_broken_association(error.cause)
    if isinstance(error, CannotListen):
        return "--commit-port names the port: it must be free, and the one that the archive has for our AE title"
    if isinstance(error, GivenUp) and error.counts_failures:
        return "--stop-after-failures sets how many failures in a row end a run"
    if isinstance(error, NoInputFiles):
        return for_nothing_found(situation)
    if isinstance(error, NoValidInputFiles):
        return for_rejection(Rejection.DICOMDIR) if situation.names_dicomdir else ""
    if isinstance(error, InvalidInputFile):
        return "" if error.why in SAID_BY_THE_MESSAGE else f"{for_rejection(error.why)}; {LEAVE_OUT}"
    if isinstance(error, StoreUnusable):
        return _NO_STORE[error.why]
    return _NO_JOURNAL[error.why] if isinstance(error, JournalError) else ""
