"""DIMSE messages for the proof after sending: C-FIND, C-CANCEL, N-ACTION and N-EVENT-REPORT as values.

They are not in ``dimse``, so that a run that only sends does not load them.  Source: PS3.7 §9.1.2, §9.3.2, §10.1.1,
§10.1.4, §10.3.1, §10.3.4.
"""

# ruff: noqa: RUF023  (the order of __slots__ is the order of the arguments)
from __future__ import annotations

from typing import Final

from dcmsend.dicom.value import Value

__all__ = ["CCancelRQ", "CFindRQ", "CFindRSP", "NActionRQ", "NActionRSP", "NEventReportRQ", "NEventReportRSP"]

PENDING: Final = (0xFF00, 0xFF01)


class CFindRQ(Value):
    """C-FIND-RQ; the Identifier follows as its data set.  Source: PS3.7 §9.3.2.1.

    Attributes:
        message_id: 0..65535.
        affected_sop_class_uid: the information model to query, cut to 64 characters on the wire.
        priority: 0 medium, 1 high, 2 low.
        has_data_set: true in every legal request.
    """

    __slots__ = ("message_id", "affected_sop_class_uid", "priority", "has_data_set")
    command_field: Final = 0x0020

    def __init__(
        self, message_id: int, affected_sop_class_uid: str, priority: int = 0, has_data_set: bool = True
    ) -> None:
        self.message_id: Final = message_id
        self.affected_sop_class_uid: Final = affected_sop_class_uid
        self.priority: Final = priority
        self.has_data_set: Final = has_data_set


class CFindRSP(Value):
    """C-FIND-RSP: one match, or the end.  Source: PS3.7 §9.3.2.2, PS3.4 C.4.1.1.4 for the status.

    Attributes:
        message_id_responded_to: message id of the request.
        status: 0..65535; FF00 and FF01 are a match, 0000 the end, FE00 the end after C-CANCEL.
        affected_sop_class_uid: None if the peer does not repeat it.
        has_data_set: whether an Identifier follows.
        error_comment: the peer's text, None if missing.
        offending_elements: tags ``group << 16 | element`` of the elements in error.
        error_id: the peer's own error number, None if missing.
    """

    __slots__ = (
        "message_id_responded_to",
        "status",
        "affected_sop_class_uid",
        "has_data_set",
        "error_comment",
        "offending_elements",
        "error_id",
    )
    command_field: Final = 0x8020

    def __init__(
        self,
        message_id_responded_to: int,
        status: int,
        affected_sop_class_uid: str | None = None,
        has_data_set: bool = False,
        error_comment: str | None = None,
        offending_elements: tuple[int, ...] = (),
        error_id: int | None = None,
    ) -> None:
        self.message_id_responded_to: Final = message_id_responded_to
        self.status: Final = status
        self.affected_sop_class_uid: Final = affected_sop_class_uid
        self.has_data_set: Final = has_data_set
        self.error_comment: Final = error_comment
        self.offending_elements: Final = offending_elements
        self.error_id: Final = error_id

    @property
    def is_pending(self) -> bool:
        """Whether further responses to the same request follow."""
        return self.status in PENDING


class CCancelRQ(Value):
    """C-CANCEL-RQ for a C-FIND; it has no response of its own.  Source: PS3.7 §9.3.2.3."""

    __slots__ = ("message_id_responded_to",)
    command_field: Final = 0x0FFF

    def __init__(self, message_id_responded_to: int) -> None:
        self.message_id_responded_to: Final = message_id_responded_to


class NActionRQ(Value):
    """N-ACTION-RQ.  Source: PS3.7 §10.3.4.1.

    Attributes:
        message_id: 0..65535.
        requested_sop_class_uid, requested_sop_instance_uid: of the instance to act on; cut to 64 characters.
        action_type_id: the action; 1 is the request for storage commitment (PS3.4 J.3.2).
        has_data_set: whether the Action Information follows.
    """

    __slots__ = (
        "message_id", "requested_sop_class_uid", "requested_sop_instance_uid", "action_type_id", "has_data_set",
    )  # fmt: skip
    command_field: Final = 0x0130

    def __init__(
        self,
        message_id: int,
        requested_sop_class_uid: str,
        requested_sop_instance_uid: str,
        action_type_id: int = 1,
        has_data_set: bool = True,
    ) -> None:
        self.message_id: Final = message_id
        self.requested_sop_class_uid: Final = requested_sop_class_uid
        self.requested_sop_instance_uid: Final = requested_sop_instance_uid
        self.action_type_id: Final = action_type_id
        self.has_data_set: Final = has_data_set


