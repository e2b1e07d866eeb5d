"""The number of significant bits in a native sample, on which stream and data set may disagree.

As DCMTK's JPEG decoder does, all codecs lower Bits Stored and High Bit to the precision of the stream.
Source: PS3.5 8.1.1; PS3.3 C.7.6.3.
"""

from __future__ import annotations

from typing import Final

from .codec import Image, cannot_change

__all__ = ["SampleBits"]

_BITS_STORED: Final = 0x00280101
_HIGH_BIT: Final = 0x00280102


class SampleBits:
    """The bits of samples from a stream of a given precision.

    Args:
        precision: bits of a sample in the stream.
        is_signed: whether the stream says that its samples are signed.

    Raises TranscodeError when the attributes are impossible, or when the position of the sign is unclear.

    Attributes:
        significant: number of low bits of a sample that receivers use.
        precision, is_signed: as in the stream.
        lacks_sign: whether the samples are signed, but unsigned in the stream.
    """

    __slots__ = ("_image", "is_signed", "lacks_sign", "precision", "significant")

    def __init__(self, image: Image, precision: int, *, is_signed: bool) -> None:
        stored, high = image.bits_stored, image.high_bit
        if stored is not None and not 1 <= stored <= image.bits_allocated:
            raise cannot_change(f"Bits Stored is {stored}, Bits Allocated {image.bits_allocated}")
        if high is not None and high >= image.bits_allocated:
            raise cannot_change(f"High Bit is {high}, Bits Allocated {image.bits_allocated}")
        self._image = image
        self.precision = precision
        self.is_signed = is_signed
        self.lacks_sign = bool(image.is_signed) and not is_signed
        if self.lacks_sign and (stored is None or stored > precision):
            raise cannot_change(f"signed samples of {stored} bits, in the stream {precision} bits without sign")
        self.significant = min(precision, high + 1 if high is not None else stored or precision)

    @property
    def may_be_exceeded(self) -> bool:
        """Whether the stream can hold samples with more bits than the data set allows."""
        return self.precision > self.significant

    def changes(self) -> dict[int, int | str]:
        """New values for the data set, by tag."""
        stored, high, precision = self._image.bits_stored, self._image.high_bit, self.precision
        changes: dict[int, int | str] = {}
        if stored is not None and stored > precision:
            changes[_BITS_STORED] = precision
        if high is not None and high >= precision:
            changes[_HIGH_BIT] = precision - 1
        return changes
