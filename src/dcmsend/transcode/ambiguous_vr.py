"""Decides VRs that depend on other elements, for data sets that do not name VRs.

The element that decides is the nearest one: in the same item, or else in one of the items around it, whether it stands
before or after.  (DCMTK looks in the same item only, and only before.)
Source: PS3.5 Annex A.1, PS3.6; PS3.3 C.7.5.1, C.7.6.3.1, C.7.6.16.2.11, C.10.9, C.11.1.
"""

from __future__ import annotations

from typing import Final

from .reading import BufferedReader
from .structure import VR_NUMBERS, Structure

__all__ = ["DECIDING", "AmbiguousVRs"]

_PIXEL_REPRESENTATION: Final = 0x00280103
_WAVEFORM_BITS_ALLOCATED: Final = 0x54001004

DECIDING: Final = frozenset((_PIXEL_REPRESENTATION, _WAVEFORM_BITS_ALLOCATED))
"""Elements on which VRs depend."""

_BY_PIXEL_REPRESENTATION: Final = frozenset((
    0x00189810, 0x00221452, 0x00280104, 0x00280105, 0x00280106, 0x00280107, 0x00280108, 0x00280109, 0x00280110,
    0x00280111, 0x00280120, 0x00280121, 0x00281101, 0x00281102, 0x00281103, 0x00283002, 0x00409211, 0x00409216,
    0x00603004, 0x00603006,
))
"""US or SS; other elements with both VRs, retired ones, are always US."""

_BY_WAVEFORM_BITS: Final = frozenset((0x54000110, 0x54000112, 0x5400100A, 0x54001010))
"""OB or OW."""


class AmbiguousVRs:
    """Remembers, for each open item, the elements that others depend on, and those that are not decided yet."""

    __slots__ = ("_items", "_reader", "_structure")

    def __init__(self, structure: Structure, reader: BufferedReader) -> None:
        self._structure = structure
        self._reader = reader
        self._items: list[tuple[dict[int, int], dict[int, list[int]]]] = []  # values by tag, nodes by tag that decides

    def begin_item(self) -> None:
        self._items.append(({}, {}))

    def end_item(self) -> None:
        """Decide what the item can decide, and leave the rest to the item around it."""
        values, undecided = self._items.pop()
        for tag, nodes in undecided.items():
            if tag in values:
                vr = VR_NUMBERS[_vr(tag, values[tag])]
                for node in nodes:
                    self._structure.vrs[node] = vr
            elif self._items:
                outer = self._items[-1][1].setdefault(tag, [])
                if len(outer) < len(nodes):  # the shorter list is copied: each node seldom moves
                    outer, nodes = nodes, outer
                    self._items[-1][1][tag] = outer
                outer += nodes

    def note(self, tag: int, position: int, length: int, is_big_endian: bool) -> None:
        """Note an element of the current item, if its tag is in ``DECIDING``."""
        if length >= 2:
            value = self._reader.read(position, 2)
            self._items[-1][0].setdefault(tag, int.from_bytes(value, "big" if is_big_endian else "little"))

    def decide(self, node: int, tag: int, vr: str) -> str:
        """The VR of an element of the current item, as far as it is known: it may change when its item ends.

        One of DCMTK's two-letter names if it cannot be decided.
        """
        if vr == "xs" and tag in _BY_PIXEL_REPRESENTATION:
            self._items[-1][1].setdefault(_PIXEL_REPRESENTATION, []).append(node)
            return "US"
        if vr == "ox":
            if tag in _BY_WAVEFORM_BITS:
                self._items[-1][1].setdefault(_WAVEFORM_BITS_ALLOCATED, []).append(node)
            elif tag == 0x7FE00010 or tag & 0xFF01FFFF == 0x60003000:
                return "OW"
        return vr


def _vr(tag: int, value: int) -> str:
    """The VR of elements that depend on the element ``tag``."""
    if tag == _PIXEL_REPRESENTATION:
        return "SS" if value == 1 else "US"
    return "OB" if value == 8 else "OW"
