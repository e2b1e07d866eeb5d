"""The acceptor's answer to A-ASSOCIATE-RQ of an archive that reports on storage commitment, or sends C-ECHO.

Pure: the answer follows from the request and our terms.  Source: PS3.8 §7.1.1, §9.3.3, §9.3.4; PS3.7 D.3.3.4 (roles);
PS3.4 J.3.3 (the archive proposes itself as SCP).
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from dcmsend.dicom.ae_title import encode_ae_title
from dcmsend.dicom.value import Value
from dcmsend.errors import RemoteProtocolError

from .commitment import STORAGE_COMMITMENT_PUSH_MODEL
from .contexts import ACCEPTANCE, ContextResult, PresentationContext
from .data_set_values import MESSAGE_TRANSFER_SYNTAXES
from .dimse import VERIFICATION_SOP_CLASS
from .fragment import max_fragment_length
from .pdu import APPLICATION_CONTEXT, AssociateAC, AssociateRJ, AssociateRQ
from .user_information import RoleSelection, UserInformation

__all__ = ["BUSY", "AcceptanceTerms", "answer_association"]

_USER_REJECTION: Final = 1
_NO_REASON: Final = 2
_ABSTRACT_SYNTAX_NOT_SUPPORTED: Final = 3
_TRANSFER_SYNTAXES_NOT_SUPPORTED: Final = 4

BUSY: Final = AssociateRJ(2, 3, 2)
"""Answer when too many associations are open: transient, local limit exceeded.  Source: PS3.8 Table 9-21."""


class AcceptanceTerms(Value):
    """The requests for an association that are accepted.

    Attributes:
        ae_title: our title; a request for another one is rejected.
        calling_ae_titles: titles of accepted callers, None for any.
        max_pdu_length: longest P-DATA-TF PDU we announce to receive, 0 for unlimited.
    """

    __slots__ = ("ae_title", "calling_ae_titles", "max_pdu_length")

    def __init__(
        self, ae_title: str, calling_ae_titles: frozenset[str] | None = None, max_pdu_length: int = 16384
    ) -> None:
        self.ae_title: Final = ae_title
        self.calling_ae_titles: Final = calling_ae_titles
        self.max_pdu_length: Final = max_pdu_length


def answer_association(request: AssociateRQ, terms: AcceptanceTerms) -> AssociateAC | AssociateRJ:
    """The answer to a request.

    Accepted are Verification, and the Storage Commitment Push Model unless the peer proposes itself as SCU only; each
    in the first of MESSAGE_TRANSFER_SYNTAXES that the peer proposes.  The Push Model without a role is accepted too,
    because some archives report in that way.  An association without any accepted context is accepted as well, so that
    the peer learns the reason for each context.
    """
    rejection = _rejection(request, terms)
    if rejection is not None:
        return rejection
    roles = {role.sop_class_uid: role for role in request.user_information.role_selections}
    proposals = {context.id: context for context in request.presentation_contexts}
    counts = Counter(context.id for context in request.presentation_contexts)
    results = tuple([_answer(context, roles, is_unique=counts[id_] == 1) for id_, context in proposals.items()])
    accepted = {proposals[result.id].abstract_syntax for result in results if result.result == ACCEPTANCE}
    agreed = tuple([_agreed(role) for uid, role in roles.items() if uid in accepted])
    return AssociateAC(
        request.called_ae_title,
        request.calling_ae_title,
        results,
        UserInformation(terms.max_pdu_length, role_selections=agreed),
    )


def _rejection(request: AssociateRQ, terms: AcceptanceTerms) -> AssociateRJ | None:
    """Numbers of PS3.8 Table 9-21: result, source, reason."""
    if not request.protocol_version & 1:
        return AssociateRJ(1, 2, 2)
    if request.application_context != APPLICATION_CONTEXT:
        return AssociateRJ(1, 1, 2)
    if _on_the_wire(request.called_ae_title) != _on_the_wire(terms.ae_title):
        return AssociateRJ(1, 1, 7)
    allowed = terms.calling_ae_titles
    if allowed is not None and _on_the_wire(request.calling_ae_title) not in map(_on_the_wire, allowed):
        return AssociateRJ(1, 1, 3)
    try:
        max_fragment_length(request.user_information.max_length)
    except RemoteProtocolError:  # the peer's maximum length leaves no room for an answer
        return AssociateRJ(1, 2, 1)
    return None


def _on_the_wire(ae_title: str) -> bytes:
    """The 16 bytes of a title as compared: without blanks around them."""
    return encode_ae_title(ae_title.strip(" "))


def _answer(context: PresentationContext, roles: dict[str, RoleSelection], *, is_unique: bool) -> ContextResult:
    """The result of one context; a refused one repeats the first transfer syntax, which has no meaning there."""
    proposed = context.transfer_syntaxes
    refused_syntax = proposed[0] if proposed else MESSAGE_TRANSFER_SYNTAXES[0]
    if not is_unique or not context.id & 1:
        return ContextResult(context.id, _NO_REASON, refused_syntax)
    if context.abstract_syntax not in (VERIFICATION_SOP_CLASS, STORAGE_COMMITMENT_PUSH_MODEL):
        return ContextResult(context.id, _ABSTRACT_SYNTAX_NOT_SUPPORTED, refused_syntax)
    role = roles.get(context.abstract_syntax)
    if role is not None and not _takes_a_role(_agreed(role)):
        return ContextResult(context.id, _USER_REJECTION, refused_syntax)
    for transfer_syntax in proposed:
        if transfer_syntax in MESSAGE_TRANSFER_SYNTAXES:
            return ContextResult(context.id, ACCEPTANCE, transfer_syntax)
    return ContextResult(context.id, _TRANSFER_SYNTAXES_NOT_SUPPORTED, refused_syntax)


def _agreed(role: RoleSelection) -> RoleSelection:
    """The roles we accept for the peer: SCU of C-ECHO, SCP of reports."""
    if role.sop_class_uid == VERIFICATION_SOP_CLASS:
        return RoleSelection(role.sop_class_uid, role.scu_role, False)
    return RoleSelection(role.sop_class_uid, False, role.scp_role)


def _takes_a_role(role: RoleSelection) -> bool:
    return role.scu_role or role.scp_role
