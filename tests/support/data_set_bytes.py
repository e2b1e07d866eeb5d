"""Data sets written byte by byte from a short description, right or wrong on purpose, in the three native encodings.

    [(0x00080016, "UI", b"1.2\\0"), (0x00081140, "SQ", [[...item...], [...]]), (0x7FE00010, "OB", Fragments([b"..."]))]
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dcmsend.dicom.vr import LONG_VRS

__all__ = ["ENCODINGS", "Element", "Encoding", "Fragments", "Items", "Raw", "file_with", "meta_header"]

Element = tuple[int, str, Any]
UNDEFINED = 0xFFFFFFFF


@dataclass(frozen=True)
class Encoding:
    """One of the three native transfer syntaxes."""

    uid: str
    is_explicit: bool
    order: str

    def element(self, tag: int, vr: str, value: Any, length: int | None = None) -> bytes:
        """One element; ``length`` overrides the length that is written."""
        if isinstance(value, Raw):
            return value.data
        if isinstance(value, Fragments):
            return self.header(tag, vr, UNDEFINED) + b"".join(
                self.item_header(0xE000, len(part)) + part for part in value.parts
            ) + self.item_header(0xE0DD, 0)
        if isinstance(value, list):
            value = Items(value)
        if isinstance(value, Items):
            return self.sequence(tag, vr, value, length)
        if isinstance(value, str):
            value = value.encode("latin-1")
        elif not isinstance(value, bytes | bytearray):
            value = struct.pack(self.order + value[0], *value[1:])
        return self.header(tag, vr, len(value) if length is None else length) + value

    def header(self, tag: int, vr: str, length: int) -> bytes:
        start = struct.pack(self.order + "HH", tag >> 16, tag & 0xFFFF)
        if not self.is_explicit:
            return start + struct.pack(self.order + "L", length)
        if vr in LONG_VRS or vr == "ZZ":
            return start + vr.encode() + b"\0\0" + struct.pack(self.order + "L", length)
        return start + vr.encode() + struct.pack(self.order + "H", length & 0xFFFF)

    def item_header(self, element: int, length: int) -> bytes:
        return struct.pack(self.order + "HHL", 0xFFFE, element, length)

    def sequence(self, tag: int, vr: str, value: Items, length: int | None = None) -> bytes:
        body = b""
        for item in value.items:
            content = self.encode(item)
            if value.undefined_items:
                body += self.item_header(0xE000, UNDEFINED) + content + self.item_header(0xE00D, 0)
            else:
                body += self.item_header(0xE000, len(content)) + content
        if value.undefined:
            return self.header(tag, vr, UNDEFINED) + body + self.item_header(0xE0DD, 0)
        return self.header(tag, vr, len(body) if length is None else length) + body

    def encode(self, elements: Iterable[Element]) -> bytes:
        """The elements in the given order."""
        return b"".join(self.element(*element) for element in elements)


@dataclass(frozen=True)
class Items:
    """Items of a sequence, and whether lengths are undefined."""

    items: Sequence[Sequence[Element]]
    undefined: bool = False
    undefined_items: bool = False


@dataclass(frozen=True)
class Fragments:
    """Encapsulated pixel data."""

    parts: Sequence[bytes]


@dataclass(frozen=True)
class Raw:
    """Bytes instead of an element."""

    data: bytes


EXPLICIT_LITTLE = Encoding("1.2.840.10008.1.2.1", True, "<")
EXPLICIT_BIG = Encoding("1.2.840.10008.1.2.2", True, ">")
IMPLICIT = Encoding("1.2.840.10008.1.2", False, "<")
ENCODINGS = {"explicit little": EXPLICIT_LITTLE, "explicit big": EXPLICIT_BIG, "implicit": IMPLICIT}


def meta_header(
    transfer_syntax_uid: str,
    sop_class_uid: str = "1.2.840.10008.5.1.4.1.1.7",
    sop_instance_uid: str = "1.2.3.4",
) -> bytes:
    """Preamble and meta header."""

    def uid(text: str) -> bytes:
        return text.encode() + b"\0" * (len(text) & 1)

    body = EXPLICIT_LITTLE.encode([
        (0x00020001, "OB", b"\0\1"), (0x00020002, "UI", uid(sop_class_uid)), (0x00020003, "UI", uid(sop_instance_uid)),
        (0x00020010, "UI", uid(transfer_syntax_uid)), (0x00020012, "UI", uid("1.2.3")),
    ])
    return bytes(128) + b"DICM" + EXPLICIT_LITTLE.element(0x00020000, "UL", struct.pack("<L", len(body))) + body


def file_with(data_set: bytes, transfer_syntax_uid: str) -> bytes:
    """A DICOM file around an encoded data set."""
    return meta_header(transfer_syntax_uid) + data_set
