"""The inflated bytes of a compressed file, from the first one on, in bounded memory."""

from __future__ import annotations

import bz2
import lzma
import os
import zlib
from collections.abc import Callable
from typing import Any, Final, Protocol

from dcmsend.errors import FileUnreadable

from ..anonymous import write_all
from ..file_source import read_once
from .content import cannot_be_read
from .kind import SKIPPABLE_FRAMES, ArchiveKind
from .tar_walk import LONGEST_END

__all__ = ["ZSTD_PACKAGE", "Inflating", "decompressor_of", "has_zstd"]

PIECE: Final = 1 << 18
ZSTD_PACKAGE: Final = "zstandard"
_STEP: Final = 512
"""Bytes inflated at once, normally and where the compressed data are damaged."""
_INPUT: Final = 1 << 16
_ZST_INPUT: Final = 1 << 10
"""Bytes given to a decompressor at once.  ``zstandard`` inflates them all: at most 128 KiB for each four bytes."""

HIGHEST_RATIO: Final = 1100
"""zlib's own limit is 1032; the others have none."""
RATIO_FREE: Final = 1 << 30
"""Bytes that may be inflated whatever the ratio: empty slices compress very well."""
MOST_MEMORY: Final = 128 << 20
"""Bytes that a decompressor may take for what it has to remember; ``xz -9`` needs 65 MiB."""
_ZST_WINDOW: Final = 1 << 27
"""As in the program ``zstd``, unless it is told otherwise."""

_BEGINNINGS: Final[dict[ArchiveKind, tuple[bytes, ...]]] = {
    ArchiveKind.TAR_GZ: (b"\x1f\x8b",), ArchiveKind.TAR_BZ2: (b"BZh",), ArchiveKind.TAR_XZ: (b"\xfd7zXZ\0",),
    ArchiveKind.TAR_ZST: (b"\x28\xb5\x2f\xfd", *SKIPPABLE_FRAMES),
}  # fmt: skip
"""How a compressed stream begins; those of one kind are of one length."""


class Decompressor(Protocol):
    """As those of the standard library's ``bz2``, ``lzma`` and ``compression.zstd``."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Gzip:
    """``zlib`` as a ``Decompressor``."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)
        self._may_have_more = False

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._may_have_more

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        inflated = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self._may_have_more = len(inflated) == max_length or bool(self._inner.unconsumed_tail)
        return inflated


class _Zstandard:
    """The package ``zstandard`` as a ``Decompressor``."""

    def __init__(self, zstandard: Any) -> None:
        self._inner = zstandard.ZstdDecompressor(max_window_size=_ZST_WINDOW).decompressobj()
        self._input = b""
        self._inflated = memoryview(b"")

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof) and not self._inflated

    @property
    def needs_input(self) -> bool:
        return not self._inflated and not self._input

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inner.unused_data) + self._input

    def decompress(self, data: bytes, max_length: int) -> bytes:
        self._input += data
        most = _ZST_INPUT if max_length == PIECE else 1
        while not self._inflated and self._input and not self._inner.eof:
            given, self._input = self._input[:most], self._input[most:]
            self._inflated = memoryview(self._inner.decompress(given))
        piece = bytes(self._inflated[:max_length])
        self._inflated = self._inflated[max_length:]
        return piece


def decompressor_of(kind: ArchiveKind) -> Callable[[], Decompressor]:
    """What makes a decompressor for each compressed stream in a file.

    Raises DataSetError if there is none for zst, with what to install.
    """
    if kind is ArchiveKind.TAR_GZ:
        return _Gzip
    if kind is ArchiveKind.TAR_BZ2:
        return bz2.BZ2Decompressor
    if kind is ArchiveKind.TAR_XZ:
        return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, MOST_MEMORY)
    made = _zstd()
    if made is None:
        raise cannot_be_read(f"tar.zst needs the Python package {ZSTD_PACKAGE}: pip install {ZSTD_PACKAGE}")
    return made


def has_zstd() -> bool:
    """Whether zst can be inflated: by the package, or by the standard library from Python 3.14 on."""
    return _zstd() is not None


def _zstd() -> Callable[[], Decompressor] | None:
    try:
        import zstandard
    except ImportError:
        try:
            zstd: Any = __import__("compression.zstd", fromlist=["ZstdDecompressor"])
        except ImportError:
            return None
        return zstd.ZstdDecompressor  # type: ignore[no-any-return]
    return lambda: _Zstandard(zstandard)


