"""The first pass of a conversion: records the structure of a data set while it is walked."""

from __future__ import annotations

from typing import Final

from dcmsend.dicom.byte_source import ByteSource, InflatedSource
from dcmsend.dicom.vr import STRING_VRS
from dcmsend.dicom.walk_findings import found_twice

from .ambiguous_vr import DECIDING, AmbiguousVRs
from .reading import BufferedReader
from .structure import (
    BIG_ENDIAN,
    BLANK_PADDED,
    DROPPED,
    ELEMENT,
    FRAGMENT,
    FRAGMENTS,
    ITEM,
    KIND,
    SEQUENCE,
    VR_NUMBERS,
    WHITE_SPACE,
    Structure,
)

__all__ = ["StructureRecorder"]

_WRITTEN_AS: Final = {"ox": "OB", "px": "OW", "lt": "OW", "xs": "US", "up": "UL"}

_TRAILING_PADDING: Final = 0xFFFCFFFC
_PIXEL_DATA: Final = 0x7FE00010
_WHITE: Final = b" \t\n\v\f\r"
_PIECE: Final = 64 * 1024
_MOST_WARNINGS: Final = 100


class StructureRecorder:
    """Builds a ``Structure`` while the data set is walked.

    Args:
        source: the data set; the recorder reads strings from it to find their padding.
        is_big_endian: byte order of explicit VR parts.
        has_big_endian_pixels: whether it is GE's private syntax.

    Attributes:
        warnings: about elements that are left out; complete after ``finish``.  The walk itself knows only those that
            follow their like directly: it does not remember all tags of an item.
    """

    def __init__(self, source: ByteSource, *, is_big_endian: bool, has_big_endian_pixels: bool) -> None:
        self.structure = Structure(is_inflated=isinstance(source, InflatedSource))
        self._reader = BufferedReader(source)
        self._big_endian = BIG_ENDIAN if is_big_endian else 0
        self._has_big_endian_pixels = has_big_endian_pixels
        self._ambiguous = AmbiguousVRs(self.structure, self._reader)
        self._open: list[int] = []
        self._implicit: list[bool] = []
        self._last_tags: list[int] = []
        self._repeated: set[int] = set()
        self.warnings: list[str] = []
        self.begin_item()

    def finish(self) -> Structure:
        """End the recording; return the structure."""
        self.end_item()
        structure = self.structure
        structure.unsorted = list(dict.fromkeys(structure.unsorted))
        for item in structure.unsorted:
            self._drop_repeated(item)
        return structure

    # -- calls from the walk

    def element(self, tag: int, vr: str, position: int, length: int) -> None:
        if tag == _TRAILING_PADDING:
            return
        structure = self.structure
        node = self._add(tag, ELEMENT | self._order(tag))
        if vr in _WRITTEN_AS:
            vr = self._ambiguous.decide(node, tag, vr)
            vr = _WRITTEN_AS.get(vr, vr)
        elif tag in DECIDING:
            self._ambiguous.note(tag, position, length, bool(structure.kinds[node] & BIG_ENDIAN))
        structure.positions[node] = position
        structure.lengths[node] = length
        if vr in STRING_VRS:
            self._trim(node, vr, position, length)
        structure.vrs[node] = VR_NUMBERS.get(vr, VR_NUMBERS["UN"])
        if not tag & 0xFFFF:
            self._make_group_length(node)

    def begin_sequence(self, tag: int, implicit: bool) -> None:
        node = self._add(tag, SEQUENCE | (DROPPED if tag == _TRAILING_PADDING else 0))
        self.structure.vrs[node] = VR_NUMBERS["SQ"]
        self._open.append(node)
        self._implicit.append(implicit or (bool(self._implicit) and self._implicit[-1]))

    def end_sequence(self) -> None:
        self._implicit.pop()
        self._close()

    def begin_item(self) -> None:
        self._ambiguous.begin_item(self.structure.tags[self._open[-1]] if self._open else 0)
        self._open.append(self._add(None, ITEM))
        self._last_tags.append(-1)

    def end_item(self) -> None:
        self._ambiguous.end_item()
        self._last_tags.pop()
        self._close()

    def begin_fragments(self, tag: int) -> None:
        node = self._add(tag, FRAGMENTS)
        self.structure.vrs[node] = VR_NUMBERS["OB"]
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
        """Add a node to the innermost open one; a node without tag is an item or a fragment."""
        structure = self.structure
        parent = self._open[-1] if self._open else 0
        node = structure.add(tag, kind, parent)
        if tag is not None:
            if tag > self._last_tags[-1]:
                self._last_tags[-1] = tag
            elif not structure.unsorted or structure.unsorted[-1] != parent:
                structure.unsorted.append(parent)
        return node

    def _close(self) -> None:
        """Close the innermost open node."""
        structure = self.structure
        node = self._open.pop()
        structure.ends[node] = len(structure.tags)
        if structure.kinds[node] & KIND != ITEM and not structure.tags[node] & 0xFFFF:
            self._make_group_length(node)

    def _make_group_length(self, node: int) -> None:
        """Make (gggg,0000) a UL, whatever its VR was in the source; its value follows later."""
        structure = self.structure
        structure.kinds[node] = ELEMENT | structure.kinds[node] & DROPPED
        structure.vrs[node] = VR_NUMBERS["UL"]
        structure.lengths[node] = 4
        structure.group_lengths.append(node)

    def _order(self, tag: int) -> int:
        if self._has_big_endian_pixels and tag == _PIXEL_DATA:
            return BIG_ENDIAN
        return 0 if self._implicit and self._implicit[-1] else self._big_endian

    def _trim(self, node: int, vr: str, position: int, length: int) -> None:
        """Find how much of a string is written: DCMTK removes the padding, and all white space in UIDs.

        Text of odd length keeps its padding and gets a zero, because that zero then counts as its last character.
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
        """Keep only the first of several elements with the same tag."""
        structure = self.structure
        seen: set[int] = set()
        for child in structure.children(item):
            tag = structure.tags[child]
            if tag in seen:
                structure.kinds[child] |= DROPPED
                self._warn_of_repeated(tag)
            seen.add(tag)

    def _warn_of_repeated(self, tag: int) -> None:
        """Say once a tag that an element is left out: its value may be the one that was meant."""
        told = len(self._repeated)
        if tag in self._repeated or told > _MOST_WARNINGS:
            return
        self._repeated.add(tag)
        if told < _MOST_WARNINGS:
            self.warnings.append(found_twice(tag))
        else:
            self.warnings.append(f"more than {_MOST_WARNINGS} elements were found twice: the others are not shown")
