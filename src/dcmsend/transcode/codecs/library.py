"""numpy arrays over the buffers that frames are decoded into, for the codecs that use imagecodecs."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..codec import Image, NativeImage, cannot_change
from ..sample_bits import SampleBits

__all__ = [
    "Pixels", "check_bits", "check_expansion", "extend_sign", "pixels", "store_pixels", "store_planes",
    "to_little_endian", "widened",
]

Pixels = NDArray[Any]
"""rows x columns; rows x columns x samples, colour by pixel; samples x rows x columns, colour by plane."""

_MOST_EXPANSION: Final = 1100
"""As for members of archives."""
_LARGEST_BELIEVED: Final = 64 << 20
"""Bytes; a black picture really is a few bytes, and of this size it does no harm."""


def check_expansion(frame: bytes, native: NativeImage, image: Image) -> None:
    """Raise TranscodeError for a few bytes that claim to be a very large frame, before memory is taken for it.

    For codecs in which a picture of one colour takes (nearly) no more bytes the larger it is.
    """
    size = native.frame_bits(image) // 8
    if size > max(_LARGEST_BELIEVED, _MOST_EXPANSION * len(frame)):
        raise cannot_change(f"{len(frame)} bytes are too few for a frame of {size}")


def pixels(
    target: memoryview, image: Image, bits_allocated: int, *, is_signed: bool = False, is_planar: bool = False
) -> Pixels:
    """An array over ``target`` for one frame, in the byte order of this machine."""
    shape: tuple[int, ...] = (image.rows, image.columns)
    if image.samples > 1:
        shape = (image.samples, *shape) if is_planar else (*shape, image.samples)
    return np.frombuffer(target, f"{'i' if is_signed else 'u'}{bits_allocated // 8}").reshape(shape)


def widened(samples: Pixels, array: Pixels, bits_stored: int | None) -> None:
    """Copy samples into an array of wider ones; their sign is extended from ``bits_stored`` unless that is None."""
    if samples.shape != array.shape:
        raise cannot_change(f"a frame of the shape {samples.shape} instead of {array.shape}")
    array[...] = samples
    if bits_stored is not None:
        extend_sign(array, bits_stored)


def extend_sign(array: Pixels, bits_stored: int) -> None:
    """Set the bits above ``bits_stored`` to the sign bit."""
    signed = array.view(f"i{array.itemsize}")
    shift = 8 * array.itemsize - bits_stored
    np.left_shift(signed, shift, out=signed)
    np.right_shift(signed, shift, out=signed)


def check_bits(array: Pixels, bits: SampleBits, *, is_exact: bool) -> None:
    """Raise TranscodeError if a sample has more bits than the data set allows; call it before ``extend_sign``.

    Lossy samples (not ``is_exact``) may exceed the original range a little, so one more bit is accepted.
    """
    low, high = 0, (1 << bits.significant + (not is_exact)) - 1
    if bits.is_signed:
        low, high = -(high + 1) // 2, high // 2
    fits = (array >= low) & (array <= high)
    if bits.lacks_sign:  # then the stream may have sign bits in all bits of a sample, too
        fits |= array >= (1 << bits.precision) - (1 << (bits.significant - 1))
    if not fits.all():
        raise cannot_change(f"a sample of more than {bits.significant} bits, which is what the data set says")


def store_planes(array: Pixels, target: memoryview) -> None:
    """Rearrange a frame from colour by pixel to colour by plane, in place."""
    planes = np.ascontiguousarray(np.moveaxis(array, -1, 0))
    np.frombuffer(target, array.dtype)[:] = planes.reshape(-1)


def store_pixels(array: Pixels, target: memoryview) -> None:
    """Rearrange a frame from colour by plane to colour by pixel, in place."""
    by_pixel = np.ascontiguousarray(np.moveaxis(array, 0, -1))
    np.frombuffer(target, array.dtype)[:] = by_pixel.reshape(-1)


def to_little_endian(array: Pixels) -> None:
    """Make the samples little endian, as native Pixel Data is in the spool, on any machine."""
    if array.itemsize > 1 and not np.little_endian:
        array.byteswap(inplace=True)
