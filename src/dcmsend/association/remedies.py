"""The next thing to try: what a person can do about an association that did not come about, or broke."""

from __future__ import annotations

from typing import Final

from dcmsend.errors import (
    AssociationAborted,
    AssociationRejected,
    ConnectFailed,
    ConnectionLost,
    DcmsendError,
    GivenUp,
    NegotiationFailed,
    SendingFailed,
    TimedOut,
    TlsFailed,
)
from dcmsend.protocol import Abort, AssociateRJ

from .peer import Peer

__all__ = ["NOTHING_ACCEPTED", "remedy"]

NOTHING_ACCEPTED: Final = (
    "the peer takes none of these kinds of object in these encodings; -v +v shows what it was offered, "
    "its administrator what it takes"
)

_BUSY: Final = "the peer is busy or has as many associations as it allows; try again later, --retry does it by itself"
_NO_DICOM: Final = "this does not look like a DICOM archive; check host and port"
_ASK_ITS_LOG: Final = "the peer does not say why; its log does, and often it wants our address or AE title on a list"


def remedy(error: DcmsendError, peer: Peer | None) -> str:
    """Why it failed and what to do, in one or more lines; ``""`` when there is nothing to add."""
    if isinstance(error, NegotiationFailed) and peer is not None:
        return _no_association(error.cause, peer)
    if isinstance(error, SendingFailed):
        return _broken(error.cause)
    if isinstance(error, GivenUp):
        return "--stop-after-failures says how many in a row are enough"
    return ""


def _no_association(cause: DcmsendError, peer: Peer) -> str:
    if isinstance(cause, AssociationRejected):
        return f"{AssociateRJ(cause.result, cause.source, cause.reason).describe()}\n{_rejected(cause, peer)}"
    if isinstance(cause, AssociationAborted):
        return f"{Abort(cause.source, cause.reason).describe()}\n{_ASK_ITS_LOG}"
    if isinstance(cause, TimedOut):
        return (
            f"{peer.host}:{peer.port} has not answered within {cause.seconds:g} s: is it a DICOM port, and is the "
            "receiver busy with another association? -ta waits longer"
        )
    detail = str(getattr(cause, "detail", ""))
    if isinstance(cause, ConnectFailed) and not isinstance(cause, TlsFailed):
        if "unknown host" in str(cause):
            return f"{detail}\ncheck how it is spelt, or use the address".lstrip()
        if "refused" in detail:
            return f"{detail}\nis the receiver running, and is this its DICOM port?"
        if "did not answer" in detail:
            return f"{detail}\ncheck host and port; a firewall may be in between"
    return detail


def _rejected(cause: AssociationRejected, peer: Peer) -> str:
    """Who has to change what.  Source: PS3.8 Table 9-21."""
    if cause.is_transient or cause.source == 3:
        return _BUSY
    if (cause.source, cause.reason) == (1, 7):
        return f"the peer does not call itself {peer.called_ae_title!r}; -aec says which AE title it has"
    if (cause.source, cause.reason) == (1, 3):
        return (
            f"the peer does not know us as {peer.calling_ae_title!r}; its administrator enters this AE title, or -aet "
            "gives the one that was entered"
        )
    return _NO_DICOM if cause.reason == 2 else _ASK_ITS_LOG


def _broken(cause: DcmsendError) -> str:
    if isinstance(cause, TimedOut):
        return (
            f"the peer has not answered within {cause.seconds:g} s; it may have stored the instance all the same\n"
            "-td and --idle-timeout wait longer, --retry tries again"
        )
    if isinstance(cause, AssociationAborted | ConnectionLost):
        return "the peer's log says why; -nh goes on with another association, --retry also sends this one again"
    return ""
