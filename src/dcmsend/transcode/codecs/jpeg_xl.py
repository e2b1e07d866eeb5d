"""JPEG XL.

Of its header only the size is read here; everything else libjxl checks against the array that it decodes into.
Source: PS3.5 A.4.15, 8.2.18; ISO/IEC 18181-1.
"""

from __future__ import annotations

from typing import Final

import imagecodecs
import numpy as np

from dcmsend.dicom.transfer_syntax import TransferSyntax

from ..codec import Image, NativeImage, cannot_change
from ..jpeg_xl_header import read_jpeg_xl_size
from .library import pixels, to_little_endian, widened

__all__ = ["DAMAGED", "open_decoder", "starts_frame"]

DAMAGED: Final = "Pixel representation cannot be changed"

_RECOMPRESSED_JPEG: Final = "1.2.840.10008.1.2.4.111"
_NEVER_RAW: Final = frozenset(("XYB", "YBRFULL422", "YBRPARTIAL422"))
_PHOTOMETRIC_INTERPRETATION: Final = 0x00280004
_PLANAR_CONFIGURATION: Final = 0x00280006
_LOSSY_IMAGE_COMPRESSION: Final = 0x00282110


def starts_frame(_head: bytes, _image: Image) -> bool:
    """Two bytes begin a codestream: too few to tell."""
    return False


def open_decoder(image: Image, syntax: TransferSyntax, first_frame: bytes, _keep_ybr: bool) -> JpegXlDecoder:
    """See Codec."""
    if image.samples not in (1, 3):
        raise cannot_change(f"{image.samples} Samples per Pixel")
    if image.is_signed:
        raise cannot_change("JPEG XL of signed samples is not supported")
    if image.bits_allocated not in (8, 16):
        raise cannot_change(f"JPEG XL with Bits Allocated {image.bits_allocated} is not supported")
    decoder = JpegXlDecoder(image, syntax)
    decoder.check(first_frame)
    return decoder


class JpegXlDecoder:
    """Decodes the frames of one image."""

    def __init__(self, image: Image, syntax: TransferSyntax) -> None:
        self._image = image
        changes: dict[int, int | str] = {}
        if image.samples == 3:
            changes[_PLANAR_CONFIGURATION] = 0
            # libjxl gives RGB for what the codec itself has transformed.
            interpretation = image.photometric_interpretation
            if interpretation in _NEVER_RAW or (syntax.uid == _RECOMPRESSED_JPEG and interpretation != "RGB"):
                changes[_PHOTOMETRIC_INTERPRETATION] = "RGB"
        if syntax.is_lossy:
            changes[_LOSSY_IMAGE_COMPRESSION] = "01"
        self.native: Final = NativeImage(image.bits_allocated, changes)

    def decode(self, frame: bytes, target: memoryview) -> None:
        """See FrameDecoder."""
        self.check(frame)
        array = pixels(target, self._image, self._image.bits_allocated)
        try:
            imagecodecs.jpegxl_decode(frame, numthreads=1, out=array)
        except ValueError:
            if self._image.bits_allocated == 8:
                raise
            samples = np.empty(array.shape, np.uint8)  # at most 8 bits a sample in the stream
            imagecodecs.jpegxl_decode(frame, numthreads=1, out=samples)
            widened(samples, array, None)
        to_little_endian(array)

    def check(self, frame: bytes) -> None:
        """The size in the codestream against the attributes."""
        image, size = self._image, read_jpeg_xl_size(frame)
        if sorted(size) != sorted((image.rows, image.columns)):
            rows, columns = size
            raise cannot_change(
                f"{columns} x {rows} pixels in the stream, {image.columns} x {image.rows} in the data set"
            )
