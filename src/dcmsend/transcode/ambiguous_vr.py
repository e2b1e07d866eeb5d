"""Decides VRs that depend on other elements, for data sets that do not name VRs.

Source: PS3.5 Annex A.1, PS3.6; the choices are DCMTK's.
"""

from __future__ import annotations

from typing import Final

from .reading import BufferedReader

__all__ = ["DECIDING", "AmbiguousVRs"]

_PIXEL_REPRESENTATION: Final = 0x00280103
_WAVEFORM_BITS_ALLOCATED: Final = 0x54001004

DECIDING: Final = frozenset((_PIXEL_REPRESENTATION, _WAVEFORM_BITS_ALLOCATED))
"""Elements on which VRs depend."""

_BY_PIXEL_REPRESENTATION: Final = frozenset((
    0x00189810, 0x00280106, 0x00280107, 0x00280108, 0x00280109, 0x00280120, 0x00280121, 0x00283002, 0x00409211,
    0x00409216, 0x00603004, 0x00603006,
))
"""US or SS; other elements with both VRs are always US."""

_BY_WAVEFORM_BITS: Final = frozenset((0x54000110, 0x54000112, 0x5400100A, 0x54001010))


class AmbiguousVRs:
    """Remembers, for each open item, the elements that others depend on."""

    __slots__ = ("_items", "_reader")

    def __init__(self, reader: BufferedReader) -> None:
        self._reader = reader
        self._items: list[dict[int, int]] = []

    def begin_item(self) -> None:
        self._items.append({})

    def end_item(self) -> None:
        self._items.pop()

    def note(self, tag: int, position: int, length: int, is_big_endian: bool) -> None:
        """Note an element of the current item, if its tag is in ``DECIDING``."""
        if length >= 2:
            value = self._reader.read(position, 2)
            self._items[-1].setdefault(tag, int.from_bytes(value, "big" if is_big_endian else "little"))

    def decide(self, tag: int, vr: str) -> str:
        """The VR of an element of the current item; one of DCMTK's two-letter names if it cannot be decided."""
        if vr == "xs" and tag in _BY_PIXEL_REPRESENTATION:
            return "SS" if self._items[-1].get(_PIXEL_REPRESENTATION) == 1 else "US"
        if vr == "ox":
            if tag in _BY_WAVEFORM_BITS and _WAVEFORM_BITS_ALLOCATED in self._items[-1]:
                return "OB" if self._items[-1][_WAVEFORM_BITS_ALLOCATED] == 8 else "OW"
            if tag == 0x7FE00010 or tag & 0xFF01FFFF == 0x60003000:
                return "OW"
        return vr
