"""The seven protocol data units.  Source: PS3.8 §9.3."""

# ruff: noqa: RUF023  (the order of __slots__ is the order of the arguments)
from __future__ import annotations

from dcmsend.dicom.value import Value

from .contexts import ContextResult, PresentationContext
from .user_information import UserInformation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "APPLICATION_CONTEXT",
    "Abort",
    "AssociateAC",
    "AssociateRJ",
    "AssociateRQ",
    "PDataTF",
    "Pdu",
    "PresentationDataValue",
    "ReleaseRP",
    "ReleaseRQ",
]

APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"
"""The DICOM application context.  Source: PS3.7 A.2.1."""


class AssociateRQ(Value):
    """A-ASSOCIATE-RQ.  Source: PS3.8 §9.3.2.

    Attributes:
        called_ae_title, calling_ae_title: without padding; cut to 16 characters on the wire.
        presentation_contexts: the proposed contexts, at most 128.
        user_information: sizes, names and further negotiation.
        application_context: UID; empty if the peer's PDU has none.
        protocol_version: bit field, bit 0 is version 1.
    """

    __slots__ = (
        "called_ae_title",
        "calling_ae_title",
        "presentation_contexts",
        "user_information",
        "application_context",
        "protocol_version",
    )
    pdu_type: Final = 1

    def __init__(
        self,
        called_ae_title: str,
        calling_ae_title: str,
        presentation_contexts: tuple[PresentationContext, ...],
        user_information: UserInformation,
        application_context: str = APPLICATION_CONTEXT,
        protocol_version: int = 1,
    ) -> None:
        self.called_ae_title: Final = called_ae_title
        self.calling_ae_title: Final = calling_ae_title
        self.presentation_contexts: Final = presentation_contexts
        self.user_information: Final = user_information
        self.application_context: Final = application_context
        self.protocol_version: Final = protocol_version


class AssociateAC(Value):
    """A-ASSOCIATE-AC.  Source: PS3.8 §9.3.3.

    Attributes:
        called_ae_title, calling_ae_title: copied from the request; not to be tested (PS3.8 Table 9-17).
        context_results: the answer to each proposed context.
        user_information, application_context, protocol_version: as in AssociateRQ.
    """

    __slots__ = (
        "called_ae_title",
        "calling_ae_title",
        "context_results",
        "user_information",
        "application_context",
        "protocol_version",
    )
    pdu_type: Final = 2

    def __init__(
        self,
        called_ae_title: str,
        calling_ae_title: str,
        context_results: tuple[ContextResult, ...],
        user_information: UserInformation,
        application_context: str = APPLICATION_CONTEXT,
        protocol_version: int = 1,
    ) -> None:
        self.called_ae_title: Final = called_ae_title
        self.calling_ae_title: Final = calling_ae_title
        self.context_results: Final = context_results
        self.user_information: Final = user_information
        self.application_context: Final = application_context
        self.protocol_version: Final = protocol_version


class AssociateRJ(Value):
    """A-ASSOCIATE-RJ.  Source: PS3.8 §9.3.4.

    Attributes:
        result: 1 permanent, 2 transient.
        source: 1 service user, 2 service provider (ACSE), 3 service provider (presentation).
        reason: number whose meaning depends on source.
    """

    __slots__ = ("result", "source", "reason")
    pdu_type: Final = 3

    def __init__(self, result: int, source: int, reason: int) -> None:
        self.result: Final = result
        self.source: Final = source
        self.reason: Final = reason

    def describe(self) -> str:
        """Two lines as DCMTK logs them: ``Result: ..., Source: ...`` and ``Reason: ...``."""
        from .reasons import rejection_reason_text, rejection_result_text, rejection_source_text

        return (
            f"Result: {rejection_result_text(self.result)}, Source: {rejection_source_text(self.source)}\n"
            f"Reason: {rejection_reason_text(self.source, self.reason)}"
        )


class PresentationDataValue(Value):
    """One fragment of a message.  Source: PS3.8 §9.3.5.1, E.2.

    Attributes:
        context_id: odd, 1..255.
        is_command: whether it belongs to the command set, not to the data set.
        is_last: whether it is the last fragment of the command set or data set.
        data: the fragment.
    """

    __slots__ = ("context_id", "is_command", "is_last", "data")

    def __init__(self, context_id: int, is_command: bool, is_last: bool, data: bytes) -> None:
        self.context_id: Final = context_id
        self.is_command: Final = is_command
        self.is_last: Final = is_last
        self.data: Final = data


class PDataTF(Value):
    """P-DATA-TF.  Source: PS3.8 §9.3.5."""

    __slots__ = ("values",)
    pdu_type: Final = 4

    def __init__(self, values: tuple[PresentationDataValue, ...]) -> None:
        self.values: Final = values


class ReleaseRQ(Value):
    """A-RELEASE-RQ.  Source: PS3.8 §9.3.6."""

    __slots__ = ()
    pdu_type: Final = 5


class ReleaseRP(Value):
    """A-RELEASE-RP.  Source: PS3.8 §9.3.7."""

    __slots__ = ()
    pdu_type: Final = 6


class Abort(Value):
    """A-ABORT.  Source: PS3.8 §9.3.8.

    Attributes:
        source: 0 service user, 2 service provider.
        reason: PS3.8 Table 9-26, meaningful for source 2.
    """

    __slots__ = ("source", "reason")
    pdu_type: Final = 7

    def __init__(self, source: int = 0, reason: int = 0) -> None:
        self.source: Final = source
        self.reason: Final = reason

    def describe(self) -> str:
        """Source and reason of the abort, in words."""
        from .reasons import abort_text

        return abort_text(self.source, self.reason)


Pdu = AssociateRQ | AssociateAC | AssociateRJ | PDataTF | ReleaseRQ | ReleaseRP | Abort
