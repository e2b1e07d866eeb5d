"""The log lines around the negotiation of an association, in DCMTK's layout (``-d``, and ``+v`` with ``-v``)."""

from __future__ import annotations

from collections.abc import Sequence

from dcmsend.dicom.ae_title import cut_ae_title
from dcmsend.dicom.sop_class import sop_class_name
from dcmsend.errors import AssociationRejected, DcmsendError
from dcmsend.loggers import DEBUG, INFO, get_logger
from dcmsend.protocol import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    AssociateAC,
    PresentationContext,
    UserIdentity,
    UserInformation,
)
from dcmsend.transfer import TransferOptions

from .association import Association
from .peer import Peer

__all__ = ["log_accepted", "log_rejected", "log_request", "warn_of_adjustments"]

_log = get_logger("dcmsend.network")

_REASONS_OF_SOURCE = {1: (1, 2, 3, 7), 2: (1, 2), 3: (1, 2)}
"""Reasons of a rejection that PS3.8 Table 9-21 defines, for each source."""

_IDENTITY_TYPES = {
    1: ("Username", ""),
    2: ("Username/Password", ""),
    3: ("Kerberos", "Kerberos Service Ticket"),
    4: ("SAML", "SAML Assertion"),
    5: ("JWT", "JSON Web Token"),
}

LONGEST_PDU = 131072
PDV_OVERHEAD = 12


def log_request(peer: Peer, contexts: Sequence[PresentationContext], options: TransferOptions) -> None:
    """Log what we are about to ask for."""
    level = _level(options)
    if not _log.isEnabledFor(level):
        return
    lines = ["Request Parameters:", _banner("BEGIN A-ASSOCIATE-RQ")]
    lines += _parameters(peer, options, None)
    for context in contexts:
        lines += [
            f"  Context ID:        {context.id} (Proposed)",
            f"    Abstract Syntax: {_name(context.abstract_syntax)}",
            "    Proposed SCP/SCU Role: Default",
            "    Proposed Transfer Syntax(es):",
        ]
        lines += [f"      {_name(uid)}" for uid in context.transfer_syntaxes]
    lines += _negotiation_lines("END A-ASSOCIATE-RQ", peer.user_identity, None)
    _log.log(level, "\n".join(lines))


def warn_of_adjustments(peer: Peer, options: TransferOptions) -> None:
    """Warn of values that are sent in another form than the user gave them."""
    for which, title in (("calling", peer.calling_ae_title), ("called", peer.called_ae_title)):
        used = cut_ae_title(title)
        if used is not None:
            _log.warning("%s AE title '%s' is longer than 16 bytes, only '%s' is used", which, title, used)
    if options.max_pdu & 1:
        _log.warning("ASSOC: PDV receive length %d is odd (using %d)", options.max_pdu, options.max_pdu & ~1)


def log_accepted(
    association: Association, peer: Peer, contexts: Sequence[PresentationContext], options: TransferOptions
) -> None:
    """Log the peer's answer to the request for an association."""
    level = _level(options)
    answer = association.answer
    if answer is not None and _log.isEnabledFor(level):
        lines = ["Association Parameters Negotiated:", _banner("BEGIN A-ASSOCIATE-AC")]
        lines += _parameters(peer, options, answer)
        results = {result.id: result for result in answer.context_results}
        for context in contexts:
            result = results.get(context.id)
            words = "No Reason" if result is None else result.describe()
            lines += [
                f"  Context ID:        {context.id} ({words})",
                f"    Abstract Syntax: {_name(context.abstract_syntax)}",
                "    Proposed SCP/SCU Role: Default",
            ]
            if result is not None:
                lines.append("    Accepted SCP/SCU Role: Default")
            if result is not None and result.result == 0:
                lines.append(f"    Accepted Transfer Syntax: {_name(result.transfer_syntax)}")
        response = answer.user_information.user_identity_response
        lines += _negotiation_lines("END A-ASSOCIATE-AC", peer.user_identity, response)
        _log.log(level, "\n".join(lines))
    if answer is not None and association.accepted:
        # DCMTK leaves --max-send-pdu out of this number.
        longest = min(answer.user_information.max_length or LONGEST_PDU, LONGEST_PDU)
        if longest & 1:
            _log.warning("ASSOC: PDV send length %d is odd (using %d)", longest, longest & ~1)
        if longest <= PDV_OVERHEAD + 1:
            _log.warning("ASSOC: PDV send length %d (using default)", (longest & ~1) - PDV_OVERHEAD)
        _log.info("Association Accepted (Max Send PDV: %d)", (longest & ~1) - PDV_OVERHEAD)


