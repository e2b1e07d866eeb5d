"""The result of the element walk."""

from __future__ import annotations

from .tag import SOP_CLASS_UID, SOP_INSTANCE_UID
from .vr import WHITE_SPACE
from .walk_state import WalkState

__all__ = ["WalkResult"]


class WalkResult:
    """The result of a walk.

    Attributes:
        uids: (0008,0016) and (0008,0018) at top level without padding and white space, ``''`` if absent, a sequence or
            begun with NUL. What no UID may have is kept, as in DCMTK: a second value behind a backslash, and what
            follows a NUL. A request holds the first value, up to the NUL.
        length: number of bytes to send when the data set is passed through: without a trailing (FFFC,FFFC), and
            without bytes after an item delimiter at top level.
        encoded_length: bytes of the data set in its source.
        repairs: why the data set has to be encoded anew, each reason once; empty if it can be passed through.
        warnings: DCMTK's warnings, about 100 at most; the list of a conversion is more exact.
        pixel_data_offset: position of the value of the top-level (7FE0,0010), or None.
        pixel_data_length: its length; 0xFFFFFFFF if it is encapsulated, or None.
    """

    __slots__ = (
        "encoded_length", "length", "pixel_data_length", "pixel_data_offset", "repairs", "uids", "warnings",
    )

    def __init__(self, state: WalkState, length: int, encoded_length: int) -> None:
        values = state.notes.values
        self.uids = _uid(values.get(SOP_CLASS_UID, b"")), _uid(values.get(SOP_INSTANCE_UID, b""))
        self.length = length
        self.encoded_length = encoded_length
        self.repairs = tuple(state.repairs)
        self.warnings = tuple(state.warnings)
        self.pixel_data_offset = state.pixel_data[0] if state.pixel_data is not None else None
        self.pixel_data_length = state.pixel_data[1] if state.pixel_data is not None else None

    @property
    def sop_class_uid(self) -> str:
        """The first value of (0008,0016)."""
        return self.uids[0].partition("\\")[0]

    @property
    def sop_instance_uid(self) -> str:
        """The first value of (0008,0018)."""
        return self.uids[1].partition("\\")[0]


def _uid(value: bytes) -> str:
    text = value.translate(None, WHITE_SPACE).decode("latin-1").rstrip("\0")
    if "\\" in text:
        text = "\\".join([component.rstrip("\0") for component in text.split("\\")])
    return "" if text.startswith("\0") else text
