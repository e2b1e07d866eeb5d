"""JPEG 2000 Part 1 and High-Throughput JPEG 2000.

OpenJPEG decodes both.  OpenJPH, which imagecodecs offers for HTJ2K, returns wrong samples if a lossy transform
overflows, and an image for a stream that is cut off.
Source: PS3.5 A.4.4, A.4.13, 8.2.4, 8.2.14; ITU-T T.800, T.814.
"""

from __future__ import annotations

from typing import Final

import imagecodecs
import numpy as np

from dcmsend.dicom.transfer_syntax import TransferSyntax

from ..codec import UNDECLARED_LOSS, Image, NativeImage, cannot_change
from ..codestream import Jpeg2000Header, read_jpeg_2000_header
from ..jpeg_2000_colour import Jpeg2000Colour, codestream_of, read_jpeg_2000_colour
from ..sample_bits import SampleBits
from .library import check_bits, check_expansion, extend_sign, pixels, to_little_endian, widened

__all__ = ["DAMAGED", "frame_size", "open_decoder", "starts_frame"]

DAMAGED: Final = "Pixel representation cannot be changed"

_STARTS: Final = (b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")
_PHOTOMETRIC_INTERPRETATION: Final = 0x00280004
_PLANAR_CONFIGURATION: Final = 0x00280006
_LOSSY_IMAGE_COMPRESSION: Final = 0x00282110

_RGB: Final = frozenset(("RGB", "YBRRCT", "YBRICT"))
"""Photometric Interpretations that are RGB once the component transform is undone."""
_YBR: Final = frozenset(("YBRFULL", "YBRFULL422"))
_SUBSAMPLED: Final = frozenset(("YBRFULL422", "YBRPARTIAL422", "YBRPARTIAL420"))
_CHROMA: Final = (((1, 1), (2, 1), (2, 1)), ((1, 1), (2, 2), (2, 2)))
"""4:2:2 and 4:2:0."""


def starts_frame(head: bytes, _image: Image) -> bool:
    """Whether it is the beginning of a codestream (SOC and SIZ) or of a JP2 file."""
    return head.startswith(_STARTS)


def frame_size(frame: bytes) -> tuple[int, int]:
    """See SizedCodec."""
    header = read_jpeg_2000_header(frame)
    return header.rows, header.columns


def open_decoder(image: Image, syntax: TransferSyntax, first_frame: bytes, _keep_ybr: bool) -> Jpeg2000Decoder:
    """See Codec."""
    header = read_jpeg_2000_header(first_frame)
    if image.samples not in (1, 3) or header.components != image.samples:
        raise cannot_change(f"{header.components} components in the stream, Samples per Pixel is {image.samples}")
    decoder = Jpeg2000Decoder(image, header, read_jpeg_2000_colour(first_frame), may_lose=syntax.is_lossy)
    decoder.check(first_frame)
    return decoder


def _interpretation(image: Image, header: Jpeg2000Header, colour: Jpeg2000Colour) -> str:
    """Photometric Interpretation of OpenJPEG's output for the bare codestream; ``""`` if it stays the same.

    Raises TranscodeError when stream and data set contradict each other.
    """
    said = image.photometric_interpretation
    if image.samples == 1:
        return ""
    if colour.space and not (said in _RGB if colour.space == "sRGB" else said in _YBR and colour.space == "sYCC"):
        raise cannot_change(f"the boxes of the JP2 file say {colour.space}, Photometric Interpretation is {said}")
    if colour.is_subsampled:
        if said not in _YBR or header.uses_component_transform or header.is_signed:
            raise cannot_change(f"the stream has fewer samples for colour, Photometric Interpretation is {said}")
        return "RGB"  # OpenJPEG fills in missing samples and converts
    if said in _SUBSAMPLED and (said not in _YBR or header.uses_component_transform):
        raise cannot_change(f"all components in the stream are of full size, Photometric Interpretation is {said}")
    if said in _RGB:
        return "RGB"
    return "YBR_FULL" if said in _YBR else ""


class Jpeg2000Decoder:
    """Decodes the frames of one image."""

    def __init__(self, image: Image, first: Jpeg2000Header, colour: Jpeg2000Colour, *, may_lose: bool) -> None:
        self._image = image
        self._first = first
        self._colour = colour
        if image.bits_allocated not in (8, 16, 32) or first.precision > image.bits_allocated:
            raise cannot_change(
                f"{first.precision} bits a sample in the stream, Bits Allocated is {image.bits_allocated}"
            )
        if first.is_signed and not image.is_signed:
            raise cannot_change("signed samples in the stream, Pixel Representation says unsigned")
        if not colour.is_uniform:
            raise cannot_change("the components in the stream have not all the same precision and sign")
        if colour.is_subsampled and colour.subsampling not in _CHROMA:
            raise cannot_change("the components in the stream are subsampled in another way than 4:2:2 and 4:2:0")
        self._bits = SampleBits(image, first.precision, is_signed=first.is_signed)
        self._stream_bits = 8 if first.precision <= 8 else 16 if first.precision <= 16 else 32
        changes = self._bits.changes()
        interpretation = _interpretation(image, first, colour)
        if interpretation:
            changes[_PHOTOMETRIC_INTERPRETATION] = interpretation
        if image.samples == 3:
            changes[_PLANAR_CONFIGURATION] = 0
        notes: tuple[tuple[str, str], ...] = ()
        if not first.is_reversible:
            changes[_LOSSY_IMAGE_COMPRESSION] = "01"
            notes = () if may_lose else (UNDECLARED_LOSS,)
        self.native: Final = NativeImage(image.bits_allocated, changes, notes)

    def decode(self, frame: bytes, target: memoryview) -> None:
        """See FrameDecoder."""
        image, first, bits = self._image, self._first, self._bits
        self.check(frame)
        stream = codestream_of(frame)
        array = pixels(target, image, image.bits_allocated, is_signed=first.is_signed)
        if self._stream_bits < image.bits_allocated:
            samples = np.empty(array.shape, f"{'i' if first.is_signed else 'u'}{self._stream_bits // 8}")
            imagecodecs.jpeg2k_decode(stream, planar=False, numthreads=1, out=samples)
            widened(samples, array, None)
        else:
            imagecodecs.jpeg2k_decode(stream, planar=False, numthreads=1, out=array)
        if bits.may_be_exceeded:
            check_bits(array, bits, is_exact=first.is_reversible)
        if bits.lacks_sign:
            # Unsigned samples of a stream may be meant as signed ones: then the highest bit is the sign.
            extend_sign(array, bits.significant)
        to_little_endian(array)

    def check(self, frame: bytes) -> None:
        """Compare the codestream header with the attributes and the first frame."""
        image, header = self._image, read_jpeg_2000_header(frame)
        if (header.rows, header.columns) != (image.rows, image.columns):
            raise cannot_change(
                f"{header.columns} x {header.rows} pixels in the stream, {image.columns} x {image.rows} in the data set"
            )
        check_expansion(frame, self.native, image)
        if header[2:] != self._first[2:] or read_jpeg_2000_colour(frame) != self._colour:
            raise cannot_change("not all frames have the same components, or they are not coded in the same way")
