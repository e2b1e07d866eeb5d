"""YCbCr to RGB with the numbers of the IJG's library, for lossless JPEG: DCMTK converts it, libjpeg-turbo does not.

Source: ITU-T T.871 7, in the fixed point arithmetic of jdcolor.c.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from .library import Pixels

__all__ = ["convert_to_rgb"]

_SCALE_BITS: Final = 16
_HALF: Final = 1 << (_SCALE_BITS - 1)
_PIECE: Final = 1 << 15
"""Pixels converted at once; their intermediate values fit the processor's cache."""


def _fixed(number: float) -> int:
    return int(number * (1 << _SCALE_BITS) + 0.5)


@cache
def _tables(precision: int) -> tuple[Pixels, Pixels, Pixels, Pixels]:
    """The terms that Cr adds to R, Cb to B, and (scaled) Cb and Cr to G, for each value of a sample."""
    chroma = np.arange(1 << precision, dtype=np.int64) - (1 << (precision - 1))
    if precision <= 12:
        red, blue = ((_fixed(factor) * chroma + _HALF) >> _SCALE_BITS for factor in (1.40200, 1.77200))
    else:  # 32 bits are too few here, so DCMTK's library calculates with floating point numbers, and truncates
        red, blue = (np.trunc(factor * chroma + 0.5) for factor in (1.40200, 1.77200))
    return (
        red.astype(np.int32),
        blue.astype(np.int32),
        -_fixed(0.34414) * chroma + _HALF,
        -_fixed(0.71414) * chroma,
    )


def convert_to_rgb(array: Pixels, precision: int) -> None:
    """Convert unsigned samples, colour by pixel, in place."""
    precision = 8 if precision <= 8 else 12 if precision <= 12 else 16
    convert = _convert_bytes if precision == 8 else _convert_words
    pixels = array.reshape(-1, 3)
    for start in range(0, len(pixels), _PIECE):
        convert(pixels[start : start + _PIECE], precision)


@cache
def _byte_tables() -> tuple[Pixels, Pixels, Pixels]:
    """R by Y and Cr, B by Y and Cb, and the term of Cb and Cr for G; two bytes form one index."""
    red, blue, green_cb, green_cr = _tables(8)
    y = np.arange(256)[:, None]
    return (
        np.clip(y + red, 0, 255).astype(np.uint8).reshape(-1),
        np.clip(y + blue, 0, 255).astype(np.uint8).reshape(-1),
        ((green_cb[:, None] + green_cr) >> _SCALE_BITS).astype(np.int16).reshape(-1),
    )


def _convert_bytes(pixels: Pixels, _precision: int) -> None:
    red, blue, chroma_to_green = _byte_tables()
    y, cb, cr = pixels[:, 0].astype(np.uint16), pixels[:, 1].astype(np.uint16), pixels[:, 2]
    high_y = y << 8
    green = chroma_to_green.take((cb << 8) | cr)
    green += y.view(np.int16)
    np.clip(green, 0, 255, out=green)
    pixels[:, 0], pixels[:, 2] = red.take(high_y | cr), blue.take(high_y | cb)
    pixels[:, 1] = green


def _convert_words(pixels: Pixels, precision: int) -> None:
    red, blue, green_cb, green_cr = _tables(precision)
    largest = (1 << precision) - 1
    y = pixels[:, 0].astype(np.int32)
    cb, cr = np.minimum(pixels[:, 1], largest), np.minimum(pixels[:, 2], largest)
    green = ((green_cb[cb] + green_cr[cr]) >> _SCALE_BITS).astype(np.int32)
    for sample, addend in ((0, red[cr]), (1, green), (2, blue[cb])):
        np.clip(y + addend, 0, largest, out=addend)
        pixels[:, sample] = addend
