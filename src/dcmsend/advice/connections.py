"""Advice where no association or connection comes about, or one breaks."""

from __future__ import annotations

import re
from typing import Final

from dcmsend.errors import (
    AssociationAborted,
    AssociationRejected,
    AssociationReleased,
    ConnectFailed,
    ConnectionLost,
    DcmsendError,
    ProtocolError,
    RemoteProtocolError,
    TimedOut,
    UserIdentityNotConfirmed,
)
from dcmsend.reasons import NoConnection

from .situation import Situation

__all__ = ["for_broken_association", "for_http_status", "for_no_answer", "for_no_association", "port_in_host"]

_TLS_ALERT: Final = 0x15
"""First byte of a TLS alert, which is not a PDU type."""

_HOST_AND_PORT: Final = re.compile(r"([^:/@\s]+|\[[0-9A-Fa-f:.%]+\]):([0-9]{1,5})")
_LATER: Final = "try again later; with --retry the run does so, for as long as --retry-max-time says"
_BUSY: Final = f"the peer is busy or has as many associations as it allows; {_LATER}"
_BUSY_FOR_GOOD: Final = (
    "the peer has as many associations as it allows, and says that this will not pass; its administrator can change it"
)
_NO_DICOM: Final = "this does not look like a DICOM archive; check host and port"
_ASK_ITS_LOG: Final = "the peer gives no reason, but its log does; often our address or AE title must be entered there"

_NO_CONNECTION: Final = {
    NoConnection.OTHER: "",
    NoConnection.EMPTY_AE_TITLE: "-aec and -aet give the AE titles",
    NoConnection.EMPTY_HOST: "",
    NoConnection.UNKNOWN_HOST: "check how it is spelt, or use the address",
    NoConnection.REFUSED: "is the receiver running, and is this its DICOM port?",
    NoConnection.SILENT: "check host and port; a firewall may be in between",
    NoConnection.NOT_TLS: "",
    NoConnection.MAYBE_NOT_TLS: "",
    NoConnection.UNTRUSTED: "+cf FILE or +cd DIRECTORY name the certificates to trust",
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
    "--bearer-file, --bearer-command, or --user with --password-file log in; the administrator of the service grants "
    "the right to store"
)
_BASE_URL: Final = "is this the URL of a DICOMweb service that stores, the part before /studies?"
_BY_HTTP_STATUS: Final = (
    ((401, 403, 407), _WHO_WE_ARE),
    ((301, 302, 303, 307, 308, 404, 405, 406, 410, 415), _BASE_URL),
    ((413,), "the service takes no request of that length; its administrator can change that"),
    ((408, 429, 500, 502, 503, 504), f"the service is busy or out of order; {_LATER}"),
)  # fmt: skip


def port_in_host(host: str) -> str:
    """Advice for a host that was written together with its port; ``""`` for any other."""
    match = _HOST_AND_PORT.fullmatch(host)
    return f"put the port after a space: {match[1].strip('[]')} {match[2]}" if match else ""


def for_http_status(status: int) -> str:
    """Advice for the answer of a web service to a whole request, in one or two lines; ``""`` if nothing is known."""
    return next((text for statuses, text in _BY_HTTP_STATUS if status in statuses), "")


def for_no_answer(cause: DcmsendError, situation: Situation) -> str:
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


def for_no_association(cause: DcmsendError, situation: Situation) -> str:
    """Advice where a DIMSE peer cannot be reached, or does not let us in."""
    if isinstance(cause, AssociationRejected):
        return _rejected(cause, situation)
    if isinstance(cause, AssociationAborted):
        return _ASK_ITS_LOG
    if isinstance(cause, UserIdentityNotConfirmed):
        return "its administrator must enter the user; without -rsp no confirmation is needed"
    if isinstance(cause, TimedOut):
        return (
            f"{situation.host}:{situation.port} has not answered within {cause.seconds:g} s: is it a DICOM port, and "
            "is the receiver busy with another association? -ta waits longer"
        )
    if isinstance(cause, ConnectFailed):
        glued = port_in_host(situation.host) if cause.why is NoConnection.UNKNOWN_HOST else ""
        return glued or _NO_CONNECTION[cause.why]
    if isinstance(cause, ConnectionLost) and not situation.uses_tls:
        return "the peer has closed the connection without an answer; if it wants TLS, +tla and +tls use it"
    if isinstance(cause, RemoteProtocolError):
        return "the peer answers with TLS; +tla and +tls use it" if cause.pdu_type == _TLS_ALERT else _NO_DICOM
    return ""


def _rejected(cause: AssociationRejected, situation: Situation) -> str:
    """Which side has to change what.  Source: PS3.8 Table 9-21."""
    if (cause.source, cause.reason) == (1, 7):
        return f"the peer does not call itself {situation.called_ae_title!r}; -aec says which AE title it has"
    if (cause.source, cause.reason) == (1, 3):
        return (
            f"the peer does not know us as {situation.calling_ae_title!r}; its administrator enters this AE title, or "
            "-aet gives the one that was entered"
        )
    if cause.is_transient:
        return _BUSY
    if cause.source == 3:
        return _BUSY_FOR_GOOD
    return _NO_DICOM if cause.reason == 2 else _ASK_ITS_LOG


def for_broken_association(cause: DcmsendError) -> str:
    """Advice where the failure of an instance has ended a run."""
    if isinstance(cause, TimedOut):
        return (
            f"the peer has not answered within {cause.seconds:g} s; it may have stored the instance all the same\n"
            "-td and --idle-timeout wait longer, --retry tries again"
        )
    if isinstance(cause, AssociationAborted | AssociationReleased | ConnectionLost):
        return "the peer's log says why; -nh goes on with another association, --retry also sends this one again"
    return ""
