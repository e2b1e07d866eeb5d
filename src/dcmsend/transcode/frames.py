"""Assigns fragments to frames: which items of encapsulated pixel data form which frame.

Source: PS3.5 A.4, PS3.3 C.7.6.3.1.8.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

from dcmsend.dicom.byte_source import ByteSource, read_into
from dcmsend.errors import DataSetError, TranscodeError

from .buffers import Buffers
from .codec import cannot_change

__all__ = ["HEAD", "Frames", "OffsetTables", "divide"]

HEAD: Final = 64
"""Bytes of a fragment that are read to see whether a frame begins in it."""

_LARGEST_FRAME: Final = 1 << 30
_ITEM_HEADER: Final = 8
_PIECE: Final = 256 * 1024
"""Bytes of a read: small enough that its memory is not given back to the system each time."""


class OffsetTables:
    """The data set's own tables of where its frames begin; both may be empty.

    Attributes:
        basic: value of the first item.
        extended: value of Extended Offset Table (7FE0,0001).
    """

    __slots__ = ("basic", "extended")

    def __init__(self, basic: bytes = b"", extended: bytes = b"") -> None:
        self.basic = basic
        self.extended = extended

    def read(self, frame_count: int) -> list[array[int]]:
        """The tables that have one entry for each frame, the extended one first."""
        found = []
        for code, value in (("Q", self.extended), ("I", self.basic)):
            table = array(code)
            if len(value) == frame_count * table.itemsize:
                table.frombytes(value)
                if _IS_BIG_ENDIAN_HOST:
                    table.byteswap()
                found.append(table)
        return found


_IS_BIG_ENDIAN_HOST: Final = array("H", [1]).tobytes() == b"\0\1"


class Frames:
    """The compressed frames of one element; read one by one.

    Frame ``n`` consists of the fragments ``starts[n]`` to ``starts[n + 1]``.
    """

    __slots__ = ("_lengths", "_positions", "_source", "_starts")

    def __init__(
        self, source: ByteSource, positions: Sequence[int], lengths: Sequence[int], starts: Sequence[int]
    ) -> None:
        self._source = source
        self._positions = positions
        self._lengths = lengths
        self._starts = starts

    def __len__(self) -> int:
        return len(self._starts) - 1

    @property
    def longest(self) -> int:
        """Bytes of the longest frame; looks at all of them."""
        return max((sum(self._lengths[first:end]) for first, end in pairwise(self._starts)), default=0)

    def read(self, number: int) -> bytes:
        """The bytes of one frame, from 0.  Raises DataSetError if the file was shortened, FileUnreadable."""
        fragments, total = self._fragments(number)
        parts = [self._source.read_at(self._positions[fragment], self._lengths[fragment]) for fragment in fragments]
        frame = parts[0] if len(parts) == 1 else b"".join(parts)
        if len(frame) != total:
            raise _cut_off(number)
        return frame

    def borrow(self, number: int, buffers: Buffers) -> memoryview:
        """As ``read``, in memory of ``buffers``, to which the caller gives it back."""
        fragments, total = self._fragments(number)
        frame = buffers.take(total)
        filled = 0
        for fragment in fragments:
            position, missing = self._positions[fragment], self._lengths[fragment]
            while missing:
                count = read_into(self._source, position, frame[filled : filled + min(_PIECE, missing)])
                if not count:
                    raise _cut_off(number)
                filled += count
                position += count
                missing -= count
        return frame

    def _fragments(self, number: int) -> tuple[range, int]:
        """The fragments of a frame, and how many bytes they are together."""
        fragments = range(self._starts[number], self._starts[number + 1])
        total = sum(self._lengths[fragment] for fragment in fragments)
        if total > _LARGEST_FRAME:
            raise cannot_change(f"a compressed frame of {total} bytes")
        return fragments, total


def _cut_off(number: int) -> DataSetError:
    return DataSetError("I/O suspension or premature end of stream", f"frame {number + 1} is cut off")


def divide(
    source: ByteSource,
    positions: Sequence[int],
    lengths: Sequence[int],
    frame_count: int,
    tables: OffsetTables,
    starts_frame: Callable[[bytes], bool],
) -> Frames:
    """Map fragments (without the first item, the Basic Offset Table) to frames.

    If there is one fragment for each frame, no table is needed, and one that contradicts is ignored.  With more
    fragments their first bytes decide.  An offset table is used only if these do not tell, and only if it is possible.

    Raises TranscodeError when the number of frames is wrong, or when frames cannot be told apart.
    """
    count = len(lengths)
    while count > frame_count and not lengths[count - 1]:
        count -= 1
    if count < frame_count:
        raise TranscodeError(
            "Illegal call, perhaps wrong parameters", f"{count} fragments for {frame_count} frames: frames are missing"
        )
    if count == frame_count:
        return Frames(source, positions, lengths, range(count + 1))
    begun = [n for n in range(count) if starts_frame(source.read_at(positions[n], min(HEAD, lengths[n])))]
    if len(begun) > frame_count:
        raise cannot_change(f"{len(begun)} frames where Number of Frames says {frame_count}")
    if frame_count == 1:
        return Frames(source, positions, lengths, (0, count))
    if len(begun) == frame_count and begun[0] == 0:
        return Frames(source, positions, lengths, array("I", [*begun, count]))
    for table in tables.read(frame_count):
        starts = _starts_by_table(table, lengths, count)
        if starts is not None:
            return Frames(source, positions, lengths, starts)
    raise cannot_change(f"{count} fragments for {frame_count} frames, and nothing tells where a frame begins")


def _starts_by_table(table: Sequence[int], lengths: Sequence[int], count: int) -> array[int] | None:
    """First fragments by an offset table; None if an entry is not the start of an item, or entries do not ascend."""
    starts = array("I")
    fragment = offset = 0
    for entry in table:
        while offset < entry and fragment < count:
            offset += _ITEM_HEADER + lengths[fragment]
            fragment += 1
        if offset != entry or fragment == count or (starts and starts[-1] == fragment):
            return None
        starts.append(fragment)
    if starts[0] != 0:
        return None
    starts.append(count)
    return starts
