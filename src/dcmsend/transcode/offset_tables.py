"""Keeps the offset tables of pixel data true that stay compressed while fragments of odd length are padded.

Source: PS3.5 A.4, PS3.3 C.7.6.3.1.8: an offset is the distance of a frame's first item from the first item of all.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from struct import pack, unpack
from typing import Final

from .reading import BufferedReader
from .structure import DROPPED, ELEMENT, FRAGMENT, FRAGMENTS, KIND, Structure

__all__ = ["keep_offset_tables"]

_EXTENDED_OFFSET_TABLE: Final = 0x7FE00001
_ITEM_HEADER: Final = 8
_LARGEST_TABLE: Final = 64 << 20
_PIECE: Final = 256 * 1024


def keep_offset_tables(structure: Structure, reader: BufferedReader) -> None:
    """Correct the tables of all fragments that grow; a table with an entry where no item begins stays as it is.

    That also leaves alone a table whose writer has counted the padding that is missing: it becomes true.
    """
    for node in structure.encapsulated:
        if structure.kinds[node] & (KIND | DROPPED) != FRAGMENTS:
            continue
        items = [child for child in structure.children(node) if structure.kinds[child] & KIND == FRAGMENT]
        lengths = [structure.lengths[child] for child in items[1:]]
        if not any(length & 1 for length in lengths):
            continue
        before, after = _starts(lengths, 0), _starts(lengths, 1)
        _correct(structure, reader, items[0], "I", before, after)
        table = structure.find(_EXTENDED_OFFSET_TABLE, structure.parents[node])
        if table is not None and structure.kinds[table] & KIND == ELEMENT:
            _correct(structure, reader, table, "Q", before, after)


def _starts(lengths: list[int], padding: int) -> array[int]:
    """Where each item begins; ``padding`` is added to odd lengths."""
    starts, offset = array("Q"), 0
    for length in lengths:
        starts.append(offset)
        offset += _ITEM_HEADER + length + (length & padding)
    return starts


def _correct(
    structure: Structure, reader: BufferedReader, node: int, code: str, before: array[int], after: array[int]
) -> None:
    """Supply the table in ``node`` with entries from ``after`` instead of those from ``before``."""
    width, length = array(code).itemsize, structure.lengths[node]
    if not length or length % width or length > _LARGEST_TABLE or length // width > len(before):
        return  # each frame has a first item of its own
    form = f"<{length // width}{code}"
    entries = []
    for entry in unpack(form, reader.read(structure.positions[node], length)):
        at = bisect_left(before, entry)
        if at == len(before) or before[at] != entry or after[at] >> 8 * width:
            return
        entries.append(after[at])
    value = pack(form, *entries)

    def pieces() -> Iterator[bytes]:
        for start in range(0, length, _PIECE):
            yield value[start : start + _PIECE]

    structure.supplied[node] = pieces
