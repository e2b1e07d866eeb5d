"""Pads tiles at the edge of a whole-slide image that are smaller than the others.

All frames of an image must have the same size (PS3.3 C.7.6.3, C.7.6.17.3), but some scanners store only the part of a
tile that lies within the slide.  In other images a frame that is too small is an error.
"""

from __future__ import annotations

from typing import Final

from dcmsend.dicom.transfer_syntax import TransferSyntax

from .codec import FrameDecoder, Image, NativeImage, SizedCodec, cannot_change

__all__ = ["TileDecoder"]

_PHOTOMETRIC_INTERPRETATION: Final = 0x00280004
_PLANAR_CONFIGURATION: Final = 0x00280006
_MOST_DECODERS: Final = 4
"""One decoder each for tiles in the middle, at the right, at the bottom, in the corner."""


class TileDecoder:
    """Decodes frames of different size; missing parts at the right and at the bottom become black.

    Args: as for ``Codec.open_decoder``.
    """

    def __init__(
        self, codec: SizedCodec, image: Image, syntax: TransferSyntax, first_frame: bytes, keep_ybr: bool
    ) -> None:
        self._codec = codec
        self._image = image
        self._syntax = syntax
        self._keep_ybr = keep_ybr
        self._decoders: dict[tuple[int, int], FrameDecoder] = {}
        self._padded: list[tuple[int, int]] = []
        size = self._size(first_frame)
        self._decoders[size] = decoder = self._open(size, first_frame)
        self.native: Final[NativeImage] = decoder.native

    def _size(self, frame: bytes) -> tuple[int, int]:
        """Rows and columns of a frame; for one that is too large those of the data set, so that it is refused."""
        image = self._image
        rows, columns = self._codec.frame_size(frame)
        if 0 < rows <= image.rows and 0 < columns <= image.columns:
            return rows, columns
        return image.rows, image.columns

    def _open(self, size: tuple[int, int], frame: bytes) -> FrameDecoder:
        image = self._image._replace(rows=size[0], columns=size[1])
        return self._codec.open_decoder(image, self._syntax, frame, self._keep_ybr)

    @property
    def padded(self) -> int:
        """The number of frames so far that were too small."""
        return len(self._padded)

    def decode(self, frame: bytes, target: memoryview) -> None:
        """See FrameDecoder."""
        image, size = self._image, self._size(frame)
        decoder = self._decoders.get(size)
        if decoder is None:
            decoder = self._open(size, frame)
            if decoder.native != self.native:
                raise cannot_change("not all frames have the same samples")
            if len(self._decoders) < _MOST_DECODERS:
                self._decoders[size] = decoder
        if size == (image.rows, image.columns):
            decoder.decode(frame, target)
            return
        tile = memoryview(bytearray(self.native.frame_bits(image._replace(rows=size[0], columns=size[1])) // 8))
        decoder.decode(frame, tile)
        self._padded.append(size)  # several threads may append at the same time
        self._pad(tile, size, target)

    def _pad(self, tile: memoryview, size: tuple[int, int], target: memoryview) -> None:
        """Copy a tile into the corner of an empty frame, plane by plane if colour is by plane."""
        image = self._image
        black = self._black()
        is_planar = self.native.changes.get(_PLANAR_CONFIGURATION, image.planar_configuration) == 1
        for plane, pixel in enumerate(black if is_planar else [b"".join(black)]):
            row, tile_row = image.columns * len(pixel), size[1] * len(pixel)
            start, tile_start = plane * image.rows * row, plane * size[0] * tile_row
            target[start : start + image.rows * row] = pixel * (image.rows * image.columns)
            for number in range(size[0]):
                source = tile_start + number * tile_row
                place = start + number * row
                target[place : place + tile_row] = tile[source : source + tile_row]

    def _black(self) -> list[bytes]:
        """The value of each sample in black."""
        image, width = self._image, self.native.bits_allocated // 8
        interpretation = self.native.changes.get(_PHOTOMETRIC_INTERPRETATION, image.photometric_interpretation)
        values = [0] * image.samples
        if interpretation in ("YBR_FULL", "YBRFULL") and image.samples == 3 and not image.is_signed:
            values[1:] = [1 << (image.bits_stored or self.native.bits_allocated) - 1] * 2
        return [value.to_bytes(width, "little") for value in values]