def log_rejected(error: DcmsendError) -> None:
    """Log the reason of a rejection in words."""
    if isinstance(error, AssociationRejected):
        for what, value, known in (
            ("result", error.result, error.result in (1, 2)),
            ("source", error.source, error.source in _REASONS_OF_SOURCE),
            ("reason", error.source << 8 | error.reason, error.reason in _REASONS_OF_SOURCE.get(error.source, ())),
        ):
            if not known:
                _log.error("Received invalid A-ASSOCIATE-RJ reject %s 0x%04x, using default.", what, value)
        from dcmsend.explanations import explanation  # only what fails needs it

        _log.debug("Association Rejected:\n%s", explanation(error))


def _level(options: TransferOptions) -> int:
    return INFO if options.log_negotiation else DEBUG


def _banner(text: str) -> str:
    return f" {text} ".center(65, "=")


def _parameters(peer: Peer, options: TransferOptions, answer: AssociateAC | None) -> list[str]:
    theirs = None if answer is None else answer.user_information
    rows = (
        ("Our Implementation Class UID:", IMPLEMENTATION_CLASS_UID),
        ("Our Implementation Version Name:", IMPLEMENTATION_VERSION_NAME),
        ("Their Implementation Class UID:", "" if theirs is None else theirs.implementation_class_uid or ""),
        ("Their Implementation Version Name:", "" if theirs is None else theirs.implementation_version_name or ""),
    )
    lines = [f"{name:<34} {value}" for name, value in rows]
    numbers = (
        ("Application Context Name:", "1.2.840.10008.3.1.1.1"),
        ("Calling Application Name:", peer.calling_ae_title),
        ("Called Application Name:", peer.called_ae_title),
        ("Responding Application Name:", peer.called_ae_title),
        ("Our Max PDU Receive Size:", str(options.max_pdu & ~1)),
        ("Their Max PDU Receive Size:", str(0 if theirs is None else theirs.max_length)),
    )
    lines += [f"{name:<28} {value}" for name, value in numbers]
    if options.async_window > 1:
        lines += _window_lines(options.async_window, theirs)
    lines.append("Presentation Contexts:")
    return lines


def _window_lines(asked: int, theirs: UserInformation | None) -> list[str]:
    """Lines about requests in flight; DCMTK has none, because it never asks for more than one."""
    lines = [f"Our Async Operations Window: {asked}"]
    if theirs is not None:
        window = theirs.asynchronous_operations_window
        granted = "none" if window is None else window.max_invoked or "unlimited"
        lines.append(f"Their Async Operations Window: {granted}")
    return lines


def _negotiation_lines(end: str, identity: UserIdentity | None, response: bytes | None) -> list[str]:
    return [
        "Requested Extended Negotiation: none",
        "Accepted Extended Negotiation:  none",
        *_identity_lines(identity),
        "User Identity Negotiation Response:  " + ("none" if response is None else f"length: {len(response)}"),
        _banner(end),
    ]


def _identity_lines(identity: UserIdentity | None) -> list[str]:
    """Lines about the user; a secret is not logged even at the lowest level."""
    if identity is None:
        return ["Requested User Identity Negotiation: none"]
    mode, ticket = _IDENTITY_TYPES[identity.identity_type]
    lines = ["Requested User Identity Negotiation:", f"  Authentication mode {identity.identity_type}: {mode}"]
    if ticket:
        lines.append(f"  {ticket} (not dumped) length: {len(identity.primary_field)}")
    else:
        lines.append(f"  Username: [{identity.primary_field.decode('utf-8', 'replace')}]")
        if identity.identity_type == 2:
            lines.append("  Password: (not dumped)")
    lines.append(f"  Positive Response requested: {'Yes' if identity.response_requested else 'No'}")
    return lines


def _name(uid: str) -> str:
    name = sop_class_name(uid)
    return uid if name == "unknown" else f"={name}"
