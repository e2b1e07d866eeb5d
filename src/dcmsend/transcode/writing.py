"""The second pass of a conversion: reads the values again and writes the data set in its target transfer syntax."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from struct import Struct
from typing import Final

from dcmsend.dicom.byte_source import ByteSource
from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.dicom.vr import LONG_VRS, VALUE_WIDTHS
from dcmsend.errors import DataSetError, TranscodeError

from .layout import LARGEST_LENGTH, LARGEST_SHORT_LENGTH, Layout
from .reading import BufferedReader
from .structure import (
    BIG_ENDIAN,
    BLANK_PADDED,
    DROPPED,
    ELEMENT,
    FRAGMENTS,
    ITEM,
    KIND,
    VR_NAMES,
    WHITE_SPACE,
    Structure,
)

__all__ = ["DataSetWriter", "swap_words"]

_UNDEFINED: Final = 0xFFFFFFFF
_ITEM: Final = 0xE000
_ITEM_DELIMITATION: Final = 0xE00D
_SEQUENCE_DELIMITATION: Final = 0xE0DD

_SMALL: Final = 32 * 1024
_ENOUGH: Final = 192 * 1024
_PIECE: Final = 256 * 1024
_WHITE: Final = b" \t\n\v\f\r"
_SWAP_CODES: Final = {2: "H", 4: "I", 8: "Q"}

_WIDTHS: Final = tuple(VALUE_WIDTHS.get(name, 1) for name in VR_NAMES)
_CODES: Final = tuple(name.encode() for name in VR_NAMES)
_IS_LONG: Final = tuple(name in LONG_VRS for name in VR_NAMES)


def swap_words(data: bytes, width: int) -> bytes:
    """Reverse the bytes of each word of ``width`` bytes (2, 4 or 8); an incomplete last word stays as it is."""
    whole = len(data) - len(data) % width
    words = array(_SWAP_CODES[width], data[:whole])
    words.byteswap()
    return words.tobytes() + data[whole:]


class DataSetWriter:
    """Writes a recorded data set in the canonical form.

    Args:
        structure: the structure that the first pass has recorded.
        layout: its sizes in ``target``.
        source: the data set that holds the values.
        target: a native or encapsulated transfer syntax; for Deflated, the syntax before compression.
    """

    def __init__(self, structure: Structure, layout: Layout, source: ByteSource, target: TransferSyntax) -> None:
        self._structure = structure
        self._layout = layout
        self._reader = BufferedReader(source)
        self._is_explicit = not target.is_implicit_vr
        self._is_big = not target.is_little_endian
        order = ">" if self._is_big else "<"
        self._pack_short = Struct(order + "HH2sH").pack
        self._pack_long = Struct(order + "HH2sHL").pack
        self._pack_implicit = Struct(order + "HHL").pack
        self._pack_length = Struct(order + "L").pack
        self._order = order

    def chunks(self) -> Iterator[bytes]:
        """The encoded data set in pieces of at most 256 KiB.

        Raises DataSetError when the source was shortened, FileUnreadable from the source.
        """
        structure = self._structure
        kinds, ends, lengths = structure.kinds, structure.ends, structure.lengths
        supplied = structure.supplied
        unsorted = frozenset(structure.unsorted)
        out = bytearray()
        stack: list[tuple[int, int] | bytes] = []
        self._descend(0, ends[0], unsorted, stack)
        while stack:
            entry = stack.pop()
            if isinstance(entry, bytes):
                out += entry
                continue
            node, stop = entry
            while node < stop:
                kind = kinds[node]
                if kind & DROPPED:
                    node = ends[node]
                    continue
                out += self._header(node)
                next_node = node + 1
                if kind & KIND == ELEMENT or kind & KIND > FRAGMENTS:
                    next_node = ends[node]
                    if lengths[node] <= _SMALL and node not in supplied:
                        out += self._value(node)
                    else:
                        yield bytes(out)
                        out.clear()
                        yield from self._long_value(node)
                elif node in unsorted or self._layout.delimiter_size(node):
                    self._descend(node, stop, unsorted, stack)
                    break
                node = next_node
                if len(out) >= _ENOUGH:
                    yield bytes(out)
                    out.clear()
        if out:
            yield bytes(out)

    def _descend(
        self, node: int, stop: int, unsorted: frozenset[int], stack: list[tuple[int, int] | bytes]
    ) -> None:
        """Push the nodes after ``node`` up to ``stop``, its delimiter, its children in ascending order."""
        structure = self._structure
        end = structure.ends[node]
        if end < stop:
            stack.append((end, stop))
        if self._layout.delimiter_size(node):
            element = _ITEM_DELIMITATION if structure.kinds[node] & KIND == ITEM else _SEQUENCE_DELIMITATION
            stack.append(self._pack_implicit(0xFFFE, element, 0))
        if node in unsorted:
            children = sorted(structure.children(node), key=structure.tags.__getitem__, reverse=True)
            stack.extend((child, structure.ends[child]) for child in children)
        elif node + 1 < end:
            stack.append((node + 1, end))

    def _header(self, node: int) -> bytes:
        """Tag, VR and length.  Source: PS3.5 7.1.2, 7.1.3, 7.5."""
        structure = self._structure
        size = self._layout.sizes[node]
        kind = structure.kinds[node] & KIND
        if kind != ELEMENT:
            if size > LARGEST_LENGTH or kind == FRAGMENTS:
                size = _UNDEFINED
            if kind == ITEM or kind > FRAGMENTS:
                return self._pack_implicit(0xFFFE, _ITEM, size)
        tag = structure.tags[node]
        if not self._is_explicit:
            return self._pack_implicit(tag >> 16, tag & 0xFFFF, size)
        vr = structure.vrs[node]
        if _IS_LONG[vr]:
            return self._pack_long(tag >> 16, tag & 0xFFFF, _CODES[vr], 0, size)
        if size > LARGEST_SHORT_LENGTH:  # the length field is too small, so DCMTK writes the element as UN
            return self._pack_long(tag >> 16, tag & 0xFFFF, b"UN", 0, size)
        return self._pack_short(tag >> 16, tag & 0xFFFF, _CODES[vr], size)

    def _swap_width(self, node: int) -> int:
        """Width of the words whose bytes have to be swapped; 1 for none."""
        structure = self._structure
        width = _WIDTHS[structure.vrs[node]]
        if width == 1 or structure.kinds[node] & KIND:
            return 1
        is_big = self._is_big
        if self._is_explicit and self._layout.sizes[node] > LARGEST_SHORT_LENGTH and not _IS_LONG[structure.vrs[node]]:
            is_big = False  # the element is written as UN
        return width if bool(structure.kinds[node] & BIG_ENDIAN) != is_big else 1

    def _value(self, node: int) -> bytes:
        """A short value, padded, in the target's byte order."""
        structure = self._structure
        group_length = self._layout.group_lengths.get(node)
        if group_length is not None:
            return self._pack_length(group_length)
        length, position, kind = structure.lengths[node], structure.positions[node], structure.kinds[node]
        if kind & WHITE_SPACE:
            value = b"".join(self._without_white_space(node))
        else:
            value = self._reader.read(position, length)
        if length & 1:
            value += b" " if kind & BLANK_PADDED else b"\0"
        width = self._swap_width(node)
        return swap_words(value, width) if width > 1 else value

    def _long_value(self, node: int) -> Iterator[bytes]:
        """A long or supplied value in pieces, padded, in the target's byte order."""
        structure = self._structure
        kind = structure.kinds[node]
        missing = structure.lengths[node]
        pad = b"" if not missing & 1 else b" " if kind & BLANK_PADDED else b"\0"
        width = self._swap_width(node)
        for piece in self._source_pieces(node):
            missing -= len(piece)
            if not missing and pad:
                piece += pad
            yield swap_words(piece, width) if width > 1 else piece
        if missing:
            raise TranscodeError("Pixel representation cannot be changed", "a value has not the length it should have")

    def _source_pieces(self, node: int) -> Iterator[bytes]:
        """A value as it is in the source, or as it was supplied, in pieces of at most 256 KiB."""
        structure = self._structure
        supplied = structure.supplied.get(node)
        if supplied is not None:
            yield from supplied()
        elif structure.kinds[node] & WHITE_SPACE:
            yield from self._without_white_space(node)
        else:
            position = structure.positions[node]
            end = position + structure.lengths[node]
            while position < end:
                size = min(_PIECE, end - position)
                yield self._reader.read(position, size)
                position += size

    def _without_white_space(self, node: int) -> Iterator[bytes]:
        structure = self._structure
        position, missing = structure.positions[node], structure.lengths[node]
        end = position + structure.source_lengths[node]
        while missing:
            size = min(_PIECE, end - position)
            if not size:
                raise DataSetError("I/O suspension or premature end of stream", "the file changed while it was read")
            piece = self._reader.read(position, size).translate(None, _WHITE)[:missing]
            position += size
            missing -= len(piece)
            yield piece
