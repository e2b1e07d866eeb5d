"""Reads the header of a JPEG XL image, whose fields are single bits.

Source: ISO/IEC 18181-1 A.2 (bits), D.2 (size), D.3 (image metadata), E.2 (colour encoding), F.2 (frame header);
18181-2 clause 9 (boxes).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from .codec import cannot_change

__all__ = ["CODESTREAM", "CONTAINER", "JpegXlHeader", "read_jpeg_xl_header", "read_jpeg_xl_size"]

CODESTREAM: Final = b"\xff\x0a"
CONTAINER: Final = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
_MOST_BOXES: Final = 1000
_RATIOS: Final = ((0, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_SIZE_BITS: Final = (9, 13, 18, 30)
_HEADER_BYTES: Final = 128
"""More than all fields before the first frame, if there is no profile and no extension between."""

_CUSTOM: Final = 2
_GREY: Final = 1
_COLOUR_SPACES: Final = ("RGB", "grey", "XYB", "unknown")


class JpegXlHeader(NamedTuple):
    """Attributes:
    precision: bits of each sample.
    is_float: samples are floating point numbers.
    extra_channels: number of channels for transparency and the like.
    is_animated: whether there may be several pictures.
    is_xyb: coded as XYB, which the decoder undoes.
    space: colour space of the decoder's output: ``RGB``, ``grey``, ``XYB`` or ``unknown``.
    is_ycbcr: coded as YCbCr, as in a JPEG stream, which the decoder undoes; None if a compressed ICC profile before
        that field hides it.
    is_var_dct: coded as cosines, as JPEG streams are; None if that is hidden, or follows from ``is_xyb``.
    """

    precision: int
    is_float: bool
    extra_channels: int
    is_animated: bool
    is_xyb: bool
    space: str
    is_ycbcr: bool | None
    is_var_dct: bool | None = None

    @property
    def is_lossy(self) -> bool:
        """Whether the samples surely differ from those of the picture, which neither XYB nor cosines give back."""
        return self.is_xyb or self.is_ycbcr is True or self.is_var_dct is True


def read_jpeg_xl_size(data: bytes) -> tuple[int, int]:
    """Rows and columns as coded; an orientation may swap them.  Raises TranscodeError without a codestream."""
    return _size(_header_bits(data))


def read_jpeg_xl_header(data: bytes) -> JpegXlHeader:
    """The header after the size.  Raises TranscodeError if there is no codestream."""
    bits = _header_bits(data)
    _size(bits)
    if bits.flag():  # all fields have their defaults
        return JpegXlHeader(8, False, 0, False, True, "RGB", False)
    has_extra_fields = bits.flag()
    has_preview = is_animated = False
    if has_extra_fields:
        has_preview, is_animated = _extra_fields(bits)
    is_float = bits.flag()
    precision = bits.number(32, 16, 24, (1, 6)) if is_float else bits.number(8, 10, 12, (1, 6))
    bits.take(5 if is_float else 1)  # bits of the exponent; whether 16 bits are enough for a decoder
    extra_channels = bits.number(0, 1, (2, 4), (1, 12))
    if extra_channels:  # their description is not needed
        return JpegXlHeader(precision, is_float, extra_channels, is_animated, False, "unknown", None)
    is_xyb = bits.flag()
    space, has_profile = _colour_encoding(bits)
    is_ycbcr: bool | None = False
    is_var_dct: bool | None = None
    if not is_xyb:
        hidden = has_profile or has_preview
        is_ycbcr, is_var_dct = (None, None) if hidden else _coding(bits, has_extra_fields)
    if is_ycbcr is None and _has_box(data, b"jbrd"):
        is_ycbcr, is_var_dct = space == "RGB", True
    return JpegXlHeader(precision, is_float, 0, is_animated, is_xyb, space, is_ycbcr, is_var_dct)


def _header_bits(data: bytes) -> _Bits:
    """The header's bits, after the start of the codestream."""
    head = b"".join(_codestream(data))
    if not head.startswith(CODESTREAM):
        raise cannot_change("no codestream in a JPEG XL stream")
    return _Bits(head[2 : 2 + _HEADER_BYTES])


def _size(bits: _Bits) -> tuple[int, int]:
    is_small = bits.take(1)
    rows = bits.size(is_small)
    numerator, denominator = _RATIOS[bits.take(3)]
    columns = rows * numerator // denominator if numerator else bits.size(is_small)
    return rows, columns