class NActionRSP(Value):
    """N-ACTION-RSP.  Success says that the request has arrived, not that it has been carried out.

    Attributes:
        message_id_responded_to: message id of the request.
        status: 0..65535, see ``general_status_text``.
        affected_sop_class_uid, affected_sop_instance_uid, action_type_id: None if the peer does not repeat them.
        has_data_set: whether an Action Reply follows.
        error_comment, error_id: the peer's own text and number, None if missing.

    Source: PS3.7 §10.3.4.2.
    """

    __slots__ = (
        "message_id_responded_to",
        "status",
        "affected_sop_class_uid",
        "affected_sop_instance_uid",
        "action_type_id",
        "has_data_set",
        "error_comment",
        "error_id",
    )
    command_field: Final = 0x8130

    def __init__(
        self,
        message_id_responded_to: int,
        status: int,
        affected_sop_class_uid: str | None = None,
        affected_sop_instance_uid: str | None = None,
        action_type_id: int | None = None,
        has_data_set: bool = False,
        error_comment: str | None = None,
        error_id: int | None = None,
    ) -> None:
        self.message_id_responded_to: Final = message_id_responded_to
        self.status: Final = status
        self.affected_sop_class_uid: Final = affected_sop_class_uid
        self.affected_sop_instance_uid: Final = affected_sop_instance_uid
        self.action_type_id: Final = action_type_id
        self.has_data_set: Final = has_data_set
        self.error_comment: Final = error_comment
        self.error_id: Final = error_id


class NEventReportRQ(Value):
    """N-EVENT-REPORT-RQ.  Source: PS3.7 §10.3.1.1.

    Attributes:
        message_id: 0..65535.
        affected_sop_class_uid, affected_sop_instance_uid: of the reporting instance; cut to 64 characters.
        event_type_id: the event; 1 all is committed, 2 failures exist (PS3.4 J.3.3).
        has_data_set: whether the Event Information follows.
    """

    __slots__ = ("message_id", "affected_sop_class_uid", "affected_sop_instance_uid", "event_type_id", "has_data_set")
    command_field: Final = 0x0100

    def __init__(
        self,
        message_id: int,
        affected_sop_class_uid: str,
        affected_sop_instance_uid: str,
        event_type_id: int,
        has_data_set: bool = True,
    ) -> None:
        self.message_id: Final = message_id
        self.affected_sop_class_uid: Final = affected_sop_class_uid
        self.affected_sop_instance_uid: Final = affected_sop_instance_uid
        self.event_type_id: Final = event_type_id
        self.has_data_set: Final = has_data_set


class NEventReportRSP(Value):
    """N-EVENT-REPORT-RSP.  Source: PS3.7 §10.3.1.2.

    Attributes:
        message_id_responded_to: message id of the request.
        status: 0..65535, see ``general_status_text``.
        affected_sop_class_uid, affected_sop_instance_uid, event_type_id: None if not repeated.
        has_data_set: whether an Event Reply follows.
        error_comment, error_id: our own text and number, None for none.
    """

    __slots__ = (
        "message_id_responded_to",
        "status",
        "affected_sop_class_uid",
        "affected_sop_instance_uid",
        "event_type_id",
        "has_data_set",
        "error_comment",
        "error_id",
    )
    command_field: Final = 0x8100

    def __init__(
        self,
        message_id_responded_to: int,
        status: int,
        affected_sop_class_uid: str | None = None,
        affected_sop_instance_uid: str | None = None,
        event_type_id: int | None = None,
        has_data_set: bool = False,
        error_comment: str | None = None,
        error_id: int | None = None,
    ) -> None:
        self.message_id_responded_to: Final = message_id_responded_to
        self.status: Final = status
        self.affected_sop_class_uid: Final = affected_sop_class_uid
        self.affected_sop_instance_uid: Final = affected_sop_instance_uid
        self.event_type_id: Final = event_type_id
        self.has_data_set: Final = has_data_set
        self.error_comment: Final = error_comment
        self.error_id: Final = error_id


FurtherCommand = CFindRQ | CFindRSP | CCancelRQ | NActionRQ | NActionRSP | NEventReportRQ | NEventReportRSP
