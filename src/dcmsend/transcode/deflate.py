"""Deflated data sets: raw deflate streams, read at any position and written in pieces.

Source: PS3.5 Annex A.5, RFC 1951.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from dcmsend.dicom.byte_source import ByteSource, InflatedSource
from dcmsend.errors import DataSetError

__all__ = ["InflatingSource", "deflated"]

_RAW: Final = -15
_MEMORY_LEVEL: Final = 8
_INPUT: Final = 64 * 1024
_STEP: Final = 256 * 1024
_KEPT: Final = 512 * 1024
_LARGEST: Final = 8 << 30
_LARGEST_FOR_ALL: Final = 384 << 20
_LARGEST_FOR_A_BYTE: Final = 256
_MOST_WORK: Final = 32 << 30
_WORK_FOR_ALL: Final = 512 << 20
_WORK_FOR_A_BYTE: Final = 4
_HEADERS_FOR_ALL: Final = 8 << 20
_HEADERS_FOR_A_BYTE: Final = 16
_MANY_HEADERS: Final = 48 << 20
_MANY_HEADERS_FOR_A_BYTE: Final = 4
_MOST_POINTS: Final = 32
_FIRST_DISTANCE: Final = 16 << 20


class InflatingSource(InflatedSource):
    """A ByteSource over the inflated bytes of a raw deflate stream.

    It keeps the last 512 KiB, and up to 32 states of the decompressor (about 50 KiB each).  So it reads forward at the
    speed of zlib, and backward without starting from the beginning.  A stream that inflates to more than 8 GiB, or to
    more than 384 MiB and 256 times its length, is an error; so is reading back and forth until 512 MiB and four times
    the length have been inflated.
    """

    __slots__ = (
        "_consumed", "_data", "_distance", "_eof", "_furthest", "_inflater", "_input", "_points", "_position",
        "_source", "_work",
    )

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._points: list[tuple[int, int, zlib._Decompress]] = []
        self._distance = _FIRST_DISTANCE
        self._work = 0
        self._furthest = 0
        self._consumed = 0
        self._data = b""
        self._position = 0  # position of the first byte of _data
        self._input = 0
        self._eof = False
        self._inflater = zlib.decompressobj(_RAW)

    def read_at(self, position: int, size: int) -> bytes:
        """See ByteSource.  Raises DataSetError when the stream is corrupt, cut off or too large."""
        if position < self._position:
            self._go_back(position)
        while position + size > self._position + len(self._data) and not self._eof:
            self._inflate(position)
        offset = position - self._position
        return self._data[offset : offset + size]

    def finish(self, position: int) -> tuple[bool, int]:
        """Read to the end of the stream, so that its form is checked to there.

        Returns whether there are bytes from ``position`` on, and the position in the source behind the stream.  Raises
        as ``read_at`` does.
        """
        has_more = False
        while piece := self.read_at(position, _STEP):
            has_more = True
            position += len(piece)
        return has_more, self._input - len(self._inflater.unused_data)

    def header_allowance(self) -> int:
        """Limits headers by input: a few hundred malicious kilobytes can inflate to several million elements.

        48 MiB are 2 s of a processor.  Beyond them there is only room for what deflates as badly as contours do.
        """
        few = _HEADERS_FOR_ALL + _HEADERS_FOR_A_BYTE * self._consumed
        return min(few, _MANY_HEADERS + _MANY_HEADERS_FOR_A_BYTE * self._consumed)

    def _inflate(self, wanted: int) -> None:
        """Inflate up to 256 KiB more; drop bytes far before ``wanted``."""
        inflater = self._inflater
        pending = inflater.unconsumed_tail
        if not pending:
            pending = self._source.read_at(self._input, _INPUT)
            self._input += len(pending)
        try:
            piece = inflater.decompress(pending, _STEP)
        except zlib.error as error:
            reason = str(error).rpartition(": ")[2]
            raise DataSetError(f"ZLib Error: {reason}", f"deflate stream, near byte {self._input}") from error
        if inflater.eof:
            self._eof = True
        elif not piece and not pending:
            raise DataSetError("I/O suspension or premature end of stream", "the deflate stream is cut off")
        self._work += len(piece)
        end = self._position + len(self._data) + len(piece)
        self._furthest = max(self._furthest, end)
        self._consumed = max(self._consumed, self._input - len(inflater.unconsumed_tail))
        largest = min(_LARGEST, _LARGEST_FOR_ALL + _LARGEST_FOR_A_BYTE * self._consumed)
        if end > largest:
            raise DataSetError("Invalid stream", f"the deflate stream inflates to more than {largest} bytes")
        if self._work > min(_MOST_WORK, _WORK_FOR_ALL + _WORK_FOR_A_BYTE * self._furthest):
            raise DataSetError("Invalid stream", "the deflate stream has to be inflated again and again")
        if wanted > end + _KEPT:
            self._data = b""
            self._position = end
        else:
            data = self._data + piece
            kept = max(0, min(len(data) - _KEPT, wanted - self._position))
            self._data = data[kept:]
            self._position += kept
        self._remember(end)

    def _remember(self, position: int) -> None:
        """Save the decompressor's state now and then; when there are many, drop every other one."""
        last = self._points[-1][0] if self._points else 0
        if position < last + self._distance or self._eof or self._inflater.unconsumed_tail:
            return
        self._points.append((position, self._input, self._inflater.copy()))
        if len(self._points) > _MOST_POINTS:
            del self._points[::2]
            self._distance *= 2

    def _go_back(self, position: int) -> None:
        """Start again from the nearest saved state before ``position``."""
        point = next((point for point in reversed(self._points) if point[0] <= position), None)
        self._data = b""
        self._eof = False
        if point is None:
            self._position = self._input = 0
            self._inflater = zlib.decompressobj(_RAW)
        else:
            self._position, self._input = point[:2]
            self._inflater = point[2].copy()


def deflated(chunks: Iterable[bytes], level: int) -> Iterator[bytes]:
    """The chunks as one raw deflate stream, with a zero byte after it if its length is odd."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, _RAW, _MEMORY_LEVEL)
    total = 0
    for chunk in chunks:
        for start in range(0, len(chunk), _INPUT):  # incompressible pieces become a little longer
            piece = compressor.compress(chunk[start : start + _INPUT])
            if piece:
                total += len(piece)
                yield piece
    rest = compressor.flush()
    total += len(rest)
    yield rest
    if total & 1:
        yield b"\0"
