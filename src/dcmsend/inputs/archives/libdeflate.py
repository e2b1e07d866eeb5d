"""The library libdeflate: it inflates twice as fast as zlib, and computes a CRC-32 ten times as fast.

It comes with the package imagecodecs, whose module ``_deflate`` is linked with it.  Its C functions are called through
ctypes: to import that module means to import numpy, which takes as long as the CRC-32 of 400 MiB does with zlib.
Looking for the library takes some milliseconds too, so zlib does the first ``LOOK_AFTER`` bytes of a process, and all
of them where there is no such library.  Source: ``libdeflate.h``.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any, Final

__all__ = ["LOOK_AFTER", "Libdeflate", "Search", "crc32", "found"]

LOOK_AFTER: Final = 8 << 20
_SMALL: Final = 4096
"""Bytes whose CRC-32 zlib has before ctypes has called anything."""
_CHECK: Final = b"123456789", 0xCBF43926
"""The usual example of a CRC-32."""
_DEFLATED: Final = b"\x01\x09\x00\xf6\xff" + _CHECK[0]


class Libdeflate:
    """The functions of a library; may be used from several threads at once, which run meanwhile.

    Args:
        path: the shared library, or one that is linked with it.

    Raises OSError, AttributeError, ImportError if it cannot be used.
    """

    __slots__ = ("_address", "_allocate", "_crc32", "_free", "_inflate")

    def __init__(self, path: str) -> None:
        import ctypes as c  # seldom needed

        library = c.CDLL(path)
        self._crc32 = _function(library.libdeflate_crc32, c.c_uint32, c.c_uint32, c.c_void_p, c.c_size_t)
        self._allocate = _function(library.libdeflate_alloc_decompressor, c.c_void_p)
        self._free = _function(library.libdeflate_free_decompressor, None, c.c_void_p)
        self._inflate = _function(
            library.libdeflate_deflate_decompress, c.c_int,
            c.c_void_p, c.c_void_p, c.c_size_t, c.c_void_p, c.c_size_t, c.c_void_p,
        )  # fmt: skip
        self._address: Callable[[memoryview], Any] = lambda data: c.byref(c.c_char.from_buffer(data))
        content, expected = _CHECK
        inflated = self.inflate(_DEFLATED, len(content))
        if inflated is None or bytes(inflated) != content or self.crc32(inflated, 0) != expected:
            raise ImportError(f"{path} gives wrong results")

    def crc32(self, data: bytes | memoryview, value: int) -> int:
        """The CRC-32 that continues ``value``; zlib's where ``data`` is empty, or a view that cannot be written to."""
        if isinstance(data, bytes):
            return self._crc32(value, data, len(data))  # type: ignore[no-any-return]
        try:
            return self._crc32(value, self._address(data), data.nbytes)  # type: ignore[no-any-return]
        except (TypeError, ValueError):
            return zlib.crc32(data, value)

    def inflate(self, data: bytes, size: int) -> memoryview | None:
        """The content of a whole deflate stream, which may be followed by other bytes; no header stands before it.

        Returns None if it does not have ``size`` bytes, at least one, or if the stream is damaged.
        """
        content = memoryview(bytearray(size))
        decompressor = self._allocate()
        if not decompressor:
            return None
        try:
            fault = self._inflate(decompressor, data, len(data), self._address(content), size, None)
        finally:
            self._free(decompressor)
        return None if fault else content


def _function(function: Any, result: Any, *arguments: Any) -> Any:
    function.restype, function.argtypes = result, arguments
    return function


class Search:
    """Looks for the library once, when enough bytes were handed to zlib.

    Args:
        after: how many bytes that is.

    Attributes:
        library: None as long as it was not looked for, or if there is none.
    """

    def __init__(self, after: int = LOOK_AFTER) -> None:
        self.library: Libdeflate | None = None
        self._left = after
        self._begin = threading.Lock()

    def count(self, size: int) -> None:
        """Bytes that zlib has to do; threads that count at the same time may lose some of them."""
        self._left -= size
        # Who has the lock never gives it back; where it is taken zlib stays, also in a child that is forked meanwhile.
        if self._left < 0 and self._begin.acquire(blocking=False):
            self.library = _look()


def _look() -> Libdeflate | None:
    from importlib.util import find_spec

    try:
        spec = find_spec("imagecodecs")  # which does not import it
        for folder in (spec and spec.submodule_search_locations) or ():
            for suffix in EXTENSION_SUFFIXES:
                path = os.path.join(folder, "_deflate" + suffix)
                if os.path.exists(path):
                    return Libdeflate(path)
    except (ImportError, OSError, AttributeError, ValueError):  # made in another way than the usual packages
        pass
    return None


search = Search()
"""That of this process."""


def found() -> Libdeflate | None:
    """The library, once it was worth looking for it."""
    return search.library


def crc32(data: bytes | memoryview, value: int = 0) -> int:
    """The CRC-32 of bytes that are inflated, or sent, which continues ``value``."""
    size = len(data)
    library = search.library
    if library is not None and size >= _SMALL:
        return library.crc32(data, value)
    search.count(size)
    return zlib.crc32(data, value)
