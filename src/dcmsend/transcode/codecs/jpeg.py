"""JPEG processes 1, 2+4, 6+8, 10+12 and 14: sequential, progressive and lossless, Huffman coded.

Colour depends on Photometric Interpretation alone, as in DCMTK; the stream's own colour markers are ignored.
Source: PS3.5 A.4.1, 8.2.1; ITU-T T.81.
"""

from __future__ import annotations

from typing import Final

import imagecodecs

from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.errors import TranscodeError

from ..codec import UNDECLARED_LOSS, Image, NativeImage, cannot_change, requires_planes
from ..codestream import JpegHeader, fault_of_scans, has_point_transform, read_jpeg_header
from . import ybr
from .library import pixels, store_planes, to_little_endian

__all__ = ["DAMAGED", "frame_size", "open_decoder", "starts_frame"]

DAMAGED: Final = "Pixel representation cannot be changed"

_LOSSLESS: Final = 3
_YBR: Final = frozenset(("YBRFULL", "YBRFULL422", "YBRPARTIAL422"))
_OTHER_CODECS: Final = frozenset(("YBRPARTIAL420", "YBRRCT", "YBRICT"))
"""Interpretations of MPEG and JPEG 2000; libjpeg-turbo's output cannot be called so, converted or not."""
_BLOCK: Final = 8
_LARGEST_PRECISION: Final = {
    "1.2.840.10008.1.2.4.50": 8, "1.2.840.10008.1.2.4.51": 12, "1.2.840.10008.1.2.4.53": 12,
    "1.2.840.10008.1.2.4.55": 12,
}
"""Bits of a sample, where the transfer syntax permits fewer than the format."""
_UNUSED_BITS: Final = (
    "BitsStored < BitsAllocated for JPEG compressed image with YCbCr color model, "
    "color space conversion will probably not work properly"
)

_SAMPLES: Final = 0x00280002
_PHOTOMETRIC_INTERPRETATION: Final = 0x00280004
_PLANAR_CONFIGURATION: Final = 0x00280006
_BITS_ALLOCATED: Final = 0x00280100
_BITS_STORED: Final = 0x00280101
_HIGH_BIT: Final = 0x00280102
_LOSSY_IMAGE_COMPRESSION: Final = 0x00282110


def starts_frame(head: bytes, _image: Image) -> bool:
    """Whether there is a start marker (SOI) and another marker after it; entropy-coded data never contain that."""
    return head.startswith(b"\xff\xd8\xff")


def frame_size(frame: bytes) -> tuple[int, int]:
    """See SizedCodec."""
    header = read_jpeg_header(frame)
    return header.rows, header.columns


def open_decoder(image: Image, syntax: TransferSyntax, first_frame: bytes, keep_ybr: bool) -> JpegDecoder:
    """See Codec."""
    for name, value in (
        ("Bits Stored", image.bits_stored), ("High Bit", image.high_bit), ("Pixel Representation", image.is_signed)
    ):
        if value is None:
            raise TranscodeError("Tag not found", f"{name} is missing")
    if imagecodecs.JPEG8.legacy:
        raise cannot_change("the installed imagecodecs is made with a libjpeg-turbo older than 3.0")
    said = image.photometric_interpretation
    if image.samples == 3 and said in _OTHER_CODECS:
        raise cannot_change(f"Photometric Interpretation is {said}, of which JPEG knows nothing")
    header = read_jpeg_header(first_frame)
    if header.process > _LOSSLESS:
        raise cannot_change(f"unsupported JPEG process: SOF{header.process}")
    possible = range(2, 17) if header.process == _LOSSLESS else (8, 12)
    if header.precision not in possible or header.precision > _LARGEST_PRECISION.get(syntax.uid, 16):
        raise TranscodeError(f"Unsupported JPEG data precision {header.precision}", f"process SOF{header.process}")
    if header.components not in (1, 3) or header.components != image.samples:
        raise cannot_change(f"{header.components} components in the stream, Samples per Pixel is {image.samples}")
    decoder = JpegDecoder(
        image, header, keeps_ybr=keep_ybr and header.process == _LOSSLESS, may_lose=syntax.is_lossy,
        loses=_loses(header, first_frame),
    )
    decoder.check(header, first_frame)
    return decoder


def _loses(header: JpegHeader, frame: bytes) -> bool:
    """Whether the samples differ from those of the picture."""
    return header.process != _LOSSLESS or has_point_transform(frame, header.position)


