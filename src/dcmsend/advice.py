"""Advice for a person at the command line: what to do about a failure.

Advice is chosen by the type of an error and its facts, never by the words of a message.  The log, the closing lines,
the HTML report and the documentation show it.  Only this module and ``cli`` name options of the command line.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from dcmsend.errors import (
    AssociationAborted,
    AssociationRejected,
    AssociationReleased,
    CannotListen,
    ConnectFailed,
    ConnectionLost,
    DcmsendError,
    GivenUp,
    InvalidInputFile,
    JournalError,
    NegotiationFailed,
    NoInputFiles,
    ProtocolError,
    RemoteProtocolError,
    SendingFailed,
    SessionFailed,
    StoreUnusable,
    TimedOut,
    TlsFailed,
    UserIdentityNotConfirmed,
)
from dcmsend.explanations import explanation
from dcmsend.reasons import NoConnection, NoJournal, NoStore, Reason, Rejection

__all__ = [
    "NOTHING_ACCEPTED", "SEE_ANSWERS", "Situation", "cannot_be_asked", "for_error", "for_http_status", "for_reason",
    "for_rejection", "for_silence", "for_status", "prove_again", "run_again", "with_explanation",
]

_TLS_ALERT: Final = 0x15
"""First byte of a TLS alert, which is not a PDU type."""

NOTHING_ACCEPTED: Final = (
    "the peer takes none of these kinds of object in these encodings; -v +v shows what it was offered, "
    "its administrator what it takes"
)
WHOLE_SERIES_MISSING: Final = (
    "it may have changed the UIDs, or moved the series elsewhere; its administrator knows, and nothing is sent again"
)
SHARED_UIDS: Final = (
    "a SOP Instance UID stands for one instance: an archive keeps one of them, or commits itself to none; whoever made "
    "the files has to give each its own"
)
_CANNOT_BE_ASKED: Final = (
    "what is stored is stored; the archive must allow queries (C-FIND, Study Root) for our AE title, --verify-peer "
    "names another address to ask, and --journal with --resume asks again"
)
_CANNOT_BE_ASKED_BY_WEB: Final = (
    "what is stored is stored; the service must allow queries (QIDO-RS) at the same URL for the same user, and "
    "--journal with --resume asks again"
)
CANNOT_COMMIT: Final = (
    "what is stored is stored; the archive must know our AE title for Storage Commitment, --verify asks by query "
    "instead, and --resume asks again"
)
ASKED_AGAIN: Final = "the next run with --resume asks for them again"
SEE_ANSWERS: Final = "-v +v shows its answers"

_BUSY: Final = "the peer is busy or has as many associations as it allows; try again later, --retry does it by itself"
_NO_DICOM: Final = "this does not look like a DICOM archive; check host and port"
_ASK_ITS_LOG: Final = "the peer does not say why; its log does, and often it wants our address or AE title on a list"

_THE_FILES: Final = "without +rd, +sd +r and its directory send the files themselves"

_NO_CONNECTION: Final = {
    NoConnection.OTHER: "",
    NoConnection.EMPTY_AE_TITLE: "-aec and -aet give the AE titles",
    NoConnection.EMPTY_HOST: "",
    NoConnection.UNKNOWN_HOST: "check how it is spelt, or use the address",
    NoConnection.REFUSED: "is the receiver running, and is this its DICOM port?",
    NoConnection.SILENT: "check host and port; a firewall may be in between",
    NoConnection.NOT_TLS: "",
    NoConnection.MAYBE_NOT_TLS: "",
    NoConnection.UNTRUSTED: "+cf FILE or +cd DIRECTORY name who is trusted",
    NoConnection.NOT_YET_VALID: "",
    NoConnection.EXPIRED: "",
    NoConnection.BAD_CERTIFICATE: "",
    NoConnection.OTHER_NAME: "--tls-server-name NAME says which name to look for, --tls-no-hostname-check to accept "
    "any name",
    NoConnection.BAD_HOST_NAME: "see --tls-server-name",
    NoConnection.UNKNOWN_TO_PEER: "--tls-server-name NAME gives another one",
    NoConnection.NOTHING_IN_COMMON: "see +py, +px, +pz",
    NoConnection.HANDSHAKE_FAILURE: "see +py, +px, +pz and +tls KEY CERTIFICATE",
    NoConnection.WANTS_CERTIFICATE: "+tls KEY CERTIFICATE gives one",
    NoConnection.REFUSES_CERTIFICATE: "it is the one of +tls",
}
"""Advice by reason; empty where the explanation contains it, or nothing more is known."""

_WEB_ADDRESS: Final = "is the web server running, and are host and port of the URL its own?"
_WHO_WE_ARE: Final = (
    "--bearer-file, --bearer-command, or --user with --password-file say who we are; the administrator of the service "
    "knows who may store"
)
_BASE_URL: Final = "is this the URL of a DICOMweb service that stores, the part before /studies?"
_BY_HTTP_STATUS: Final = (
    ((401, 403, 407), _WHO_WE_ARE),
    ((301, 302, 303, 307, 308, 404, 405, 406, 410, 415), _BASE_URL),
    ((413,), "the service takes no request of that length; its administrator can change that"),
    ((408, 429, 500, 502, 503, 504), "the service is busy or in trouble; try again later, --retry does it by itself"),
)  # fmt: skip

_NO_JOURNAL: Final = {
    NoJournal.OTHER: "",
    NoJournal.DAMAGED: "",
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

_BY_REJECTION: Final = {
    Rejection.NO_NAME: "a file name is empty; look at the command line or the file list",
    Rejection.UNREADABLE: "look at the name and the permissions",
    Rejection.EMPTY: "the file is empty; get it again from where it came from",
    Rejection.NO_META_HEADER: "is it a DICOM file? +f also takes files without a meta header",
    Rejection.BROKEN: "the file is damaged or cut off; get it again from where it came from",
    Rejection.ENCAPSULATED: "its transfer syntax is wrong; the file has to be repaired first",
    Rejection.UID_MISSING_IN_META_HEADER: "the meta header is incomplete; +f looks in the data set for what it lacks",
    Rejection.UID_MISSING: "the data set has to be repaired first",
    Rejection.INVALID_UID: "-nuc takes UIDs without a check",
    Rejection.DICOMDIR: "this is a DICOMDIR; +rd sends the files it refers to",
    Rejection.NO_STORAGE_CLASS: "such objects are not made to be stored; -nuc takes UIDs without a check",
    Rejection.UNKNOWN_STORAGE_CLASS: "-nuc takes UIDs without a check",
    Rejection.UNKNOWN_TRANSFER_SYNTAX: "-nuc takes UIDs without a check",
    Rejection.BROKEN_DICOMDIR: f"the DICOMDIR cannot be read; {_THE_FILES}",
    Rejection.RECORD_WITHOUT_FILE: f"the DICOMDIR is damaged; {_THE_FILES}",
    Rejection.RECORD_LACKS_UID: f"the DICOMDIR is incomplete; {_THE_FILES}",
    Rejection.OUTSIDE: "--dicomdir-allow-outside permits it",
    Rejection.NOT_NOW: "its store was asked several times; run again later",
    Rejection.MEMBER: "unpack the archive and send the files, or get it again from where it came from",
}
_SAID_BY_THE_MESSAGE: Final = frozenset((
    Rejection.NO_NAME, Rejection.UNREADABLE, Rejection.EMPTY, Rejection.BROKEN, Rejection.ENCAPSULATED,
))  # fmt: skip
"""Rejections after which the log needs no words beside DCMTK's."""
_LEAVE_OUT: Final = "-nh leaves out what is bad"

