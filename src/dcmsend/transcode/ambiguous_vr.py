"""Decides VRs that depend on other elements, for data sets that do not name VRs.

The element that decides is the nearest one: in the same item, or else in one of the items around it, whether it stands
before or after.  (DCMTK looks in the same item only, and only before.)  For the descriptor of a VOI LUT it is what the
pixels have become before they go into that: often negative, although they are stored without a sign.
Source: PS3.5 Annex A.1, PS3.6; PS3.3 C.7.5.1, C.7.6.3.1, C.7.6.16.2.11, C.10.9, C.11.1, C.11.2.1.1, C.11.6.1.1.
"""

from __future__ import annotations

from math import isfinite
from typing import Final

from .reading import BufferedReader
from .structure import VR_NUMBERS, Structure

__all__ = ["DECIDING", "AmbiguousVRs"]

_PIXEL_REPRESENTATION: Final = 0x00280103
_WAVEFORM_BITS_ALLOCATED: Final = 0x54001004

_SOP_CLASS: Final = 0x00080016
_BITS_STORED: Final = 0x00280101
_RESCALE_INTERCEPT: Final = 0x00281052
_RESCALE_SLOPE: Final = 0x00281053
_RESCALE_TYPE: Final = 0x00281054

DECIDING: Final = frozenset((
    _SOP_CLASS, _BITS_STORED, _PIXEL_REPRESENTATION, _RESCALE_INTERCEPT, _RESCALE_SLOPE, _RESCALE_TYPE,
    _WAVEFORM_BITS_ALLOCATED,
))
"""Elements on which VRs depend."""

_NUMBERS: Final = frozenset((_BITS_STORED, _PIXEL_REPRESENTATION, _WAVEFORM_BITS_ALLOCATED))
"""Those with binary values."""

_LONGEST_VALUE: Final = 64

_LUT_DESCRIPTOR: Final = 0x00283002
_MODALITY_LUT_SEQUENCE: Final = 0x00283000
_VOI_LUT_SEQUENCE: Final = 0x00283010
_PRESENTATION_LUT_SEQUENCE: Final = 0x20500010

_CT: Final = b"1.2.840.10008.5.1.4.1.1.2"
_HOUNSFIELD: Final = b"HU"

_BY_PIXEL_REPRESENTATION: Final = frozenset((
    0x00189810, 0x00221452, 0x00280104, 0x00280105, 0x00280106, 0x00280107, 0x00280108, 0x00280109, 0x00280110,
    0x00280111, 0x00280120, 0x00280121, 0x00281101, 0x00281102, 0x00281103, 0x00283002, 0x00409211, 0x00409216,
    0x00603004, 0x00603006,
))
"""US or SS; other elements with both VRs, retired ones, are always US."""

_BY_WAVEFORM_BITS: Final = frozenset((0x54000110, 0x54000112, 0x5400100A, 0x54001010))
"""OB or OW."""


class _OpenItem:
    """What is known of an item that is still walked.

    Attributes:
        sequence: tag of the sequence that it is in; 0 for the data set.
        values: elements of ``DECIDING`` by tag, numbers in little endian; and the Modality LUT Sequence if it has an
            item.
        undecided: nodes by the tag that decides; for descriptors of VOI LUTs that is the tag of their sequence.
    """

    __slots__ = ("sequence", "undecided", "values")

    def __init__(self, sequence: int) -> None:
        self.sequence = sequence
        self.values: dict[int, bytes] = {}
        self.undecided: dict[int, list[int]] = {}


