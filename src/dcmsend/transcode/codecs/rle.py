"""RLE Lossless: byte planes in PackBits.  Pure Python, with imagecodecs for speed if it is installed.

Source: PS3.5 Annex G.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from struct import Struct
from typing import Final

from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.errors import TranscodeError

from .. import decoder_package
from ..codec import Image, NativeImage, cannot_change, colour_of_full_planes

__all__ = ["DAMAGED", "open_decoder", "starts_frame", "unpack_bits"]

DAMAGED: Final = "Pixel representation cannot be changed"

_HEADER: Final = Struct("<16L")
_MOST_SEGMENTS: Final = 15
_MOST_EXPANSION: Final = 64
"""Native bytes for each byte: two bytes stand for at most 128."""
_SAMPLE: Final = 4096
"""Bytes of each segment that tell how long its packets are."""
_LONG_PACKET: Final = 12
"""Bytes of a packet, on average, from which on unpacking costs less than writing to a temporary file and reading."""


def starts_frame(head: bytes, image: Image) -> bool:
    """Whether it is a header with as many segments as the image needs, and zeros in its unused entries."""
    if len(head) < _HEADER.size:
        return False
    count, *offsets = _HEADER.unpack_from(head)
    return count == _segments(image) and offsets[0] == _HEADER.size and not any(offsets[count:])


def open_decoder(image: Image, _syntax: TransferSyntax, _first_frame: bytes, _keep_ybr: bool) -> RleDecoder:
    """See Codec."""
    if image.bits_allocated < 8 or image.bits_allocated % 8:
        raise cannot_change(
            f"Bits Allocated {image.bits_allocated}",
            "The RLE decoder only supports images where BitsAllocated is a multiple of 8.",
        )
    if not 1 <= _segments(image) <= _MOST_SEGMENTS:
        raise cannot_change(f"{image.samples} samples of {image.bits_allocated} bits need more than 15 segments")
    if image.samples > 1 and image.planar_configuration is None:
        raise TranscodeError("Tag not found", "Planar Configuration is missing")
    return RleDecoder(image)


def _segments(image: Image) -> int:
    return image.samples * (image.bits_allocated // 8)


class RleDecoder:
    """Decodes the frames of one image."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._unpack, self._spread = _fast_functions() or (_unpack_all, _spread)
        self.native: Final = NativeImage(image.bits_allocated, colour_of_full_planes(image))

    def verifies_cheaply(self, frame: bytes) -> bool:
        """See VerifyingDecoder: only long packets are unpacked twice in less time than it takes to keep the pixels."""
        if len(frame) < _HEADER.size:
            return True
        segments = _segments(self._image)
        offsets = _HEADER.unpack_from(frame)[1 : 1 + segments]
        return sum(_packets_per_byte(frame[offset : offset + _SAMPLE]) for offset in offsets) <= segments / _LONG_PACKET

    def verify(self, frame: bytes) -> None:
        """See VerifyingDecoder."""
        for _stripe in self._stripes(frame):
            pass

    def decode(self, frame: bytes, target: memoryview) -> None:
        """See FrameDecoder."""
        image = self._image
        size = image.rows * image.columns
        width = image.bits_allocated // 8
        step = width if image.planar_configuration else width * image.samples
        store = self._spread(target)
        for segment, stripe in enumerate(self._stripes(frame)):
            sample, byte = divmod(segment, width)
            first = sample * width * (size if image.planar_configuration else 1) + width - 1 - byte
            store(slice(first, first + (size - 1) * step + 1, step), stripe)

    def _stripes(self, frame: bytes) -> Iterator[bytes | bytearray]:
        """The byte planes, the most significant byte of each sample first."""
        image = self._image
        if len(frame) < _HEADER.size:
            raise cannot_change(
                f"only {len(frame)} bytes", "Pixel item shorter than 64 bytes, RLE header incomplete."
            )
        count, *offsets = _HEADER.unpack_from(frame)
        expected = _segments(image)
        if count != expected:
            raise cannot_change(
                f"{count} segments", f"Number of stripes in RLE header incorrect: found {count}, expected {expected}"
            )
        ends = [*offsets[1:count], len(frame)]
        for segment, (start, end) in enumerate(zip(offsets, ends, strict=False)):
            if not _HEADER.size <= start <= end <= len(frame):
                raise cannot_change(
                    f"segment {segment + 1} at {start} of {len(frame)} bytes", "Byte offset in RLE header is wrong."
                )
            yield self._stripe(frame[start:end], image.rows * image.columns, segment)

    def _stripe(self, data: bytes, size: int, segment: int) -> bytes | bytearray:
        """One byte plane of exactly ``size`` bytes."""
        stripe: bytes | bytearray = b""
        if size <= _MOST_EXPANSION * len(data):
            stripe = self._unpack_exactly(data, size, segment)
        if len(stripe) < size:
            raise cannot_change(
                f"{len(stripe)} of {size} bytes in segment {segment + 1}",
                "RLE decoder is finished but has produced insufficient data for this stripe",
            )
        return stripe

    def _unpack_exactly(self, data: bytes, size: int, segment: int) -> bytes | bytearray:
        """Up to ``size`` bytes; a whole line too many is an error."""
        try:
            return self._unpack(data, size)
        except Exception:  # the library requires that packets fill the plane exactly; we accept garbage after them
            stripe = unpack_bits(data, size + self._image.columns)
            if len(stripe) >= size + self._image.columns:
                raise cannot_change(f"segment {segment + 1} holds more than rows x columns") from None
            return stripe[:size]