_BY_REASON: Final = {
    Reason.FILE_UNREADABLE: "Look at the file's permissions, and whether it is still there.",
    Reason.DATA_SET_BROKEN: "The file is damaged or cut off. Get it again from where it came from.",
    Reason.FILE_CHANGED: "Somebody was writing the file. Send it again when it is whole; --min-age leaves such files "
    "alone.",
    Reason.STORE_BUSY: "Its store was asked several times. Run again later.",
    Reason.MISSING_UID: "The data set has no SOP Class or Instance UID. It has to be repaired first.",
    Reason.NO_CONTEXT: "The archive takes neither this kind of object nor this encoding. Ask its administrator.",
    Reason.CONTEXT_REFUSED: "The archive does not take this encoding. +dly decompresses what is compressed with loss.",
    Reason.NO_DICTIONARY: "The data dictionary named in DCMDICTPATH cannot be read.",
    Reason.NOT_CONVERTIBLE: "The images cannot be decompressed as the archive wants them. Look at the message.",
    Reason.CONNECTION_LOST: "The connection broke. The archive may have the instance; sending it again does no harm.",
    Reason.ABORTED: "The archive ended the association. Its log knows why; sending again may work.",
    Reason.RELEASED: "The archive ended the association in the middle. Sending again may work.",
    Reason.TIMED_OUT: "The archive did not answer in time. It may have the instance; -td waits longer.",
    Reason.PROTOCOL_ERROR: "The archive did not keep to the protocol. Its log and ours (-d) tell more.",
    Reason.NOT_IN_RESPONSE: "The service has not named it among what it has stored. Have its log looked at.",
    Reason.TOO_LARGE: "The service, or a proxy before it, takes no request of that length. Its administrator can "
    "change that.",
    Reason.SERVER_BUSY: "The service is busy or out of order. Send again later; --retry does it by itself.",
    Reason.NO_ASSOCIATION: "There was no association to send it over. Send again when the archive is there.",
    Reason.HALTED: "The run ended before its turn; see why. Send again. Without -nh the first trouble ends a run.",
    Reason.CANCELLED: "The run was ended before its turn. Send again.",
    Reason.TIME_WINDOW: "The time window was over. The next run sends it.",
    Reason.SENDER_DIED: "Reading it ends the process that does it. Send it alone, without a cluster, and see why.",
}
_REFUSED_FOR_GOOD: Final = "There will be no association until a person has done something: see why the run ended."

