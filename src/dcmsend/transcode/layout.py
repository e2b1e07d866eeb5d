"""Calculates the length of every part of a data set in its target transfer syntax, and the group lengths.

Canonical form, as DCMTK writes it: explicit lengths for sequences and items, even values, group lengths recalculated.
Source: PS3.5 7.1, 7.2, 7.5.
"""

from __future__ import annotations

from array import array
from typing import Final

from dcmsend.dicom.vr import LONG_VRS

from .structure import DROPPED, FRAGMENTS, ITEM, KIND, SEQUENCE, VR_NAMES, Structure

__all__ = ["LARGEST_LENGTH", "LARGEST_SHORT_LENGTH", "Layout"]

LARGEST_LENGTH: Final = 0xFFFFFFFE
LARGEST_SHORT_LENGTH: Final = 0xFFFF
_DELIMITER: Final = 8

_IS_LONG: Final = tuple(name in LONG_VRS for name in VR_NAMES)


class Layout:
    """Sizes in the target.

    Attributes:
        sizes: bytes of each node's content, without its header and delimiter; for node 0 of the whole data set.
        group_lengths: values of the elements (gggg,0000), by node.
    """

    __slots__ = ("_is_explicit", "_structure", "group_lengths", "sizes")

    def __init__(self, structure: Structure, *, is_explicit: bool) -> None:
        self._structure = structure
        self._is_explicit = is_explicit
        self.sizes = array("Q", bytes(8 * len(structure.tags)))
        self._add_up()
        self.group_lengths: dict[int, int] = {}
        for item in {structure.parents[node] for node in structure.group_lengths}:
            self._add_groups(item)

    def header_size(self, node: int) -> int:
        """Bytes of tag, VR and length before the content; 0 for the data set."""
        kind = self._structure.kinds[node] & KIND
        if not node:
            return 0
        if not self._is_explicit or kind > FRAGMENTS or kind == ITEM:
            return 8
        return 12 if _IS_LONG[self._structure.vrs[node]] or self.sizes[node] > LARGEST_SHORT_LENGTH else 8

    def delimiter_size(self, node: int) -> int:
        """Bytes of the delimiter after the content."""
        kind = self._structure.kinds[node] & KIND
        if kind == FRAGMENTS or (kind in (SEQUENCE, ITEM) and node and self.sizes[node] > LARGEST_LENGTH):
            return _DELIMITER
        return 0

    def _add_up(self) -> None:
        """Add sizes from the last node to the first, so that each is complete when it is added to its parent."""
        structure, sizes = self._structure, self.sizes
        kinds, lengths, parents, vrs = structure.kinds, structure.lengths, structure.parents, structure.vrs
        is_explicit = self._is_explicit
        for node in range(len(kinds) - 1, 0, -1):
            kind = kinds[node]
            if kind & DROPPED:
                continue
            if kind & KIND:
                length = lengths[node]
                sizes[node] += length + (length & 1)
                sizes[parents[node]] += self.header_size(node) + sizes[node] + self.delimiter_size(node)
                continue
            length = lengths[node]
            length += length & 1
            sizes[node] = length
            is_long = is_explicit and (_IS_LONG[vrs[node]] or length > LARGEST_SHORT_LENGTH)
            sizes[parents[node]] += length + (12 if is_long else 8)

    def _add_groups(self, item: int) -> None:
        """The group lengths of one item: bytes of all other elements of the group.  Source: PS3.5 7.2."""
        structure = self._structure
        totals: dict[int, int] = {}
        elements = [node for node in structure.children(item) if not structure.kinds[node] & DROPPED]
        for node in elements:
            tag = structure.tags[node]
            if tag & 0xFFFF:
                size = self.header_size(node) + self.sizes[node] + self.delimiter_size(node)
                totals[tag >> 16] = totals.get(tag >> 16, 0) + size
        for node in elements:
            tag = structure.tags[node]
            if not tag & 0xFFFF:
                self.group_lengths[node] = min(totals.get(tag >> 16, 0), LARGEST_LENGTH)
