"""The methods of compression of zip archives, in bounded memory.  Source: PKWARE APPNOTE.TXT 6.3.10, section 4.4.5."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from dcmsend.errors import DataSetError

from ..anonymous import LARGEST_IN_MEMORY
from ..file_source import FileSource
from .content import cannot_be_read
from .libdeflate import crc32, found

__all__ = ["DEFLATED", "STORED", "inflate_beginning", "inflate_pieces", "is_readable", "name_of_method"]

STORED: Final = 0
DEFLATED: Final = 8
_BZIP2: Final = 12
_LZMA: Final = 14
_NAMES: Final = {
    1: "Shrink", 6: "Implode", 9: "Deflate64", _BZIP2: "bzip2", _LZMA: "LZMA", 20: "Zstandard", 93: "Zstandard",
    94: "MP3", 95: "XZ", 96: "JPEG", 97: "WavPack", 98: "PPMd", 99: "AES encryption",
}  # fmt: skip
_READ: Final = 1 << 16
_PIECE: Final = 1 << 18
_LARGEST_DICTIONARY: Final = 64 << 20


def is_readable(method: int) -> bool:
    """Whether members with this method of compression can be read."""
    return method in (STORED, DEFLATED, _BZIP2, _LZMA)


def name_of_method(method: int) -> str:
    """The name of a method, for a person."""
    return _NAMES.get(method, f"method {method}")


class _Inflater(Protocol):
    """Gives the inflated bytes of a stream that is fed in pieces."""

    is_done: bool

    def inflate(self, data: bytes, most: int) -> bytes:
        """At most ``most`` bytes more; ``b""`` when ``data`` and all data before is used up."""
        ...


class _Deflated:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(-15)
        self.is_done = False

    def inflate(self, data: bytes, most: int) -> bytes:
        try:
            found = self._stream.decompress(self._stream.unconsumed_tail + data, most)
        except zlib.error as error:
            raise _damaged(error) from error
        self.is_done = self._stream.eof
        return found


class _Stream(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Buffered:
    """The decompressors of ``bz2`` and ``lzma``, which keep what they have not used."""

    def __init__(self, stream: _Stream, error: type[Exception]) -> None:
        self._stream = stream
        self._error = error
        self.is_done = False

    def inflate(self, data: bytes, most: int) -> bytes:
        try:
            found = self._stream.decompress(data, most)
        except self._error as error:
            raise _damaged(error) from error
        self.is_done = self._stream.eof
        return found


def _start(method: int, source: FileSource) -> tuple[_Inflater, int]:
    """What inflates a member, and the length of the header in front of its stream."""
    if method == DEFLATED:
        return _Deflated(), 0
    if method == _BZIP2:
        import bz2  # seldom needed

        return _Buffered(bz2.BZ2Decompressor(), OSError), 0
    return _start_lzma(source)


def _start_lzma(source: FileSource) -> tuple[_Inflater, int]:
    """Source: APPNOTE 5.8.8: version of the program, size of the properties, properties."""
    import lzma  # seldom needed

    header = source.read_at(0, 9)
    if len(header) < 9 or header[2:4] != b"\x05\0" or header[4] >= 225:
        raise cannot_be_read("the member is damaged: its LZMA header is wrong")
    rest, lc = divmod(header[4], 9)
    pb, lp = divmod(rest, 5)
    dictionary = int.from_bytes(header[5:9], "little")
    if dictionary > _LARGEST_DICTIONARY:
        raise cannot_be_read(f"the member needs {dictionary} bytes of memory to be decompressed")
    try:
        filters = [{"id": lzma.FILTER_LZMA1, "dict_size": max(4096, dictionary), "lc": lc, "lp": lp, "pb": pb}]
        return _Buffered(lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters), lzma.LZMAError), 9
    except lzma.LZMAError as error:
        raise _damaged(error) from error


def _damaged(error: Exception) -> DataSetError:
    return cannot_be_read(f"the member is damaged: {error}")


def inflate_beginning(source: FileSource, compressed_size: int, method: int, size: int) -> bytes:
    """The first ``size`` bytes of a member, or all there are.  Raises DataSetError, FileUnreadable."""
    parts, count = [], 0
    for piece in _inflated(source, compressed_size, method, min(_READ, size), size):
        parts.append(piece)
        count += len(piece)
        if count >= size:
            break
    return b"".join(parts)


def inflate_pieces(
    source: FileSource, compressed_size: int, method: int, size: int, crc: int, check: Callable[[], None] | None = None
) -> Iterator[bytes | memoryview]:
    """The content of a member in pieces; its size and CRC-32 are checked behind the last one.

    So none of it may be used before the last piece was taken.  A piece has at most 256 KiB, or at most 8 MiB where it
    is the whole content.

    Args:
        source: the compressed bytes.
        compressed_size: number of these.
        method: of compression.
        size: bytes of the content; not one more is handed out.
        crc: CRC-32 of the content.
        check: called now and then, may raise.

    Raises DataSetError, FileUnreadable.
    """
    if method == DEFLATED:
        whole = _inflated_whole(source, compressed_size, size, crc)
        if whole is not None:
            if check is not None:
                check()
            yield whole
            return
    value, count = 0, 0
    for piece in _inflated(source, compressed_size, method, _READ, size + 1):
        if check is not None:
            check()
        count += len(piece)
        if count > size:
            raise cannot_be_read(f"the member is larger than the {size} bytes that the archive says")
        value = crc32(piece, value)
        yield piece
    if count != size:
        raise cannot_be_read(f"the member is damaged: it has {count} bytes, and the archive says {size}")
    if value != crc:
        raise cannot_be_read("the member is damaged: its CRC-32 is wrong")


def _inflated_whole(source: FileSource, compressed_size: int, size: int, crc: int) -> memoryview | None:
    """The content of a deflated member, if it is small, and whole.

    One that is not is inflated again in pieces, which tells what is wrong, so that errors do not depend on what is
    installed.  libdeflate reads streams that zlib refuses for their form; the CRC-32 says that the content is right.
    """
    library = found()
    if library is None or not 0 < size <= LARGEST_IN_MEMORY or compressed_size > LARGEST_IN_MEMORY:
        return None
    content = library.inflate(source.read_at(0, compressed_size), size)
    return content if content is not None and library.crc32(content, 0) == crc else None


def _inflated(source: FileSource, compressed_size: int, method: int, step: int, most: int) -> Iterator[bytes]:
    """The inflated bytes, ``most`` in all; ``step`` bytes are read at once."""
    inflater, at = _start(method, source)
    left, data = most, b""
    while left > 0 and not inflater.is_done:
        piece = inflater.inflate(data, min(_PIECE, left))
        left -= len(piece)
        if piece:
            data = b""
            yield piece
            continue
        if inflater.is_done:
            return
        data = source.read_at(at, min(step, compressed_size - at))
        if not data:
            if method == _LZMA:  # its end need not be marked: the size of the content tells it
                return
            raise cannot_be_read("the member is damaged: its compressed data ends too early")
        at += len(data)