_BY_STATUS: Final = (
    (0xA700, 0xFF00, "The archive is out of resources (disk, database). Send again later; --retry does it by itself."),
    (0xA900, 0xFF00, "The archive says that the data set does not fit its SOP Class. Have its log looked at."),
    (0xC000, 0xF000, "The archive cannot understand the data set. Have its log looked at; --normalize may help."),
    (0x0110, 0xFFFF, "The archive failed while it processed the instance. Send again later."),
    (0x0111, 0xFFFF, "The archive already has an instance with this UID."),
    (0x0122, 0xFFFF, "The archive does not store this kind of object. Ask its administrator to enable the SOP Class."),
    (0x0124, 0xFFFF, "The archive does not allow this sender to store. Ask its administrator."),
)


class Situation(NamedTuple):
    """The facts of a run, beside the error, on which advice depends.

    Attributes:
        host: of the peer.
        port: of the peer.
        called_ae_title: the peer's title, as given.
        calling_ae_title: our title.
        uses_tls: whether the connection is secured.
        scans_directories: whether directories are searched.
        has_pattern: whether only names that match a pattern are taken from directories.
        url: of a web service; ``""`` for a DIMSE peer.
    """

    host: str = ""
    port: int = 0
    called_ae_title: str = ""
    calling_ae_title: str = ""
    uses_tls: bool = False
    scans_directories: bool = False
    has_pattern: bool = False
    url: str = ""


def with_explanation(error: DcmsendError, situation: Situation) -> str:
    """The message, an explanation where DCMTK has none, and the advice: one or more lines."""
    hint = for_error(error, situation)
    if isinstance(error, JournalError):
        return f"{error} ({hint})" if hint else str(error)
    why = explanation(error) if isinstance(error, SessionFailed) else ""
    if why and hint and isinstance(error, SessionFailed) and isinstance(error.cause, TlsFailed):
        between = "\n" if error.cause.why is NoConnection.OTHER_NAME else "; "
        return f"{error}\n{why}{between}{hint}"
    return "\n".join(filter(None, (str(error), why, hint)))


def for_error(error: DcmsendError, situation: Situation) -> str:
    """Advice for an error that ended a run, in one or two lines; ``""`` when the message needs none."""
    if isinstance(error, SessionFailed) and not error.is_of_receiver:
        return ""
    if isinstance(error, SessionFailed) and situation.url:
        return _no_answer(error.cause, situation)
    if isinstance(error, NegotiationFailed):
        return _no_association(error.cause, situation)
    if isinstance(error, SendingFailed):
        return for_reason(error.reason) if error.reason is not None else _broken(error.cause)
    if isinstance(error, CannotListen):
        return "--commit-port names the port: it must be free, and the one that the archive has for our AE title"
    if isinstance(error, GivenUp):
        return "--stop-after-failures says how many in a row are enough"
    if isinstance(error, NoInputFiles):
        if not situation.scans_directories:
            return "+sd takes the files of a directory, +sd +r those of the whole tree"
        return "nothing was found" + (", or nothing of that pattern" if situation.has_pattern else "")
    if isinstance(error, InvalidInputFile):
        return "" if error.why in _SAID_BY_THE_MESSAGE else f"{for_rejection(error.why)}; {_LEAVE_OUT}"
    if isinstance(error, StoreUnusable):
        return _NO_STORE[error.why]
    return _NO_JOURNAL[error.why] if isinstance(error, JournalError) else ""


def for_rejection(why: Rejection) -> str:
    """Advice for an input that cannot be sent."""
    return _BY_REJECTION[why]


def for_reason(reason: Reason, *, is_permanent: bool = False) -> str:
    """Advice for an instance that was not stored and has no status, in one or two sentences.

    ``is_permanent``: no association will be possible until a person has acted.
    """
    return _REFUSED_FOR_GOOD if is_permanent else _BY_REASON[reason]


