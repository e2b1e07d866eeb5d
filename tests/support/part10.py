"""The parts of a DICOM file, found without the package under test and without interpreting the data set."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import NamedTuple

__all__ = ["Part10", "data_set_digest", "parse_part10", "read_part10"]

_LONG_VRS = {b"OB", b"OW", b"UN", b"SQ", b"UT", b"OF", b"OD", b"OL", b"UC", b"UR", b"SV", b"UV", b"OV"}


class Part10(NamedTuple):
    """Meta header values and the place of the data set.  Source: PS3.10 §7.1."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax: str
    data_set_offset: int


def read_part10(path: Path) -> Part10:
    """The meta header of a file."""
    with path.open("rb") as file:
        return parse_part10(file.read(1 << 16), str(path))


def parse_part10(head: bytes, name: str = "it") -> Part10:
    """Walks the elements of group 0002, always explicit VR little endian, and stops at the first other group."""
    assert head[128:132] == b"DICM", f"{name} has no meta header"
    values: dict[int, str] = {}
    at = 132
    while head[at : at + 2] == b"\x02\x00":
        element = int.from_bytes(head[at + 2 : at + 4], "little")
        if head[at + 4 : at + 6] in _LONG_VRS:
            (length,) = struct.unpack_from("<I", head, at + 8)
            at += 12
        else:
            (length,) = struct.unpack_from("<H", head, at + 6)
            at += 8
        values[element] = head[at : at + length].decode("latin-1").rstrip("\0 ")
        at += length
    return Part10(values.get(0x0002, ""), values.get(0x0003, ""), values.get(0x0010, ""), at)


def data_set_digest(path: Path) -> tuple[str, str]:
    """Transfer syntax UID and SHA-256 of all bytes after the meta header."""
    part10 = read_part10(path)
    with path.open("rb") as file:
        file.seek(part10.data_set_offset)
        return part10.transfer_syntax, hashlib.file_digest(file, "sha256").hexdigest()
