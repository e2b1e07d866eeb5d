"""Deflated Image Frame Compression: each frame is a raw deflate stream of its own.  Source: PS3.5 A.4.14, 8.2.16."""

from __future__ import annotations

import zlib
from typing import Final

from dcmsend.dicom.transfer_syntax import TransferSyntax

from ..codec import Image, NativeImage, cannot_change, colour_of_full_planes

__all__ = ["DAMAGED", "open_decoder", "starts_frame"]

DAMAGED: Final = "Pixel representation cannot be changed"

_MOST_EXPANSION: Final = 1032
"""Native bytes for each byte: 258 bytes take at least two bits.  Source: RFC 1951 3.2.5."""


def starts_frame(_head: bytes, _image: Image) -> bool:
    """False: a deflate stream has no recognisable start."""
    return False


def open_decoder(image: Image, _syntax: TransferSyntax, first_frame: bytes, _keep_ybr: bool) -> DeflatedFrameDecoder:
    """See Codec."""
    if image.bits_allocated not in (1, 8, 16, 32, 64):
        raise cannot_change(f"Bits Allocated {image.bits_allocated}")
    decoder = DeflatedFrameDecoder(image)
    if decoder.native.frame_bits(image) // 8 > _MOST_EXPANSION * len(first_frame):
        raise cannot_change(f"{len(first_frame)} bytes cannot inflate to a frame")
    return decoder


class DeflatedFrameDecoder:
    """Decodes the frames of one image."""

    def __init__(self, image: Image) -> None:
        self.native: Final = NativeImage(image.bits_allocated, colour_of_full_planes(image))

    def decode(self, frame: bytes, target: memoryview) -> None:
        """See FrameDecoder; padding may follow, but no other stream: that is the next frame in the next fragment."""
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        data = inflater.decompress(frame, len(target) + 2)
        if len(data) not in (len(target), len(target) + 1) or not inflater.eof:
            raise cannot_change(f"the frame inflates to another length than {len(target)} bytes, or is cut off")
        rest = inflater.unused_data
        if len(rest) > 1 and rest.strip(b"\0"):
            raise cannot_change(f"{len(rest)} bytes behind the frame, perhaps more frames than the data set says")
        target[:] = data[: len(target)]
