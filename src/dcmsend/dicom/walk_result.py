"""The result of the element walk."""

from __future__ import annotations

from .tag import SOP_CLASS_UID, SOP_INSTANCE_UID
from .walk_state import WalkState

__all__ = ["WalkResult"]


class WalkResult:
    """The result of a walk.

    Attributes:
        sop_class_uid, sop_instance_uid: first value of (0008,0016) and (0008,0018) at top level without padding and
            white space, ``''`` if absent.
        length: number of bytes to send when the data set is passed through: without a trailing (FFFC,FFFC), and
            without bytes after an item delimiter at top level.
        encoded_length: bytes of the data set in its source.
        repairs: why the data set has to be encoded anew, each reason once; empty if it can be passed through.
        warnings: DCMTK's warnings, about 100 at most; the list of a conversion is more exact.
        pixel_data_offset: position of the value of the top-level (7FE0,0010), or None.
        pixel_data_length: its length; 0xFFFFFFFF if it is encapsulated, or None.
    """

    __slots__ = (
        "encoded_length", "length", "pixel_data_length", "pixel_data_offset", "repairs", "sop_class_uid",
        "sop_instance_uid", "warnings",
    )

    def __init__(self, state: WalkState, length: int, encoded_length: int) -> None:
        self.sop_class_uid = _first_value(state.notes.values.get(SOP_CLASS_UID, b""))
        self.sop_instance_uid = _first_value(state.notes.values.get(SOP_INSTANCE_UID, b""))
        self.length = length
        self.encoded_length = encoded_length
        self.repairs = tuple(state.repairs)
        self.warnings = tuple(state.warnings)
        self.pixel_data_offset = state.pixel_data[0] if state.pixel_data is not None else None
        self.pixel_data_length = state.pixel_data[1] if state.pixel_data is not None else None


def _first_value(value: bytes) -> str:
    """First component of a UI value, cut at its first NUL, all white space removed."""
    return value.split(b"\\", 1)[0].split(b"\0", 1)[0].translate(None, b" \t\n\v\f\r").decode("latin-1")