class AmbiguousVRs:
    """Remembers, for each open item, the elements that others depend on, and those that are not decided yet."""

    __slots__ = ("_items", "_reader", "_structure")

    def __init__(self, structure: Structure, reader: BufferedReader) -> None:
        self._structure = structure
        self._reader = reader
        self._items: list[_OpenItem] = []

    def begin_item(self, sequence: int) -> None:
        """Begin an item of the sequence with this tag, or the data set."""
        if sequence == _MODALITY_LUT_SEQUENCE:
            self._items[-1].values[sequence] = b""
        self._items.append(_OpenItem(sequence))

    def end_item(self) -> None:
        """Decide what the item can decide, and leave the rest to the item around it."""
        item = self._items.pop()
        for tag, nodes in item.undecided.items():
            vr = _vr(tag, item.values)
            if vr is not None:
                for node in nodes:
                    self._structure.vrs[node] = VR_NUMBERS[vr]
            elif self._items:
                around = self._items[-1].undecided
                outer = around.setdefault(tag, [])
                if len(outer) < len(nodes):  # the shorter list is copied: each node seldom moves
                    outer, nodes = nodes, outer
                    around[tag] = outer
                outer += nodes

    def note(self, tag: int, position: int, length: int, is_big_endian: bool) -> None:
        """Note an element of the current item, if its tag is in ``DECIDING``."""
        if length >= 2:
            is_number = tag in _NUMBERS
            value = self._reader.read(position, 2 if is_number else min(length, _LONGEST_VALUE))
            self._items[-1].values.setdefault(tag, value[::-1] if is_number and is_big_endian else value)

    def decide(self, node: int, tag: int, vr: str) -> str:
        """The VR of an element of the current item, as far as it is known: it may change when its item ends.

        One of DCMTK's two-letter names if it cannot be decided.
        """
        item = self._items[-1]
        if vr == "xs" and tag in _BY_PIXEL_REPRESENTATION:
            decides = _PIXEL_REPRESENTATION
            if tag == _LUT_DESCRIPTOR:
                if item.sequence == _PRESENTATION_LUT_SEQUENCE:
                    return "US"
                if item.sequence == _VOI_LUT_SEQUENCE:
                    decides = _VOI_LUT_SEQUENCE
            item.undecided.setdefault(decides, []).append(node)
            return "US"
        if vr == "ox":
            if tag in _BY_WAVEFORM_BITS:
                item.undecided.setdefault(_WAVEFORM_BITS_ALLOCATED, []).append(node)
            elif tag == 0x7FE00010 or tag & 0xFF01FFFF == 0x60003000:
                return "OW"
        return vr


def _vr(tag: int, values: dict[int, bytes]) -> str | None:
    """The VR of elements that depend on ``tag``, in or around an item with these values; None if they do not decide."""
    if tag == _VOI_LUT_SEQUENCE:
        vr = _modality_vr(values)
        if vr is not None:
            return vr
        tag = _PIXEL_REPRESENTATION
    if tag not in values:
        return None
    value = _number(values, tag)
    if tag == _PIXEL_REPRESENTATION:
        return "SS" if value == 1 else "US"
    return "OB" if value == 8 else "OW"


def _modality_vr(values: dict[int, bytes]) -> str | None:
    """SS if what leaves the Modality LUT may be negative, otherwise US; None if there is none."""
    rescale_type = values.get(_RESCALE_TYPE, b"").strip(b"\0 ")
    if rescale_type == _HOUNSFIELD:
        return "SS"
    slope, intercept = _decimal(values, _RESCALE_SLOPE), _decimal(values, _RESCALE_INTERCEPT)
    if slope is None and intercept is None:
        return "US" if _MODALITY_LUT_SEQUENCE in values else None
    if not rescale_type and values.get(_SOP_CLASS, b"").strip(b"\0 ") == _CT:
        return "SS"  # of CT the type is left out only if it is HU
    bits = min(_number(values, _BITS_STORED) or 16, 16)  # a presentation state does not say how many there are
    lowest = -(1 << bits - 1) if _number(values, _PIXEL_REPRESENTATION) == 1 else 0
    highest = lowest + (1 << bits) - 1
    factor = 1.0 if slope is None else slope
    return "SS" if min(lowest * factor, highest * factor) + (intercept or 0) < 0 else "US"


def _number(values: dict[int, bytes], tag: int) -> int:
    return int.from_bytes(values.get(tag, b""), "little")


def _decimal(values: dict[int, bytes], tag: int) -> float | None:
    """The first value of an element with VR DS; None if there is none, or it is no number."""
    try:
        number = float(values.get(tag, b"").split(b"\\")[0].strip(b"\0 "))
    except ValueError:
        return None
    return number if isfinite(number) else None
