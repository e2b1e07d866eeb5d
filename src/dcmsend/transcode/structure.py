"""The structure of one data set: recorded by the first pass of a conversion, written by the second one.

Every element, sequence, item and fragment is one *node*, a row across a few arrays, in the order of the bytes; the
descendants of a node follow it directly.  A node takes 34 bytes, the layout included; there are at most ``MAX_NODES``.
Between the passes nodes can be replaced, removed and added; that is how pixel data becomes native.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import Final

from dcmsend.dicom.vr import LONG_VRS, SHORT_VRS
from dcmsend.errors import DataSetError

__all__ = [
    "BIG_ENDIAN", "BLANK_PADDED", "DROPPED", "ELEMENT", "FRAGMENT", "FRAGMENTS", "ITEM", "KIND",
    "MAX_INFLATED_NODES", "MAX_NODES", "SEQUENCE", "VR_NAMES", "VR_NUMBERS", "WHITE_SPACE", "Structure", "Values",
]

Values = Callable[[], Iterator[bytes]]
"""Yields a value in Little Endian, in pieces; all but the last are multiples of 8 bytes."""

MAX_NODES: Final = 4_000_000
"""Limit of about 136 MB; a Whole Slide image with 100,000 frames and dimensions for each has 3 million."""

MAX_INFLATED_NODES: Final = 1_250_000
"""Of a deflated data set, which a few kilobytes can be: they take 5 s of a processor.  A Whole Slide image with 400,000
frames and three elements for each has 1.2 million.
"""

# kinds of nodes (low bits), and flags
ELEMENT: Final = 0
SEQUENCE: Final = 1
ITEM: Final = 2
FRAGMENTS: Final = 3
FRAGMENT: Final = 4
KIND: Final = 0x07
BIG_ENDIAN: Final = 0x08
"""The value's words are big endian in the source."""
BLANK_PADDED: Final = 0x10
"""An odd length is padded with a blank instead of a zero."""
DROPPED: Final = 0x20
"""Not written, and neither is its content."""
WHITE_SPACE: Final = 0x40
"""White space inside the value is not written; ``Structure.source_lengths`` has its length in the source."""

VR_NAMES: Final = (*SHORT_VRS, *LONG_VRS)
VR_NUMBERS: Final = {name: number for number, name in enumerate(VR_NAMES)}


class Structure:
    """All nodes; node 0 is the data set itself, an item without header.

    Attributes:
        tags: of elements and sequences, 0 for items and fragments.
        vrs: index into ``VR_NAMES`` of the VR to write; ambiguous VRs are decided.
        kinds: one of ELEMENT, SEQUENCE, ITEM, FRAGMENTS, FRAGMENT, and flags.
        positions: position of the value in the source (elements and fragments).
        lengths: bytes of the value that are written, before padding to an even length (elements and fragments).
        parents: the parent of each node.
        ends: the node after the last descendant of each node.
        unsorted: items whose elements are not in ascending order.
        group_lengths: elements (gggg,0000).
        source_lengths: lengths in the source of values with WHITE_SPACE.
        encapsulated: nodes of kind FRAGMENTS.
        supplied: values that do not come from the source.
        inserted: nodes that were added to an item.
    """

    __slots__ = (
        "_most", "encapsulated", "ends", "group_lengths", "inserted", "kinds", "lengths", "parents", "positions",
        "source_lengths", "supplied", "tags", "unsorted", "vrs",
    )

    def __init__(self, *, is_inflated: bool = False) -> None:
        self._most = MAX_INFLATED_NODES if is_inflated else MAX_NODES
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
        self.supplied: dict[int, Values] = {}
        self.inserted: dict[int, list[int]] = {}

    def add(self, tag: int | None, kind: int, parent: int) -> int:
        """Add a node at the end; a node without tag is an item or a fragment."""
        node = len(self.tags)
        if node >= self._most:
            raise DataSetError("Corrupted data", f"more than {self._most} elements")
        self.tags.append(tag or 0)
        self.kinds.append(kind)
        self.vrs.append(0)
        self.positions.append(0)
        self.lengths.append(0)
        self.parents.append(parent)
        self.ends.append(node + 1)
        return node

    def children(self, node: int) -> list[int]:
        """The direct children of an item, a sequence or encapsulated pixel data, in the order of the source."""
        found = []
        child, end = node + 1, self.ends[node]
        while child < end:
            found.append(child)
            child = self.ends[child]
        return found + self.inserted.get(node, [])

    def find(self, tag: int, item: int = 0) -> int | None:
        """The element with this tag in an item, unless it was removed."""
        for child in self.children(item):
            if self.tags[child] == tag and not self.kinds[child] & DROPPED:
                return child
        return None

    def replace(self, node: int, vr: str, length: int, values: Values) -> None:
        """Turn an element (or encapsulated pixel data) into an element with another VR and value."""
        self.kinds[node] = ELEMENT
        self.vrs[node] = VR_NUMBERS[vr]
        self.lengths[node] = length
        self.supplied[node] = values

    def insert(self, item: int, tag: int, vr: str, length: int, values: Values) -> int:
        """Add a new element to an item that has none with this tag."""
        node = self.add(tag, ELEMENT, item)
        self.replace(node, vr, length, values)
        self.inserted.setdefault(item, []).append(node)
        if item not in self.unsorted:
            self.unsorted.append(item)
        return node

    def remove(self, node: int) -> None:
        """Leave an element and its content out of the output."""
        self.kinds[node] |= DROPPED