def unpack_bits(data: bytes, size: int) -> bytes | bytearray:
    """The unpacked bytes, at most ``size``; an incomplete last packet ends them.  Source: PS3.5 G.3.2."""
    out = bytearray()
    position, end = 0, len(data)
    while position < end - 1 and len(out) < size:
        count = data[position]
        if count < 128:
            position += 1
            out += data[position : position + count + 1]
            position += count + 1
        elif count > 128:
            out += data[position + 1 : position + 2] * (257 - count)
            position += 2
        else:
            position += 1
    del out[size:]
    return out


def _packets_per_byte(packed: bytes) -> float:
    """How many packets stand for an unpacked byte."""
    packets = unpacked = position = 0
    while position < len(packed):
        count = packed[position]
        position += count + 2 if count < 128 else 2
        unpacked += count + 1 if count < 128 else 257 - count
        packets += 1
    return packets / max(1, unpacked)


def _unpack_all(data: bytes, size: int) -> bytes | bytearray:
    """The unpacked bytes; ValueError if there are more than ``size``."""
    unpacked = unpack_bits(data, size + 1)
    if len(unpacked) > size:
        raise ValueError("too many bytes")
    return unpacked


_Store = Callable[[slice, bytes | bytearray], None]
_Functions = tuple[Callable[[bytes, int], bytes | bytearray], Callable[[memoryview], _Store]]


def _spread(target: memoryview) -> _Store:
    """A function that stores byte planes into a frame."""

    def store(places: slice, stripe: bytes | bytearray) -> None:
        target[places] = memoryview(stripe)

    return store


def _fast_functions() -> _Functions | None:
    """``_unpack_all`` and ``_spread`` with imagecodecs and numpy, ten times as fast; None where these cannot be had."""
    if find_spec("imagecodecs") is None or find_spec("numpy") is None:
        return None
    if decoder_package.package_failure():
        return None
    import numpy as np
    from imagecodecs import packbits_decode

    def spread(target: memoryview) -> _Store:
        frame = np.frombuffer(target, np.uint8)

        def store(places: slice, stripe: bytes | bytearray) -> None:
            frame[places] = np.frombuffer(stripe, np.uint8)

        return store

    return lambda data, size: packbits_decode(data, out=size), spread