class JpegDecoder:
    """Decodes the frames of one image."""

    def __init__(self, image: Image, first: JpegHeader, *, keeps_ybr: bool, may_lose: bool, loses: bool) -> None:
        self._image = image
        self._first = first
        self._is_lossy = may_lose or loses
        is_ybr = image.photometric_interpretation in _YBR
        self._converts = is_ybr and not keeps_ybr
        if self._converts and image.is_signed:
            raise TranscodeError(
                "Codec does not support this kind of color conversion", "signed samples in a YBR colour model"
            )
        if image.is_signed and (image.bits_stored or 0) > first.precision:
            # The sign would be taken from the highest bit of the stream: great numbers would become negative ones.
            raise cannot_change(
                f"signed samples of {image.bits_stored} bits, in the stream {first.precision} bits without sign"
            )
        self._bits_allocated = 8 if first.precision <= 8 else 16
        if self._converts:
            interpretation = "RGB" if image.samples == 3 else "MONOCHROME2"
        else:
            interpretation = {
                "YBRFULL": "YBR_FULL", "YBRFULL422": "YBR_FULL", "YBRPARTIAL422": "YBR_FULL", "RGB": "RGB",
                "MONOCHROME2": "MONOCHROME2",
            }.get(image.photometric_interpretation, "")
        self._is_planar = image.samples == 3 and requires_planes(image.sop_class_uid, interpretation.replace("_", ""))
        is_odd = self._converts and (image.bits_stored or 0) < image.bits_allocated
        notes: tuple[tuple[str, str], ...] = (("W", _UNUSED_BITS),) if is_odd else ()
        if self._is_lossy and not may_lose:
            notes += (UNDECLARED_LOSS,)
        self.native: Final = NativeImage(self._bits_allocated, self._changes(interpretation), notes)

    def _changes(self, interpretation: str) -> dict[int, int | str]:
        image, precision = self._image, self._first.precision
        changes: dict[int, int | str] = {_BITS_ALLOCATED: self._bits_allocated}
        if interpretation:
            changes[_PHOTOMETRIC_INTERPRETATION] = interpretation
            changes[_SAMPLES] = image.samples
        if image.samples > 1:
            changes[_PLANAR_CONFIGURATION] = int(self._is_planar)
        if image.bits_stored is not None and image.bits_stored > precision:
            changes[_BITS_STORED] = precision
        if image.high_bit is not None and image.high_bit >= precision:
            changes[_HIGH_BIT] = precision - 1
        if self._is_lossy:
            changes[_LOSSY_IMAGE_COMPRESSION] = "01"
        return changes

    def decode(self, frame: bytes, target: memoryview) -> None:
        """See FrameDecoder."""
        header = read_jpeg_header(frame)
        self.check(header, frame)
        try:
            self._decode(frame, header, target)
        except imagecodecs.Jpeg8Error as error:
            raise TranscodeError(str(error), "libjpeg-turbo cannot decode it") from error

    def _decode(self, frame: bytes, header: JpegHeader, target: memoryview) -> None:
        array = pixels(target, self._image, self._bits_allocated)
        if self._image.samples == 1:
            imagecodecs.jpeg8_decode(frame, out=array)
        elif header.process == _LOSSLESS:  # libjpeg-turbo does not convert colours of lossless streams
            imagecodecs.jpeg8_decode(frame, colorspace="RGB", outcolorspace="RGB", out=array)
            if self._converts:
                ybr.convert_to_rgb(array, header.precision)
        else:
            colour_space = "YCBCR" if self._converts else "RGB"
            imagecodecs.jpeg8_decode(frame, colorspace=colour_space, outcolorspace="RGB", out=array)
        to_little_endian(array)
        if self._is_planar:
            store_planes(array, target)

    def check(self, header: JpegHeader, frame: bytes) -> None:
        """Compare the frame header with the attributes and the first frame; check the end marker libraries ignore."""
        image, first = self._image, self._first
        if (header.rows, header.columns) != (image.rows, image.columns):
            bits = 8 if header.precision <= 8 else 12 if header.precision <= 12 else 16
            is_larger = header.rows * header.columns > image.rows * image.columns
            raise TranscodeError(
                f"Buffer for decompressed image ({bits} bits/sample) too small" if is_larger else DAMAGED,
                f"{header.columns} x {header.rows} pixels in the stream, "
                f"{image.columns} x {image.rows} in the data set",
            )
        if (header.precision, header.components) != (first.precision, first.components):
            raise cannot_change("not all frames have the same precision and the same number of components")
        if header.process > _LOSSLESS:
            raise cannot_change(f"unsupported JPEG process: SOF{header.process}")
        if not self._is_lossy and _loses(header, frame):
            raise cannot_change("the first frame is lossless, this one is lossy")
        fault = fault_of_scans(frame, header)
        if fault:
            raise TranscodeError(fault, "the stream is not complete")
        units = header.rows * header.columns * header.components
        if header.process != _LOSSLESS:  # each block of the first component takes at least a bit
            units = -(-header.rows // _BLOCK) * -(-header.columns // _BLOCK)
        if 8 * len(frame) < units:
            raise TranscodeError(DAMAGED, f"{len(frame)} bytes are too few for the image that the stream announces")