def _extra_fields(bits: _Bits) -> tuple[bool, bool]:
    """Whether there is a preview, and whether there are several pictures."""
    bits.take(3)  # orientation
    if bits.flag():
        _size(bits)  # intrinsic size
    has_preview = bits.flag()
    if has_preview:
        is_small = bits.flag()
        sizes: tuple[_Choice, ...] = (16, 32, (1, 5), (33, 9)) if is_small else ((1, 6), (65, 8), (321, 10), (1345, 12))
        bits.number(*sizes)
        if not bits.take(3):
            bits.number(*sizes)
    is_animated = bits.flag()
    if is_animated:
        bits.number(100, 1000, (1, 10), (1, 30))
        bits.number(1, 1001, (1, 8), (1, 10))
        bits.number(0, (0, 3), (0, 16), (0, 32))
        bits.take(1)
    return has_preview, is_animated


def _colour_encoding(bits: _Bits) -> tuple[str, bool]:
    """The colour space, and whether an ICC profile describes it."""
    if bits.flag():
        return "RGB", False
    has_profile = bits.flag()
    space = bits.enumerated()
    name = _COLOUR_SPACES[space] if space < len(_COLOUR_SPACES) else "unknown"
    if has_profile:
        return name, True
    if name != "XYB":
        if bits.enumerated() == _CUSTOM:  # white point
            bits.chromaticity(1)
        if space != _GREY and bits.enumerated() == _CUSTOM:  # primaries
            bits.chromaticity(3)
    if bits.flag():
        bits.take(24)  # gamma
    else:
        bits.enumerated()
    bits.enumerated()  # rendering intent
    return name, False


def _coding(bits: _Bits, has_extra_fields: bool) -> tuple[bool | None, bool | None]:
    """Whether the first frame is YCbCr, and whether it is coded as cosines; None if fields before it cannot be read."""
    if has_extra_fields and not bits.flag():
        bits.take(16 + 16 + 1 + 16)  # tone mapping
    if bits.long_number() or not bits.flag():  # extensions; weights of another upsampling
        return None, None
    bits.to_next_byte()
    if bits.flag():  # all fields have their defaults
        return False, True
    bits.take(2)  # type
    is_var_dct = not bits.flag()
    bits.long_number()  # flags
    return bits.flag(), is_var_dct


_Choice = int | tuple[int, int]
"""A number, or the offset that is added to a number of so many bits."""


class _Bits:
    """Takes bits from bytes, the least significant one of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._rest = int.from_bytes(data, "little")
        self._position = 0

    def take(self, count: int) -> int:
        value = self._rest & ((1 << count) - 1)
        self._rest >>= count
        self._position += count
        return value

    def flag(self) -> bool:
        return self.take(1) == 1

    def to_next_byte(self) -> None:
        self.take(-self._position % 8)

    def number(self, *choices: _Choice) -> int:
        """One of four choices, selected by two bits.  Source: ISO/IEC 18181-1 A.2.2 (U32)."""
        choice = choices[self.take(2)]
        return choice if isinstance(choice, int) else choice[0] + self.take(choice[1])

    def enumerated(self) -> int:
        return self.number(0, 1, (2, 4), (18, 6))

    def long_number(self) -> int:
        """A number of up to 64 bits.  Source: ISO/IEC 18181-1 A.2.3 (U64)."""
        selector = self.take(2)
        if selector < 3:
            return 0 if not selector else 1 + self.take(4) if selector == 1 else 17 + self.take(8)
        value, shift = self.take(12), 12
        while self.flag():
            if shift == 60:
                return value | self.take(4) << shift
            value |= self.take(8) << shift
            shift += 8
        return value

    def chromaticity(self, points: int) -> None:
        for _ in range(2 * points):
            self.number((0, 19), (524288, 19), (1048576, 20), (2097152, 21))

    def size(self, is_small: int) -> int:
        if is_small:
            return 8 * (1 + self.take(5))
        return 1 + self.take(_SIZE_BITS[self.take(2)])


def _codestream(data: bytes) -> Iterator[bytes]:
    """The first bytes of the codestream: all of them, or those in the box ``jxlc`` or in boxes ``jxlp``."""
    if not data.startswith(CONTAINER):
        yield data[: 2 + _HEADER_BYTES]
        return
    for kind, start, end in _boxes(data):
        if kind in (b"jxlc", b"jxlp"):
            yield data[start + (4 if kind == b"jxlp" else 0) : min(end, start + 2 + _HEADER_BYTES)]


def _has_box(data: bytes, wanted: bytes) -> bool:
    return data.startswith(CONTAINER) and any(kind == wanted for kind, _start, _end in _boxes(data))


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of the content of each box."""
    position = len(CONTAINER)
    for _ in range(_MOST_BOXES):
        length, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        start = position + 8
        if length == 1:
            length, start = int.from_bytes(data[start : start + 8], "big"), start + 8
        elif not length:  # to the end of the file
            length = len(data) - position
        if length < start - position or start > len(data):
            return
        position += length
        yield kind, start, min(position, len(data))
