"""The elements of one data set, recorded compactly by the first pass of a conversion.

Every element, sequence, item and fragment is one *node*, a row across a few arrays, in the order of the bytes: a node's
descendants follow it directly.  That is 34 bytes a node together with the layout, and at most ``MAX_NODES`` of them.
"""

from __future__ import annotations

from array import array
from typing import Final

from dcmsend.dicom.byte_source import ByteSource
from dcmsend.dicom.vr import AMBIGUOUS_VRS, LONG_VRS, SHORT_VRS, STRING_VRS
from dcmsend.errors import DataSetError

from .ambiguous_vr import AmbiguousVRs
from .reading import BufferedReader

__all__ = [
    "BIG_ENDIAN", "BLANK_PADDED", "DROPPED", "ELEMENT", "FRAGMENT", "FRAGMENTS", "ITEM", "KIND", "MAX_NODES",
    "SEQUENCE", "VR_NAMES", "WHITE_SPACE", "Structure", "StructureRecorder",
]

MAX_NODES: Final = 4_000_000
"""About 136 MB; a Whole Slide image with 100,000 frames and dimensions for each has 3 million."""

# kinds of nodes (low bits), and what is special about them (flags)
ELEMENT: Final = 0
SEQUENCE: Final = 1
ITEM: Final = 2
FRAGMENTS: Final = 3
FRAGMENT: Final = 4
KIND: Final = 0x07
BIG_ENDIAN: Final = 0x08
"""The value's words are big endian in the source."""
BLANK_PADDED: Final = 0x10
"""An odd length is filled up with a blank instead of a zero."""
DROPPED: Final = 0x20
"""Not written, together with what is in it."""
WHITE_SPACE: Final = 0x40
"""White space inside the value is not written; ``Structure.source_lengths`` has its length in the source."""

VR_NAMES: Final = (*SHORT_VRS, *LONG_VRS)
_VR_NUMBERS: Final = {name: number for number, name in enumerate(VR_NAMES)}
_WRITTEN_AS: Final = {"ox": "OB", "px": "OW", "lt": "OW", "xs": "US", "up": "UL"}

_TRAILING_PADDING: Final = 0xFFFCFFFC
_PIXEL_DATA: Final = 0x7FE00010
_WHITE: Final = b" \t\n\v\f\r"
_PIECE: Final = 64 * 1024


class Structure:
    """All nodes; node 0 is the data set itself, an item without header.

    Attributes:
        tags: of elements and sequences, 0 for items and fragments.
        vrs: index into ``VR_NAMES`` of what is to be written, after ambiguous VRs were decided.
        kinds: one of ELEMENT, SEQUENCE, ITEM, FRAGMENTS, FRAGMENT, and flags.
        positions: where the value lies in the source (elements and fragments).
        lengths: bytes of the value that are written, before padding to an even length (elements and fragments).
        parents: the node that a node is in.
        ends: the node behind a node's last descendant.
        unsorted: items whose elements are not in ascending order.
        group_lengths: elements (gggg,0000).
        source_lengths: of values with WHITE_SPACE.
        encapsulated: nodes of kind FRAGMENTS.
    """

    __slots__ = (
        "encapsulated", "ends", "group_lengths", "kinds", "lengths", "parents", "positions", "source_lengths", "tags",
        "unsorted", "vrs",
    )

    def __init__(self) -> None:
        self.tags = array("I")
        self.vrs = array("B")
        self.kinds = array("B")
        self.positions = array("Q")
        self.lengths = array("I")
        self.parents = array("I")
        self.ends = array("I")
        self.unsorted: list[int] = []
        self.group_lengths: list[int] = []
        self.source_lengths: dict[int, int] = {}
        self.encapsulated: list[int] = []

    def children(self, node: int) -> list[int]:
        """The nodes directly in an item, a sequence or encapsulated pixel data, in the order of the source."""
        found = []
        child, end = node + 1, self.ends[node]
        while child < end:
            found.append(child)
            child = self.ends[child]
        return found


