"""The interface of a codec: a module that decodes one family of compressed frames.

``registry`` chooses a codec module, and loads it when the first frame of its kind has to be decoded.  The module checks
the Image Pixel attributes and the first frame, and returns a ``FrameDecoder`` that turns each frame into native pixels
(little endian, as in Explicit VR Little Endian), or raises an error.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.errors import TranscodeError

__all__ = [
    "CANNOT_CHANGE", "UNDECLARED_LOSS", "Codec", "Frame", "FrameDecoder", "Image", "NativeImage", "SizedCodec",
    "VerifyingDecoder", "cannot_change", "colour_of_full_planes", "requires_planes",
]

CANNOT_CHANGE = "Pixel representation cannot be changed"
"""DCMTK's condition for an impossible conversion."""

UNDECLARED_LOSS = ("W", "the pixels are compressed with loss (lossy) in a lossless transfer syntax")
"""Note about a stream whose loss the data set has to name: once the pixels are native nothing else does."""

Frame = bytes | memoryview
"""A compressed frame for a decoder that needs no methods of ``bytes``."""

_PHOTOMETRIC_INTERPRETATION = 0x00280004
_NEVER_FULL_PLANES = ("YBRPARTIAL422", "YBRPARTIAL420", "YBRRCT", "YBRICT")
"""Subsampled in a range of values without another name, or intermediate in JPEG 2000.  Source: PS3.3 C.7.6.3.1.2."""

_HARDCOPY_COLOR = "1.2.840.10008.5.1.1.30"
_ULTRASOUND = ("1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1")


class Image(NamedTuple):
    """The Image Pixel attributes of the item that the frames are in.  Source: PS3.3 C.7.6.3.

    Attributes:
        rows, columns: 1..65535.
        samples: Samples per Pixel, 1..15.
        bits_allocated, bits_stored, high_bit: as in the data set; the last two None when they are missing.
        is_signed: Pixel Representation is 1; None when it is missing.
        photometric_interpretation: upper case without blanks, ``""`` when it is missing.
        planar_configuration: None when it is missing.
        sop_class_uid: of the same item, ``""`` in a nested one.
        is_tiled: the frames are tiles of one large picture.
    """

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int | None
    high_bit: int | None
    is_signed: bool | None
    photometric_interpretation: str
    planar_configuration: int | None
    sop_class_uid: str
    is_tiled: bool = False


class NativeImage(NamedTuple):
    """The form of the decoded frames.

    Attributes:
        bits_allocated: of each sample of a native frame.
        changes: new values for the data set: numbers (US) and strings (CS) by tag.
        notes: (level, text) for the log.
    """

    bits_allocated: int
    changes: dict[int, int | str]
    notes: tuple[tuple[str, str], ...] = ()

    def frame_bits(self, image: Image) -> int:
        """Bits of one native frame."""
        return image.rows * image.columns * image.samples * self.bits_allocated


class FrameDecoder(Protocol):
    """Decodes the frames of one image; thread-safe."""

    @property
    def native(self) -> NativeImage: ...

    def decode(self, frame: bytes, target: memoryview) -> None:
        """Fill all of ``target``, which has exactly the bytes of one native frame.

        Raises TranscodeError; any other exception counts as damaged data.
        """
        ...


@runtime_checkable
class VerifyingDecoder(FrameDecoder, Protocol):
    """A decoder that can cheaply test whether ``decode`` will succeed, so that decoded frames need not be kept."""

    def decode(self, frame: Frame, target: memoryview) -> None:
        """See FrameDecoder."""
        ...

    def verifies_cheaply(self, frame: Frame) -> bool:
        """Whether to verify frames like this one, and to decode them later, costs less than to keep them decoded.

        Never raises: what is wrong with the frame is told by ``verify``.
        """
        ...

    def verify(self, frame: Frame) -> None:
        """Raise the error that ``decode`` would raise."""
        ...


class Codec(Protocol):
    """The functions that a codec module has at top level."""

    DAMAGED: str
    """DCMTK's condition for a frame that its decoder cannot read."""

    @staticmethod
    def open_decoder(image: Image, syntax: TransferSyntax, first_frame: bytes, keep_ybr: bool) -> FrameDecoder:
        """The decoder for an image with this first frame.

        ``keep_ybr`` leaves losslessly compressed YBR as it is.  Raises TranscodeError when image and frame contradict
        each other or are not supported.
        """
        ...

    @staticmethod
    def starts_frame(head: bytes, image: Image) -> bool:
        """Whether a fragment that begins with ``head`` (up to 64 bytes) surely begins a frame."""
        ...


@runtime_checkable
class SizedCodec(Codec, Protocol):
    """A codec whose frames contain their size."""

    @staticmethod
    def frame_size(frame: bytes) -> tuple[int, int]:
        """Rows and columns of a frame.  Raises TranscodeError if it has no header."""
        ...


def cannot_change(detail: str, remark: str = "") -> TranscodeError:
    """The error for unsupported or contradictory frames or attributes; see TranscodeError."""
    return TranscodeError(CANNOT_CHANGE, detail, remark)


def colour_of_full_planes(image: Image) -> dict[int, int | str]:
    """New values for the data set when samples stay as they were compressed, with equally many of each component.

    Native YBR_FULL_422 has half of the chroma samples, so full planes are YBR_FULL.  Raises TranscodeError for a
    Photometric Interpretation that full-size samples cannot have.
    """
    said = image.photometric_interpretation
    if image.samples != 3:
        return {}
    if said in _NEVER_FULL_PLANES:
        raise cannot_change(f"all components in the stream are of full size, Photometric Interpretation is {said}")
    return {_PHOTOMETRIC_INTERPRETATION: "YBR_FULL"} if said == "YBRFULL422" else {}


def requires_planes(sop_class_uid: str, photometric_interpretation: str) -> bool:
    """Whether DCMTK writes colour by plane: for Hardcopy Color, and for ultrasound in YBR_FULL (standard of 1996)."""
    if sop_class_uid == _HARDCOPY_COLOR:
        return True
    return sop_class_uid in _ULTRASOUND and photometric_interpretation == "YBRFULL"
