"""JPEG 2000 Part 1 and High-Throughput JPEG 2000.

Decoded by OpenJPEG, HTJ2K too: OpenJPH, which imagecodecs offers for it, gives wrong samples where a lossy transform
overflows, and an image for a stream that is cut off.
Source: PS3.5 A.4.4, A.4.13, 8.2.4, 8.2.14; ITU-T T.800, T.814.
"""

from __future__ import annotations

from typing import Final

import imagecodecs
import numpy as np

from dcmsend.dicom.transfer_syntax import TransferSyntax

from ..codec import Image, NativeImage, cannot_change
from ..codestream import Jpeg2000Header, read_jpeg_2000_header
from .library import extend_sign, pixels, to_little_endian, widened

__all__ = ["DAMAGED", "open_decoder", "starts_frame"]

DAMAGED: Final = "Pixel representation cannot be changed"

_STARTS: Final = (b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")
_PHOTOMETRIC_INTERPRETATION: Final = 0x00280004
_PLANAR_CONFIGURATION: Final = 0x00280006
_LOSSY_IMAGE_COMPRESSION: Final = 0x00282110


def starts_frame(head: bytes, _image: Image) -> bool:
    """The beginning of a codestream (SOC and SIZ) or of a JP2 file."""
    return head.startswith(_STARTS)


def open_decoder(image: Image, syntax: TransferSyntax, first_frame: bytes, _keep_ybr: bool) -> Jpeg2000Decoder:
    """See Codec."""
    header = read_jpeg_2000_header(first_frame)
    decoder = Jpeg2000Decoder(image, header, is_lossy=syntax.is_lossy)
    decoder.check(header)
    return decoder


class Jpeg2000Decoder:
    """Decodes the frames of one image."""

    def __init__(self, image: Image, first: Jpeg2000Header, *, is_lossy: bool) -> None:
        self._image = image
        self._first = first
        if image.samples not in (1, 3) or first.components != image.samples:
            raise cannot_change(f"{first.components} components in the stream, Samples per Pixel is {image.samples}")
        if image.bits_allocated not in (8, 16, 32) or first.precision > image.bits_allocated:
            raise cannot_change(
                f"{first.precision} bits a sample in the stream, Bits Allocated is {image.bits_allocated}"
            )
        if first.is_signed and not image.is_signed:
            raise cannot_change("signed samples in the stream, Pixel Representation says unsigned")
        self._stream_bits = 8 if first.precision <= 8 else 16 if first.precision <= 16 else 32
        changes: dict[int, int | str] = {}
        if image.samples == 3:
            changes[_PLANAR_CONFIGURATION] = 0
            if image.photometric_interpretation in ("YBRRCT", "YBRICT"):
                changes[_PHOTOMETRIC_INTERPRETATION] = "RGB"
        if is_lossy and not first.is_reversible:
            changes[_LOSSY_IMAGE_COMPRESSION] = "01"
        self.native: Final = NativeImage(image.bits_allocated, changes)

    def decode(self, frame: bytes, target: memoryview) -> None:
        """See FrameDecoder."""
        image, first = self._image, self._first
        self.check(read_jpeg_2000_header(frame))
        array = pixels(target, image, image.bits_allocated, is_signed=first.is_signed)
        # A stream of unsigned samples may be meant as signed: what stands above Bits Stored is then the sign.
        bits_stored = image.bits_stored if image.is_signed and not first.is_signed else None
        if self._stream_bits < image.bits_allocated:
            samples = np.empty(array.shape, f"{'i' if first.is_signed else 'u'}{self._stream_bits // 8}")
            imagecodecs.jpeg2k_decode(frame, planar=False, numthreads=1, out=samples)
            widened(samples, array, bits_stored)
        else:
            imagecodecs.jpeg2k_decode(frame, planar=False, numthreads=1, out=array)
            if bits_stored is not None:
                extend_sign(array, bits_stored)
        to_little_endian(array)

    def check(self, header: Jpeg2000Header) -> None:
        """The codestream header against the attributes and the first frame."""
        image = self._image
        if (header.rows, header.columns) != (image.rows, image.columns):
            raise cannot_change(
                f"{header.columns} x {header.rows} pixels in the stream, {image.columns} x {image.rows} in the data set"
            )
        if header[2:5] != self._first[2:5]:
            raise cannot_change("not all frames have the same components")