class StructureRecorder:
    """Builds a ``Structure`` while the data set is walked.

    Args:
        source: the data set; values of strings are looked at for their padding.
        is_big_endian: of explicit VR parts.
        has_big_endian_pixels: GE's private syntax.
    """

    def __init__(self, source: ByteSource, *, is_big_endian: bool, has_big_endian_pixels: bool) -> None:
        self.structure = Structure()
        self._reader = BufferedReader(source)
        self._big_endian = BIG_ENDIAN if is_big_endian else 0
        self._has_big_endian_pixels = has_big_endian_pixels
        self._ambiguous = AmbiguousVRs(self._reader)
        self._open: list[int] = []
        self._implicit: list[bool] = []
        self._last_tags: list[int] = []
        self.begin_item()

    def finish(self) -> Structure:
        """The data set has ended."""
        self.end_item()
        structure = self.structure
        structure.unsorted = list(dict.fromkeys(structure.unsorted))
        for item in structure.unsorted:
            self._drop_repeated(item)
        return structure

    # -- what the walk tells

    def element(self, tag: int, vr: str, position: int, length: int) -> None:
        if tag == _TRAILING_PADDING:
            return
        structure = self.structure
        node = self._add(tag, ELEMENT | self._order(tag))
        if vr in AMBIGUOUS_VRS:
            vr = self._ambiguous.decide(tag, vr)
            vr = _WRITTEN_AS.get(vr, vr)
        self._ambiguous.note(tag, position, length, bool(structure.kinds[node] & BIG_ENDIAN))
        structure.positions[node] = position
        structure.lengths[node] = length
        if vr in STRING_VRS:
            self._trim(node, vr, position, length)
        structure.vrs[node] = _VR_NUMBERS.get(vr, _VR_NUMBERS["UN"])
        if not tag & 0xFFFF:
            self._make_group_length(node)

    def begin_sequence(self, tag: int, implicit: bool) -> None:
        node = self._add(tag, SEQUENCE | (DROPPED if tag == _TRAILING_PADDING else 0))
        self.structure.vrs[node] = _VR_NUMBERS["SQ"]
        self._open.append(node)
        self._implicit.append(implicit or (bool(self._implicit) and self._implicit[-1]))

    def end_sequence(self) -> None:
        self._implicit.pop()
        self._close()

    def begin_item(self) -> None:
        self._open.append(self._add(None, ITEM))
        self._last_tags.append(-1)
        self._ambiguous.begin_item()

    def end_item(self) -> None:
        self._ambiguous.end_item()
        self._last_tags.pop()
        self._close()

    def begin_fragments(self, tag: int) -> None:
        node = self._add(tag, FRAGMENTS)
        self.structure.vrs[node] = _VR_NUMBERS["OB"]
        self.structure.encapsulated.append(node)
        self._open.append(node)

    def fragment(self, position: int, length: int) -> None:
        node = self._add(None, FRAGMENT)
        self.structure.positions[node] = position
        self.structure.lengths[node] = length

    def end_fragments(self) -> None:
        self._close()

    # -- nodes

    def _add(self, tag: int | None, kind: int) -> int:
        """A new node inside the innermost open one; without tag an item or a fragment."""
        structure = self.structure
        node = len(structure.tags)
        if node >= MAX_NODES:
            raise DataSetError("Corrupted data", f"more than {MAX_NODES} elements")
        structure.tags.append(tag or 0)
        structure.kinds.append(kind)
        structure.vrs.append(0)
        structure.positions.append(0)
        structure.lengths.append(0)
        structure.parents.append(self._open[-1] if self._open else 0)
        structure.ends.append(node + 1)
        if tag is not None:
            if tag > self._last_tags[-1]:
                self._last_tags[-1] = tag
            elif not structure.unsorted or structure.unsorted[-1] != self._open[-1]:
                structure.unsorted.append(self._open[-1])
        return node

    def _close(self) -> None:
        """The innermost open node has ended."""
        structure = self.structure
        node = self._open.pop()
        structure.ends[node] = len(structure.tags)
        if structure.kinds[node] & KIND != ITEM and not structure.tags[node] & 0xFFFF:
            self._make_group_length(node)

    def _make_group_length(self, node: int) -> None:
        """(gggg,0000) is a UL and gets its value later, whatever it has been in the source."""
        structure = self.structure
        structure.kinds[node] = ELEMENT | structure.kinds[node] & DROPPED
        structure.vrs[node] = _VR_NUMBERS["UL"]
        structure.lengths[node] = 4
        structure.group_lengths.append(node)

    def _order(self, tag: int) -> int:
        if self._has_big_endian_pixels and tag == _PIXEL_DATA:
            return BIG_ENDIAN
        return 0 if self._implicit and self._implicit[-1] else self._big_endian

    def _trim(self, node: int, vr: str, position: int, length: int) -> None:
        """Find how much of a string is written: DCMTK takes the padding away, and all white space in UIDs.

        A text of odd length is kept and gets a zero, because that zero then counts as its last character.
        """
        structure, reader = self.structure, self._reader
        if vr == "UI":
            kept = zeros = 0  # bytes that are not white, and how many zeros are at their end
            for start in range(position, position + length, _PIECE):
                piece = reader.read(start, min(_PIECE, position + length - start)).translate(None, _WHITE)
                significant = len(piece.rstrip(b"\0"))
                zeros = len(piece) - significant if significant else zeros + len(piece)
                kept += len(piece)
            if kept != length:
                structure.kinds[node] |= WHITE_SPACE
                structure.source_lengths[node] = length
            structure.lengths[node] = kept - zeros
        elif not length & 1:
            end = position + length
            while end > position and reader.read(end - 1, 1) == b" ":
                start = max(position, end - _PIECE)
                end = start + len(reader.read(start, end - start).rstrip(b" "))
            structure.lengths[node] = end - position
            structure.kinds[node] |= BLANK_PADDED

    def _drop_repeated(self, item: int) -> None:
        """Of elements with the same tag only the first one is written."""
        structure = self.structure
        seen: set[int] = set()
        for child in structure.children(item):
            tag = structure.tags[child]
            if tag in seen:
                structure.kinds[child] |= DROPPED
            seen.add(tag)
