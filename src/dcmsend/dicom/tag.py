"""Data element tags.  A tag is one number everywhere: group << 16 | element.  Source: PS3.5 section 7.1."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "ACCESSION_NUMBER", "MODALITY", "PATIENT_ID", "PATIENT_NAME", "SERIES_INSTANCE_UID", "SOP_CLASS_UID",
    "SOP_INSTANCE_UID", "SPECIFIC_CHARACTER_SET", "STUDY_DATE", "STUDY_INSTANCE_UID", "format_tag",
]

SPECIFIC_CHARACTER_SET: Final = 0x00080005
SOP_CLASS_UID: Final = 0x00080016
SOP_INSTANCE_UID: Final = 0x00080018
STUDY_DATE: Final = 0x00080020
ACCESSION_NUMBER: Final = 0x00080050
MODALITY: Final = 0x00080060
PATIENT_NAME: Final = 0x00100010
PATIENT_ID: Final = 0x00100020
STUDY_INSTANCE_UID: Final = 0x0020000D
SERIES_INSTANCE_UID: Final = 0x0020000E


def format_tag(tag: int) -> str:
    """``(gggg,eeee)`` in lower case, as DCMTK writes it."""
    return f"({tag >> 16:04x},{tag & 0xFFFF:04x})"
