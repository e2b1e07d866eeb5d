"""The size of a JPEG XL image, which its header gives in single bits.

Source: ISO/IEC 18181-1 A.2 (bits), D.2 (size), 18181-2 clause 9 (boxes).
"""

from __future__ import annotations

from typing import Final

from .codec import cannot_change

__all__ = ["read_jpeg_xl_size"]

_CODESTREAM: Final = b"\xff\x0a"
_CONTAINER: Final = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
_MOST_BOXES: Final = 1000
_RATIOS: Final = ((0, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_SIZE_BITS: Final = (9, 13, 18, 30)
_HEADER_BYTES: Final = 16


def read_jpeg_xl_size(data: bytes) -> tuple[int, int]:
    """Rows and columns as they are coded; an orientation may swap them.  Raises TranscodeError if there are none."""
    start = _codestream_start(data)
    if data[start : start + 2] != _CODESTREAM:
        raise cannot_change("no codestream in a JPEG XL stream")
    bits = _Bits(data[start + 2 : start + 2 + _HEADER_BYTES])
    is_small = bits.take(1)
    rows = bits.size(is_small)
    numerator, denominator = _RATIOS[bits.take(3)]
    columns = rows * numerator // denominator if numerator else bits.size(is_small)
    return rows, columns


class _Bits:
    """Takes bits from bytes, the least significant one of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._rest = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._rest & ((1 << count) - 1)
        self._rest >>= count
        return value

    def size(self, is_small: int) -> int:
        if is_small:
            return 8 * (1 + self.take(5))
        return 1 + self.take(_SIZE_BITS[self.take(2)])


def _codestream_start(data: bytes) -> int:
    """Where the codestream begins: at 0, or in the first box ``jxlc`` or ``jxlp``."""
    if not data.startswith(_CONTAINER):
        return 0
    position = len(_CONTAINER)
    for _ in range(_MOST_BOXES):
        length = int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        content = position + (16 if length == 1 else 8)
        if kind in (b"jxlc", b"jxlp"):
            return content + (4 if kind == b"jxlp" else 0)
        if length < 8:
            break
        position += length
    return len(data)
