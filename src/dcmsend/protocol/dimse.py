"""DIMSE messages: C-STORE and C-ECHO as values.  Source: PS3.7 §9.1.1, §9.3.1, §9.3.5."""

# ruff: noqa: RUF023  (the order of __slots__ is the order of the arguments)
from __future__ import annotations

from dcmsend.dicom.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, TypeAlias

    from .further_commands import FurtherCommand

__all__ = [
    "CEchoRQ",
    "CEchoRSP",
    "CStoreRQ",
    "CStoreRSP",
    "Command",
    "CommandParseError",
    "UnknownCommand",
]

VERIFICATION_SOP_CLASS: Final = "1.2.840.10008.1.1"


class CStoreRQ(Value):
    """C-STORE-RQ.  Source: PS3.7 §9.3.1.1.

    Attributes:
        message_id: 0..65535.
        affected_sop_class_uid, affected_sop_instance_uid: cut to 64 characters on the wire.
        priority: 0 medium, 1 high, 2 low.
        has_data_set: true in every legal request.
    """

    __slots__ = ("message_id", "affected_sop_class_uid", "affected_sop_instance_uid", "priority", "has_data_set")
    command_field: Final = 0x0001

    def __init__(
        self,
        message_id: int,
        affected_sop_class_uid: str,
        affected_sop_instance_uid: str,
        priority: int = 0,
        has_data_set: bool = True,
    ) -> None:
        self.message_id: Final = message_id
        self.affected_sop_class_uid: Final = affected_sop_class_uid
        self.affected_sop_instance_uid: Final = affected_sop_instance_uid
        self.priority: Final = priority
        self.has_data_set: Final = has_data_set


class CStoreRSP(Value):
    """C-STORE-RSP.  Source: PS3.7 §9.3.1.2, Annex C for the details of the status.

    Attributes:
        message_id_responded_to: message id of the request.
        status: 0..65535, see ``status_class``.
        affected_sop_class_uid, affected_sop_instance_uid: None if the peer does not repeat them.
        error_comment: the peer's text, None if missing.
        offending_elements: tags ``group << 16 | element`` of the elements in error.
        error_id: the peer's own error number, None if missing.
    """

    __slots__ = (
        "message_id_responded_to",
        "status",
        "affected_sop_class_uid",
        "affected_sop_instance_uid",
        "error_comment",
        "offending_elements",
        "error_id",
    )
    command_field: Final = 0x8001

    def __init__(
        self,
        message_id_responded_to: int,
        status: int,
        affected_sop_class_uid: str | None = None,
        affected_sop_instance_uid: str | None = None,
        error_comment: str | None = None,
        offending_elements: tuple[int, ...] = (),
        error_id: int | None = None,
    ) -> None:
        self.message_id_responded_to: Final = message_id_responded_to
        self.status: Final = status
        self.affected_sop_class_uid: Final = affected_sop_class_uid
        self.affected_sop_instance_uid: Final = affected_sop_instance_uid
        self.error_comment: Final = error_comment
        self.offending_elements: Final = offending_elements
        self.error_id: Final = error_id


class CEchoRQ(Value):
    """C-ECHO-RQ.  Source: PS3.7 §9.3.5.1."""

    __slots__ = ("message_id", "affected_sop_class_uid")
    command_field: Final = 0x0030

    def __init__(self, message_id: int, affected_sop_class_uid: str = VERIFICATION_SOP_CLASS) -> None:
        self.message_id: Final = message_id
        self.affected_sop_class_uid: Final = affected_sop_class_uid


class CEchoRSP(Value):
    """C-ECHO-RSP.  Source: PS3.7 §9.3.5.2.

    Attributes:
        message_id_responded_to: message id of the request.
        status: 0..65535.
        affected_sop_class_uid: None if the peer does not repeat it.
    """

    __slots__ = ("message_id_responded_to", "status", "affected_sop_class_uid")
    command_field: Final = 0x8030

    def __init__(
        self, message_id_responded_to: int, status: int, affected_sop_class_uid: str | None = VERIFICATION_SOP_CLASS
    ) -> None:
        self.message_id_responded_to: Final = message_id_responded_to
        self.status: Final = status
        self.affected_sop_class_uid: Final = affected_sop_class_uid


class UnknownCommand(Value):
    """A DIMSE message of another kind (C-GET, N-CREATE, ...).

    Attributes:
        command_field: (0000,0100), one of PS3.7 E.1.
        elements: ``(element number, value)`` of the whole command set, in ascending order.
    """

    __slots__ = ("command_field", "elements")

    def __init__(self, command_field: int, elements: tuple[tuple[int, bytes], ...]) -> None:
        self.command_field: Final = command_field
        self.elements: Final = elements


class CommandParseError(Value):
    """Bytes that are not a usable command; a value and no exception, because the association may go on.

    Attributes:
        text: the fault in DCMTK's words.
        code: DCMTK's module and condition number, e.g. ``0006:020b``.
        detail: where the fault is, for a person; may be empty.
    """

    __slots__ = ("text", "code", "detail")

    def __init__(self, text: str, code: str, detail: str = "") -> None:
        self.text: Final = text
        self.code: Final = code
        self.detail: Final = detail

    def __str__(self) -> str:
        return self.text


Command: TypeAlias = "CStoreRQ | CStoreRSP | CEchoRQ | CEchoRSP | FurtherCommand | UnknownCommand"
