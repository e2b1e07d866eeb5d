"""Data sets of messages that somebody has made up, as bytes and by hand."""

from __future__ import annotations

import struct

__all__ = ["EXPLICIT", "IMPLICIT", "TRANSACTION", "explicit", "implicit", "item", "sequence"]

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
UNDEFINED = 0xFFFFFFFF


def implicit(tag: int, value: bytes, length: int | None = None) -> bytes:
    """An element in Implicit VR, perhaps with a length that lies."""
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value) if length is None else length) + value


def explicit(tag: int, vr: str, value: bytes, length: int | None = None) -> bytes:
    """The same in Explicit VR."""
    length = len(value) if length is None else length
    if vr in ("SQ", "UN", "OB"):
        return struct.pack("<HH2sxxI", tag >> 16, tag & 0xFFFF, vr.encode(), length) + value
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), length) + value


def item(content: bytes, *, is_open: bool = False) -> bytes:
    """An item, of undefined length and with its delimiter if it is open."""
    if is_open:
        return implicit(0xFFFEE000, b"", UNDEFINED) + content + implicit(0xFFFEE00D, b"")
    return implicit(0xFFFEE000, content)


def sequence(tag: int, items: bytes, *, is_open: bool = False, is_explicit: bool = False) -> bytes:
    """A sequence, of undefined length and with its delimiter if it is open."""
    value = items + implicit(0xFFFEE0DD, b"") if is_open else items
    length = UNDEFINED if is_open else None
    return explicit(tag, "SQ", value, length) if is_explicit else implicit(tag, value, length)


TRANSACTION = implicit(0x00081195, b"2.25.7")
