"""Encapsulated Uncompressed: uncompressed frames in fragments.  Source: PS3.5 A.4.11."""

from __future__ import annotations

from typing import Final

from dcmsend.dicom.transfer_syntax import TransferSyntax

from ..codec import Frame, Image, NativeImage, cannot_change, colour_of_full_planes

__all__ = ["DAMAGED", "open_decoder", "starts_frame"]

DAMAGED: Final = "Pixel representation cannot be changed"


def starts_frame(_head: bytes, _image: Image) -> bool:
    """False: pixels have no recognisable start."""
    return False


def open_decoder(image: Image, _syntax: TransferSyntax, _first_frame: bytes, _keep_ybr: bool) -> UncompressedDecoder:
    """See Codec."""
    if image.bits_allocated not in (1, 8, 16, 32, 64):
        raise cannot_change(f"Bits Allocated {image.bits_allocated}")
    return UncompressedDecoder(image)


class UncompressedDecoder:
    """Copies the frames of one image."""

    def __init__(self, image: Image) -> None:
        self.native: Final = NativeImage(image.bits_allocated, colour_of_full_planes(image))

        self._size = (self.native.frame_bits(image) + 7) // 8

    def verifies_cheaply(self, _frame: Frame) -> bool:
        """See VerifyingDecoder: a look at the length."""
        return True

    def verify(self, frame: Frame) -> None:
        """See VerifyingDecoder; one byte of padding follows a frame of odd length."""
        if len(frame) != self._size + self._size % 2:
            raise cannot_change(f"a frame of {len(frame)} bytes instead of {self._size}")

    def decode(self, frame: Frame, target: memoryview) -> None:
        """See FrameDecoder."""
        self.verify(frame)
        target[:] = frame[: self._size]
