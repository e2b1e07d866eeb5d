"""JPEG-LS, lossless and near-lossless.  Samples have full size and are never converted.

The data set decides how their planes are arranged.

Source: PS3.5 A.4.3, 8.2.3; ITU-T T.87.
"""

from __future__ import annotations

from typing import Final

import imagecodecs
import numpy as np

from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.errors import TranscodeError

from ..codec import UNDECLARED_LOSS, Image, NativeImage, colour_of_full_planes, requires_planes
from ..codestream import JpegHeader, components_of_scan, has_jpeg_ls_end, is_near_lossless, read_jpeg_header
from .library import check_expansion, pixels, store_pixels, store_planes, to_little_endian, widened

__all__ = ["DAMAGED", "frame_size", "open_decoder", "starts_frame"]

DAMAGED: Final = "Invalid compressed image data"

_MISMATCH: Final = "Image data mismatch between DICOM header and JPEG-LS bitstream"
_PROCESS: Final = 55
_PLANAR_CONFIGURATION: Final = 0x00280006
_LOSSY_IMAGE_COMPRESSION: Final = 0x00282110


def starts_frame(head: bytes, _image: Image) -> bool:
    """Whether there is a start marker (SOI) and another marker after it; entropy-coded data never contain that."""
    return head.startswith(b"\xff\xd8\xff")


def frame_size(frame: bytes) -> tuple[int, int]:
    """See SizedCodec."""
    header = _header(frame)
    return header.rows, header.columns


def open_decoder(image: Image, syntax: TransferSyntax, first_frame: bytes, _keep_ybr: bool) -> JpegLsDecoder:
    """See Codec."""
    if image.samples not in (1, 3):
        raise TranscodeError("Invalid tag", f"{image.samples} Samples per Pixel")
    for name, value in (("Bits Stored", image.bits_stored), ("High Bit", image.high_bit)):
        if value is None:
            raise TranscodeError("Tag not found", f"{name} is missing")
    header = _header(first_frame)
    is_lossy = is_near_lossless(first_frame, header.position)
    decoder = JpegLsDecoder(image, header, is_lossy=is_lossy, may_lose=syntax.is_lossy)
    decoder.check(header, first_frame)
    return decoder


def _header(frame: bytes) -> JpegHeader:
    try:
        header = read_jpeg_header(frame)
    except TranscodeError as error:
        raise TranscodeError(DAMAGED, error.detail) from error
    if header.process != _PROCESS:
        raise TranscodeError(DAMAGED, f"JPEG process SOF{header.process} instead of JPEG-LS")
    return header


class JpegLsDecoder:
    """Decodes the frames of one image."""

    def __init__(self, image: Image, first: JpegHeader, *, is_lossy: bool, may_lose: bool) -> None:
        self._image = image
        self._first = first
        self._is_lossy = is_lossy or may_lose
        bits_stored = image.bits_stored or 0
        if not 1 <= bits_stored <= 16 or image.bits_allocated not in (8, 16):
            raise TranscodeError(
                "Unsupported bit depth in JPEG-LS transfer syntax",
                f"Bits Stored {bits_stored}, Bits Allocated {image.bits_allocated}",
            )
        if first.precision > image.bits_allocated:
            raise TranscodeError(
                _MISMATCH, f"{first.precision} bits a sample in the stream, Bits Allocated is {image.bits_allocated}"
            )
        changes = colour_of_full_planes(image)
        self._is_planar = False
        if image.samples > 1:
            self._is_planar = image.planar_configuration == 1
            if image.planar_configuration not in (0, 1):
                self._is_planar = requires_planes(image.sop_class_uid, image.photometric_interpretation)
            changes[_PLANAR_CONFIGURATION] = int(self._is_planar)
        if self._is_lossy:
            changes[_LOSSY_IMAGE_COMPRESSION] = "01"
        self._is_widened = first.precision <= 8 < image.bits_allocated
        if self._is_widened and image.is_signed and bits_stored > first.precision:
            raise TranscodeError(_MISMATCH, f"signed samples of {bits_stored} bits, {first.precision} in the stream")
        notes = (UNDECLARED_LOSS,) if is_lossy and not may_lose else ()
        self.native: Final = NativeImage(image.bits_allocated, changes, notes)

    def decode(self, frame: bytes, target: memoryview) -> None:
        """See FrameDecoder."""
        image, header = self._image, _header(frame)
        self.check(header, frame)
        is_planar_stream = image.samples == 3 and components_of_scan(frame, header.position) == 1
        array = pixels(target, image, image.bits_allocated, is_planar=is_planar_stream)
        if self._is_widened:
            samples = np.empty(array.shape, np.uint8)
            imagecodecs.jpegls_decode(frame, out=samples)
            widened(samples, array, image.bits_stored if image.is_signed else None)
        else:
            imagecodecs.jpegls_decode(frame, out=array)
        to_little_endian(array)
        if is_planar_stream and not self._is_planar:
            store_pixels(array, target)
        elif self._is_planar and not is_planar_stream:
            store_planes(array, target)

    def check(self, header: JpegHeader, frame: bytes) -> None:
        """Compare the frame header with the attributes and the first frame; check the end marker."""
        image = self._image
        if header[1:5] != (self._first.precision, image.rows, image.columns, image.samples):
            raise TranscodeError(
                _MISMATCH,
                f"{header.columns} x {header.rows} x {header.components} samples of {header.precision} bits in the "
                f"stream, {image.columns} x {image.rows} x {image.samples} in the data set",
            )
        if 8 * len(frame) < image.rows:  # each line takes at least a bit
            raise TranscodeError(DAMAGED, f"{len(frame)} bytes are too few for the image that the stream announces")
        check_expansion(frame, self.native, image)
        if not has_jpeg_ls_end(frame, header):
            raise TranscodeError(DAMAGED, "the stream has no end")
        if not self._is_lossy and is_near_lossless(frame, header.position):
            raise TranscodeError(DAMAGED, "the first frame is lossless, this one is lossy")
