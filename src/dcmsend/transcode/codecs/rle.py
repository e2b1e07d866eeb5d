"""RLE Lossless: byte planes in PackBits.  Pure Python, with imagecodecs for speed if it is installed.

Source: PS3.5 Annex G.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from struct import Struct
from typing import Final

from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.errors import TranscodeError

from .. import decoder_package
from ..buffers import Buffers
from ..codec import Frame, Image, NativeImage, cannot_change, colour_of_full_planes

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
        self._size = image.rows * image.columns
        self._unpack, self._spread = _fast_functions() or (_unpack_all, _spread)
        self._buffers = Buffers()
        self.native: Final = NativeImage(image.bits_allocated, colour_of_full_planes(image))

    def verifies_cheaply(self, frame: Frame) -> bool:
        """See VerifyingDecoder: only long packets are unpacked twice in less time than it takes to keep the pixels."""
        if len(frame) < _HEADER.size:
            return True
        segments = _segments(self._image)
        offsets = _HEADER.unpack_from(frame)[1 : 1 + segments]
        return sum(_packets_per_byte(frame[offset : offset + _SAMPLE]) for offset in offsets) <= segments / _LONG_PACKET

    def verify(self, frame: Frame) -> None:
        """See VerifyingDecoder."""
        for segment, packed in enumerate(self._packed(frame)):
            with self._stripe(packed, segment):
                pass

    def decode(self, frame: Frame, target: memoryview) -> None:
        """See FrameDecoder."""
        image = self._image
        width = image.bits_allocated // 8
        step = 1 if image.planar_configuration else image.samples
        store = self._spread(target, width)
        for segment, packed in enumerate(self._packed(frame)):
            sample, byte = divmod(segment, width)
            first = sample * (self._size if image.planar_configuration else 1)
            with self._stripe(packed, segment) as stripe:
                store(slice(first, first + (self._size - 1) * step + 1, step), byte, stripe)

    def _packed(self, frame: Frame) -> Iterator[memoryview]:
        """The segments: byte planes, the most significant byte of each sample first."""
        if len(frame) < _HEADER.size:
            raise cannot_change(
                f"only {len(frame)} bytes", "Pixel item shorter than 64 bytes, RLE header incomplete."
            )
        count, *offsets = _HEADER.unpack_from(frame)
        expected = _segments(self._image)
        if count != expected:
            raise cannot_change(
                f"{count} segments", f"Number of stripes in RLE header incorrect: found {count}, expected {expected}"
            )
        view = memoryview(frame)
        ends = [*offsets[1:count], len(frame)]
        for segment, (start, end) in enumerate(zip(offsets, ends, strict=False)):
            if not _HEADER.size <= start <= end <= len(frame):
                raise cannot_change(
                    f"segment {segment + 1} at {start} of {len(frame)} bytes", "Byte offset in RLE header is wrong."
                )
            yield view[start:end]

    @contextmanager
    def _stripe(self, packed: memoryview, segment: int) -> Iterator[Stripe]:
        """One byte plane of exactly the size it should have, in memory that the next one may use."""
        size = self._size
        if size > _MOST_EXPANSION * len(packed):
            raise _too_short(0, size, segment)
        with self._buffers.lent(size) as room:
            stripe = self._unpack_exactly(packed, room, segment)
            if len(stripe) < size:
                raise _too_short(len(stripe), size, segment)
            yield stripe

    def _unpack_exactly(self, packed: memoryview, room: memoryview, segment: int) -> Stripe:
        """Up to ``len(room)`` bytes, perhaps in ``room``; a whole line too many is an error."""
        try:
            return self._unpack(packed, room)
        except Exception:  # the library requires that packets fill the plane exactly; we accept garbage after them
            size = len(room)
            stripe = unpack_bits(bytes(packed), size + self._image.columns)
            if len(stripe) >= size + self._image.columns:
                raise cannot_change(f"segment {segment + 1} holds more than rows x columns") from None
            return memoryview(stripe)[:size]


def _too_short(length: int, size: int, segment: int) -> TranscodeError:
    return cannot_change(
        f"{length} of {size} bytes in segment {segment + 1}",
        "RLE decoder is finished but has produced insufficient data for this stripe",
    )


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


def _packets_per_byte(packed: Frame) -> float:
    """How many packets stand for an unpacked byte."""
    packets = unpacked = position = 0
    while position < len(packed):
        count = packed[position]
        position += count + 2 if count < 128 else 2
        unpacked += count + 1 if count < 128 else 257 - count
        packets += 1
    return packets / max(1, unpacked)


Stripe = bytes | bytearray | memoryview
_Store = Callable[[slice, int, Stripe], None]
_Functions = tuple[Callable[[memoryview, memoryview], Stripe], Callable[[memoryview, int], _Store]]


def _unpack_all(packed: memoryview, room: memoryview) -> Stripe:
    """The unpacked bytes; ValueError if there are more than ``room`` for."""
    unpacked = unpack_bits(bytes(packed), len(room) + 1)
    if len(unpacked) > len(room):
        raise ValueError("too many bytes")
    return unpacked


def _spread(target: memoryview, width: int) -> _Store:
    """A function that stores byte planes into a frame whose samples have ``width`` bytes.

    Its arguments are the places of the samples, the number of the plane among the bytes of a sample, the most
    significant one first, and the plane.
    """

    def store(places: slice, byte: int, stripe: Stripe) -> None:
        start, stop, step = (place * width for place in (places.start, places.stop, places.step))
        target[start + width - 1 - byte : stop : step] = stripe

    return store


def _fast_functions() -> _Functions | None:
    """``_unpack_all`` and ``_spread`` with imagecodecs and numpy, ten times as fast; None where these cannot be had."""
    if find_spec("imagecodecs") is None or find_spec("numpy") is None:
        return None
    if decoder_package.package_failure():
        return None
    import numpy as np
    from imagecodecs import packbits_decode

    def spread(target: memoryview, width: int) -> _Store:
        if width not in (1, 2, 4, 8):
            return _spread(target, width)
        samples = np.frombuffer(target, f"<u{width}")

        def store(places: slice, byte: int, stripe: Stripe) -> None:
            values, plane = samples[places], np.frombuffer(stripe, np.uint8)
            if byte:  # arithmetic with whole samples is four times as fast as to store every second byte
                np.left_shift(values, 8, out=values)
                np.bitwise_or(values, plane, out=values)
            else:
                values[...] = plane

        return store

    def unpack(packed: memoryview, room: memoryview) -> Stripe:
        return packbits_decode(packed, out=room)  # type: ignore[arg-type]  # it takes any buffer

    return unpack, spread