def for_status(status: int) -> str:
    """Advice for a DIMSE status that is neither success nor a warning, in one or two sentences."""
    for value, mask, text in _BY_STATUS:
        if status & mask == value:
            return text
    return "The archive refused it with a status of its own. Have its log looked at."


def run_again(*, with_journal: bool) -> str:
    """The words in the closing lines for instances that a new run may store."""
    return "may succeed when run again" + (" (--resume)" if with_journal else "")


def prove_again(*, with_journal: bool) -> str:
    """The words in the closing lines for instances about which the archive may say more to a new run."""
    return "may be proven when run again" + (" (--resume)" if with_journal else "")


def cannot_be_asked(*, by_web: bool) -> str:
    """Advice when an archive cannot be asked what it has."""
    return _CANNOT_BE_ASKED_BY_WEB if by_web else _CANNOT_BE_ASKED


def for_silence(calling_ae_title: str, port: int | None) -> str:
    """Advice when an archive has taken requests for commitment and does not report on them."""
    if port is None:
        return (
            "most archives report on an association of their own: --commit-port says where we listen, and the archive "
            f"must have this host and that port for {calling_ae_title!r}; --verify asks by query instead"
        )
    return (
        f"the archive must have this host and port {port} for {calling_ae_title!r}, and a firewall must let it in; "
        "--commit-wait waits longer, --resume asks again, --verify asks by query instead"
    )


def for_http_status(status: int) -> str:
    """Advice for the answer of a web service to a whole request, in one or two lines; ``""`` if nothing is known."""
    return next((text for statuses, text in _BY_HTTP_STATUS if status in statuses), "")


def _no_answer(cause: DcmsendError, situation: Situation) -> str:
    """Advice where a web service cannot be reached, or does not let us in."""
    status = getattr(cause, "status", None)  # of the error of stow, which this module cannot know
    if isinstance(cause, ProtocolError) and isinstance(status, int):
        return for_http_status(status)
    if isinstance(cause, TimedOut):
        return (
            f"{situation.url} has not answered within {cause.seconds:g} s: is it the address of a DICOMweb service? "
            "-to waits longer for a connection, -td for an answer"
        )
    if isinstance(cause, ConnectFailed):
        return _WEB_ADDRESS if cause.why is NoConnection.REFUSED else _NO_CONNECTION[cause.why]
    if isinstance(cause, ConnectionLost) and situation.url.startswith("http:"):
        return "the server has closed the connection without an answer; if it wants TLS, the URL begins with https"
    return ""


def _no_association(cause: DcmsendError, situation: Situation) -> str:
    if isinstance(cause, AssociationRejected):
        return _rejected(cause, situation)
    if isinstance(cause, AssociationAborted):
        return _ASK_ITS_LOG
    if isinstance(cause, UserIdentityNotConfirmed):
        return "its administrator knows the user; without -rsp it need not confirm"
    if isinstance(cause, TimedOut):
        return (
            f"{situation.host}:{situation.port} has not answered within {cause.seconds:g} s: is it a DICOM port, and "
            "is the receiver busy with another association? -ta waits longer"
        )
    if isinstance(cause, ConnectFailed):
        return _NO_CONNECTION[cause.why]
    if isinstance(cause, ConnectionLost) and not situation.uses_tls:
        return "the peer has closed the connection without an answer; if it wants TLS, +tla and +tls use it"
    if isinstance(cause, RemoteProtocolError):
        return "the peer answers with TLS; +tla and +tls use it" if cause.pdu_type == _TLS_ALERT else _NO_DICOM
    return ""


def _rejected(cause: AssociationRejected, situation: Situation) -> str:
    """Which side has to change what.  Source: PS3.8 Table 9-21."""
    if cause.is_transient or cause.source == 3:
        return _BUSY
    if (cause.source, cause.reason) == (1, 7):
        return f"the peer does not call itself {situation.called_ae_title!r}; -aec says which AE title it has"
    if (cause.source, cause.reason) == (1, 3):
        return (
            f"the peer does not know us as {situation.calling_ae_title!r}; its administrator enters this AE title, or "
            "-aet gives the one that was entered"
        )
    return _NO_DICOM if cause.reason == 2 else _ASK_ITS_LOG


def _broken(cause: DcmsendError) -> str:
    if isinstance(cause, TimedOut):
        return (
            f"the peer has not answered within {cause.seconds:g} s; it may have stored the instance all the same\n"
            "-td and --idle-timeout wait longer, --retry tries again"
        )
    if isinstance(cause, AssociationAborted | AssociationReleased | ConnectionLost):
        return "the peer's log says why; -nh goes on with another association, --retry also sends this one again"
    return ""
