"""Finds the positions of elements in a DICOM file.

It shares no code with the package under test.  It reads damaged files, too, and stops where it cannot go on.
Source: PS3.5 section 7, PS3.10 section 7.1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = [
    "UNDEFINED", "FileParts", "Place", "element", "has_item_beyond", "items_of", "meta_places", "parts_of", "places",
    "uid_text",
]  # fmt: skip

UNDEFINED = 0xFFFFFFFF
LONG_VRS = {b"OB", b"OW", b"UN", b"SQ", b"UT", b"OF", b"OD", b"OL", b"UC", b"UR", b"SV", b"UV", b"OV"}
IMPLICIT, BIG, DEFLATED = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
GE_PRIVATE = "1.2.840.113619.5.2"
_MOST = 20000


@dataclass(frozen=True)
class Place:
    """One element of the outermost level.

    Attributes:
        tag: group and element.
        vr: two letters, empty in implicit VR.
        start, value, end: positions of the header, of the value, and after the value.
        length: the length in the header, perhaps ``UNDEFINED``.
    """

    tag: int
    vr: bytes
    start: int
    value: int
    end: int
    length: int


@dataclass(frozen=True)
class FileParts:
    """The parts of a file.

    Attributes:
        syntax: transfer syntax UID of the meta header, empty without one.
        meta: elements of the meta header.
        offset: position of the data set.
        elements: elements of the data set as far as they can be found; empty if it is deflated.
    """

    syntax: str
    meta: tuple[Place, ...]
    offset: int
    elements: tuple[Place, ...]


def parts_of(content: bytes) -> FileParts:
    """Meta header and data set; a file without the prefix is read as a data set in implicit or explicit VR."""
    if content[128:132] != b"DICM":
        is_explicit = content[4:6].isalpha() and content[4:6].isupper()
        return FileParts("", (), 0, tuple(places(content, 0, is_explicit=is_explicit, order="<")))
    meta = tuple(meta_places(content))
    offset = meta[-1].end if meta else 132
    syntax = next((uid_text(content[each.value : each.end]) for each in meta if each.tag == 0x00020010), "")
    if syntax == DEFLATED:
        return FileParts(syntax, meta, offset, ())
    order, is_explicit = ">" if syntax == BIG else "<", syntax not in (IMPLICIT, GE_PRIVATE)
    return FileParts(syntax, meta, offset, tuple(places(content, offset, is_explicit=is_explicit, order=order)))


def meta_places(content: bytes) -> Iterator[Place]:
    """The elements of group 0002 from byte 132 on."""
    for each in places(content, 132, is_explicit=True, order="<"):
        if each.tag >> 16 != 2:
            return
        yield each


def places(content: bytes, start: int, *, is_explicit: bool, order: str) -> Iterator[Place]:
    """Elements of one level, up to the end or to the first impossible one."""
    for _ in range(_MOST):
        if start + 8 > len(content):
            return
        header = _header(content, start, is_explicit=is_explicit, order=order)
        if header is None:
            return
        tag, vr, length, value = header
        end = value + length
        if length == UNDEFINED:
            found = _end_of_undefined(content, value, is_explicit=is_explicit and vr != b"UN", order=order)
            if found is None:
                return
            end = found
        if end > len(content):
            return
        yield Place(tag, vr, start, value, end, length)
        start = end


def _header(content: bytes, start: int, *, is_explicit: bool, order: str) -> tuple[int, bytes, int, int] | None:
    """Tag, VR, length and position of the value."""
    group, number = struct.unpack_from(order + "HH", content, start)
    tag = group << 16 | number
    if not is_explicit or group == 0xFFFE:
        return tag, b"", struct.unpack_from(order + "L", content, start + 4)[0], start + 8
    vr = content[start + 4 : start + 6]
    if not vr.isalpha():
        return None
    if vr in LONG_VRS:
        if start + 12 > len(content):
            return None
        return tag, vr, struct.unpack_from(order + "L", content, start + 8)[0], start + 12
    return tag, vr, struct.unpack_from(order + "H", content, start + 6)[0], start + 8


def _end_of_undefined(content: bytes, start: int, *, is_explicit: bool, order: str, depth: int = 0) -> int | None:
    """Position after the delimiter of a sequence or of fragments whose value begins at ``start``."""
    while start + 8 <= len(content) and depth < 60:
        group, number, length = struct.unpack_from(order + "HHL", content, start)
        start += 8
        if (group, number) == (0xFFFE, 0xE0DD):
            return start
        if (group, number) != (0xFFFE, 0xE000):
            return None
        if length != UNDEFINED:
            start += length
            continue
        behind = _end_of_item(content, start, is_explicit=is_explicit, order=order, depth=depth)
        if behind is None:
            return None
        start = behind
    return None


def _end_of_item(content: bytes, start: int, *, is_explicit: bool, order: str, depth: int) -> int | None:
    while start + 8 <= len(content):
        header = _header(content, start, is_explicit=is_explicit, order=order)
        if header is None:
            return None
        tag, vr, length, value = header
        if tag == 0xFFFEE00D:
            return value
        if length == UNDEFINED:
            inner = is_explicit and vr != b"UN"
            end = _end_of_undefined(content, value, is_explicit=inner, order=order, depth=depth + 1)
            if end is None:
                return None
            start = end
        else:
            start = value + length
    return None


def items_of(content: bytes, place: Place, parts: FileParts) -> Iterator[tuple[int, int]]:
    """First and last position (exclusive) of the value of each item, up to what is no item; an end may lie too far."""
    order, is_explicit = ">" if parts.syntax == BIG else "<", place.vr != b""
    start = place.value
    while start + 8 <= place.end:
        group, number, length = struct.unpack_from(order + "HHL", content, start)
        if (group, number) != (0xFFFE, 0xE000):
            return
        start += 8
        if length == UNDEFINED:
            end = _end_of_item(content, start, is_explicit=is_explicit, order=order, depth=0)
            if end is None:
                return
        else:
            end = start + length
        yield start, end
        start = end


def has_item_beyond(content: bytes, place: Place, parts: FileParts) -> bool:
    """Whether an item of a sequence of defined length is longer than the sequence."""
    if place.length == UNDEFINED or place.vr not in (b"SQ", b""):
        return False
    return any(end > place.end for _, end in items_of(content, place, parts))


def element(tag: int, vr: bytes, value: bytes, *, is_explicit: bool, order: str, length: int | None = None) -> bytes:
    """An encoded element; ``length`` replaces the true length in the header."""
    size = len(value) if length is None else length
    start = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
    if not is_explicit:
        return start + struct.pack(order + "L", size) + value
    if vr in LONG_VRS:
        return start + vr + b"\0\0" + struct.pack(order + "L", size) + value
    return start + vr + struct.pack(order + "H", size & 0xFFFF) + value


def uid_text(value: bytes) -> str:
    """A UID without its padding."""
    return value.decode("latin-1").rstrip("\0 ")
