"""A small reader of sound data sets, written without the package under test."""

from __future__ import annotations

import struct
from typing import NamedTuple

from support.data_set_bytes import EXPLICIT_BIG, IMPLICIT

__all__ = ["Found", "elements_of"]

_LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")


class Found(NamedTuple):
    """One element: how many sequences it is in, and in Implicit VR no VR.  A sequence has its items as value."""

    depth: int
    tag: int
    vr: str
    value: bytes


def elements_of(data: bytes, uid: str, depth: int = 0) -> list[Found]:
    """All elements of a data set with explicit lengths, in its order; in Explicit VR those of items, too."""
    order = ">" if uid == EXPLICIT_BIG.uid else "<"
    found: list[Found] = []
    position = 0
    while position < len(data):
        group, element = struct.unpack_from(order + "HH", data, position)
        vr = b"" if uid == IMPLICIT.uid else data[position + 4 : position + 6]
        if vr and vr not in _LONG:
            (length,) = struct.unpack_from(order + "H", data, position + 6)
            position += 8
        else:
            position += 12 if vr else 8
            (length,) = struct.unpack_from(order + "L", data, position - 4)
        value = data[position : position + length]
        assert len(value) == length, f"({group:04x},{element:04x}) is cut off"
        position += length
        found.append(Found(depth, group << 16 | element, vr.decode("latin-1"), value))
        if vr == b"SQ":
            found += _of_items(value, uid, order, depth + 1)
    return found


def _of_items(value: bytes, uid: str, order: str, depth: int) -> list[Found]:
    found: list[Found] = []
    while value:
        group, element, length = struct.unpack_from(order + "HHL", value)
        assert (group, element) == (0xFFFE, 0xE000)
        found += elements_of(value[8 : 8 + length], uid, depth)
        value = value[8 + length :]
    return found
