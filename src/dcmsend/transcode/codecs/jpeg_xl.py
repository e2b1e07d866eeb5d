"""JPEG XL.

libjxl undoes the colour transforms of the codec (XYB, or YCbCr of a recompressed JPEG stream) and returns RGB; it
returns other samples as they were.
Source: PS3.5 A.4.15, 8.2.18; ISO/IEC 18181-1.
"""

from __future__ import annotations

from typing import Final

import imagecodecs
import numpy as np

from dcmsend.dicom.transfer_syntax import TransferSyntax

from ..codec import UNDECLARED_LOSS, Image, NativeImage, cannot_change
from ..jpeg_xl_header import CODESTREAM, CONTAINER, JpegXlHeader, read_jpeg_xl_header, read_jpeg_xl_size
from ..sample_bits import SampleBits
from .library import check_bits, check_expansion, pixels, to_little_endian, widened

__all__ = ["DAMAGED", "frame_size", "open_decoder", "starts_frame"]

DAMAGED: Final = "Pixel representation cannot be changed"

_XYB: Final = frozenset(("RGB", "XYB", "YBRFULL422"))
"""Photometric Interpretations of a picture that was RGB before compression; the last one may be left from a JPEG."""
_YBR: Final = frozenset(("RGB", "YBRFULL", "YBRFULL422", "YBRPARTIAL422"))
"""Photometric Interpretations of a picture that was a JPEG stream."""
_RAW: Final = {"RGB": "RGB", "XYB": "RGB", "YBRFULL": "YBR_FULL"}
_PHOTOMETRIC_INTERPRETATION: Final = 0x00280004
_PLANAR_CONFIGURATION: Final = 0x00280006
_LOSSY_IMAGE_COMPRESSION: Final = 0x00282110


def starts_frame(head: bytes, image: Image) -> bool:
    """Whether it is the beginning of a container, or of a codestream: two bytes, and then the size of the picture."""
    if not head.startswith(CODESTREAM):
        return head.startswith(CONTAINER)
    return sorted(read_jpeg_xl_size(head)) == sorted((image.rows, image.columns))


def frame_size(frame: bytes) -> tuple[int, int]:
    """See SizedCodec."""
    return read_jpeg_xl_size(frame)


def open_decoder(image: Image, syntax: TransferSyntax, first_frame: bytes, _keep_ybr: bool) -> JpegXlDecoder:
    """See Codec."""
    if image.samples not in (1, 3):
        raise cannot_change(f"{image.samples} Samples per Pixel")
    if image.is_signed:
        raise cannot_change("JPEG XL of signed samples is not supported")
    if image.bits_allocated not in (8, 16):
        raise cannot_change(f"JPEG XL with Bits Allocated {image.bits_allocated} is not supported")
    decoder = JpegXlDecoder(image, syntax, read_jpeg_xl_header(first_frame))
    decoder.check(first_frame)
    return decoder


def _interpretation(image: Image, first: JpegXlHeader) -> str:
    """Photometric Interpretation of three samples.  Raises TranscodeError where stream and data set disagree."""
    said = image.photometric_interpretation
    if first.is_xyb or first.is_ycbcr:
        if said in (_XYB if first.is_xyb else _YBR):
            return "RGB"
        raise cannot_change(f"the stream holds RGB, Photometric Interpretation is {said}")
    if said in _RAW and not (first.is_ycbcr is None and said != "RGB"):
        return _RAW[said]
    raise cannot_change(f"Photometric Interpretation is {said}, and the stream does not tell how it is meant")


class JpegXlDecoder:
    """Decodes the frames of one image."""

    def __init__(self, image: Image, syntax: TransferSyntax, first: JpegXlHeader) -> None:
        self._image = image
        self._first = first
        if first.extra_channels or first.is_float or first.is_animated:
            raise cannot_change("JPEG XL with transparency, floating point samples or several pictures in a frame")
        if first.space not in (("grey",) if image.samples == 1 else ("RGB", "unknown")):
            raise cannot_change(f"colour space {first.space} in the stream, Samples per Pixel is {image.samples}")
        changes: dict[int, int | str] = {}
        self._bits: SampleBits | None = None
        if first.precision <= image.bits_allocated:  # else libjxl refuses the frame
            self._bits = SampleBits(image, first.precision, is_signed=False)
            changes.update(self._bits.changes())
        if image.samples == 3:
            changes[_PLANAR_CONFIGURATION] = 0
            changes[_PHOTOMETRIC_INTERPRETATION] = _interpretation(image, first)
        self._is_lossy = syntax.is_lossy or first.is_lossy
        if self._is_lossy:
            changes[_LOSSY_IMAGE_COMPRESSION] = "01"
        notes = () if syntax.is_lossy or not first.is_lossy else (UNDECLARED_LOSS,)
        self.native: Final = NativeImage(image.bits_allocated, changes, notes)

    def decode(self, frame: bytes, target: memoryview) -> None:
        """See FrameDecoder."""
        self.check(frame)
        array = pixels(target, self._image, self._image.bits_allocated)
        if self._first.precision <= 8 < self._image.bits_allocated:
            samples = np.empty(array.shape, np.uint8)
            imagecodecs.jpegxl_decode(frame, numthreads=1, out=samples)
            widened(samples, array, None)
        else:
            imagecodecs.jpegxl_decode(frame, numthreads=1, out=array)
        if self._bits is not None and self._bits.may_be_exceeded:
            check_bits(array, self._bits, is_exact=not self._first.is_lossy)
        to_little_endian(array)

    def check(self, frame: bytes) -> None:
        """Compare the header of the codestream with the attributes and the first frame."""
        image, size = self._image, read_jpeg_xl_size(frame)
        if sorted(size) != sorted((image.rows, image.columns)):
            rows, columns = size
            raise cannot_change(
                f"{columns} x {rows} pixels in the stream, {image.columns} x {image.rows} in the data set"
            )
        check_expansion(frame, self.native, image)
        header = read_jpeg_xl_header(frame)
        if header._replace(is_var_dct=self._first.is_var_dct) != self._first:
            raise cannot_change("not all frames have the same samples, or they are not coded in the same way")
        if header.is_lossy and not self._is_lossy:
            raise cannot_change("the first frame is lossless, this one is lossy")
