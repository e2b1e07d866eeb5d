"""The beginning of a DICOM file.  Source: PS3.10 section 7.1."""

from __future__ import annotations

import struct
from typing import Final

from .implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

__all__ = ["file_meta_header"]

_PREAMBLE: Final = bytes(128) + b"DICM"


def file_meta_header(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Preamble, prefix and File Meta Information of a file, whose data set follows as it is.

    Elements are in Explicit VR Little Endian, and say that this program has written the file.  UIDs are not checked:
    they are Latin-1, as the walk gives them.  Raises ValueError for one that is longer than 65,534 bytes.
    """
    elements = b"".join((
        struct.pack("<HH2s2xI", 2, 0x0001, b"OB", 2) + b"\0\1",
        _short(0x0002, b"UI", sop_class_uid, b"\0"),
        _short(0x0003, b"UI", sop_instance_uid, b"\0"),
        _short(0x0010, b"UI", transfer_syntax_uid, b"\0"),
        _short(0x0012, b"UI", IMPLEMENTATION_CLASS_UID, b"\0"),
        _short(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME, b" "),
    ))
    return _PREAMBLE + struct.pack("<HH2sHI", 2, 0x0000, b"UL", 4, len(elements)) + elements


def _short(element: int, vr: bytes, text: str, padding: bytes) -> bytes:
    """An element of group 0002 whose length has two bytes."""
    value = text.encode("latin-1", "replace")
    value += padding * (len(value) % 2)
    if len(value) > 0xFFFE:
        raise ValueError("a UID does not fit into an element")
    return struct.pack("<HH2sH", 2, element, vr, len(value)) + value