class Inflating:
    """See ``TarStream``: a file that is cut or damaged gives all bytes before the damage, and then a ``fault``.

    The checksum of gz, xz and zst is for everything before it, and only known at its end: bytes given out before may be
    wrong.  But a flipped bit mostly ends the stream soon, because what follows it makes no sense any more.

    Args:
        descriptor: the compressed file; the stream closes it with ``close``.
        kind: how it is compressed.
        check: called for each step, also while nothing comes out, and may raise.

    Attributes:
        position: how many inflated bytes were read or skipped.
        fault: why the bytes end before their time; ``""`` if they just end.
    """

    def __init__(self, descriptor: int, kind: ArchiveKind, check: Callable[[], None] | None = None) -> None:
        self.fault = ""
        self.position = 0
        self._descriptor = descriptor
        self._beginnings = _BEGINNINGS[kind]
        self._make = decompressor_of(kind)
        self._check = check
        self._ready = memoryview(b"")
        self._inflated = self._to_pass = 0
        self._is_second_time = False
        self._begin()

    def close(self) -> None:
        """Close the file."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def read(self, size: int) -> bytes:
        """See ``TarStream``."""
        data = self._take(size)
        if len(data) == size or not data:
            return bytes(data)
        parts, missing = [data], size - len(data)
        while missing and (data := self._take(missing)):
            parts.append(data)
            missing -= len(data)
        return b"".join(parts)

    def skip(self, size: int) -> int:
        """See ``TarStream``."""
        skipped = 0
        while skipped < size and (data := self._take(size - skipped)):
            skipped += len(data)
        return skipped

    def copy(self, size: int, descriptor: int) -> int:
        """Append the next ``size`` bytes to an open file; return how many there were.  Raises FileUnreadable."""
        copied = 0
        while copied < size and (data := self._take(size - copied)):
            write_all(descriptor, bytes(data))
            copied += len(data)
        return copied

    def _take(self, most: int) -> memoryview:
        """Some of the next bytes; none only at the end."""
        if most and not self._ready:
            self._ready = memoryview(self._next_piece())
        data = self._ready[:most]
        self._ready = self._ready[most:]
        self.position += len(data)
        return data

    def _begin(self) -> None:
        """Stand before the first byte of the file."""
        self._consumed = 0
        self._is_over = False
        self._decompressor = self._make()
        self._unfed = b""

    def _next_piece(self) -> bytes:
        """The next inflated bytes; none at the end, and where the data are damaged.

        The libraries give nothing of a piece that ends in damage, not even what stands before.  So the file is then
        inflated again, once, up to that piece, which is had in small steps.
        """
        while not self._is_over:
            if self._check is not None:
                self._check()
            try:
                piece = self._inflate()
            except FileUnreadable:
                raise
            except Exception as error:  # each library has its own; each means that the compressed data are damaged
                if self._is_second_time:
                    self._end(f"the compressed data are damaged at byte {self._consumed} or before: {error}")
                    break
                self._is_second_time, self._to_pass = True, self._inflated
                self._begin()
                continue
            if self._to_pass:
                self._to_pass -= len(piece)
                continue
            self._inflated += len(piece)
            if self._inflated > HIGHEST_RATIO * self._consumed + RATIO_FREE:
                self._end(f"a bomb: it inflates to more than {HIGHEST_RATIO} times its size")
            elif piece:
                return piece
        return b""

    def _inflate(self) -> bytes:
        """The inflated bytes of one step, which may be none."""
        if self._decompressor.eof and not self._begin_next():
            return b""
        data = b""
        if self._decompressor.needs_input:
            data, self._unfed = self._unfed or self._read(), b""
            if not data:
                self._end(f"the archive is cut at byte {self._consumed}, within its compressed data")
                return b""
        size = _STEP if self._is_second_time and not self._to_pass else PIECE
        return self._decompressor.decompress(data, size)

    def _begin_next(self) -> bool:
        """Begin with the next compressed stream in the file; return False if there is none."""
        rest = self._decompressor.unused_data.lstrip(b"\0")
        most = self._consumed + LONGEST_END
        while len(rest) < len(self._beginnings[0]) and (data := self._read()):
            rest = (rest + data).lstrip(b"\0")
            if self._consumed > most:
                self._end(f"more than {LONGEST_END >> 20} MiB of zeros follow its end")
                return False
        if rest.startswith(self._beginnings):
            self._decompressor = self._make()
            self._unfed = rest
            return True
        self._end(f"something follows its end before byte {self._consumed}" if rest else "")
        return False

    def _end(self, fault: str) -> None:
        self._is_over = True
        self.fault = fault

    def _read(self) -> bytes:
        data = read_once(self._descriptor, _INPUT, self._consumed)
        self._consumed += len(data)
        return data
