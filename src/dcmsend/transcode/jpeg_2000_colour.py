"""Colour in a JPEG 2000 image: subsampled components in the codestream, boxes of a JP2 file around it.

DICOM requires the bare codestream, but files of some makers have the boxes.
Source: PS3.5 A.4.4; ITU-T T.800 A.5.1 (components), I.5.3 (boxes of the JP2 header).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from .codec import cannot_change

__all__ = ["Jpeg2000Colour", "codestream_of", "read_jpeg_2000_colour"]

_SIGNATURE: Final = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_MOST_BOXES: Final = 1000
_ENUMERATED: Final = {16: "sRGB", 17: "greyscale", 18: "sYCC"}
_UNCHANGED_CHANNELS: Final = ((0, 0, 1), (1, 0, 2), (2, 0, 3))
"""Channel, kind (colour), and its colour: red, green, blue, or Y, Cb, Cr."""


class Jpeg2000Colour(NamedTuple):
    """Attributes:
    subsampling: horizontal and vertical distance of the samples, for each component.
    is_uniform: all components have the same precision and sign.
    space: ``sRGB``, ``greyscale``, ``sYCC``, ``ICC`` or another value of the boxes; ``""`` without boxes.
    """

    subsampling: tuple[tuple[int, int], ...]
    is_uniform: bool
    space: str

    @property
    def is_subsampled(self) -> bool:
        """Whether some components have fewer samples than the image has pixels."""
        return any(distance != (1, 1) for distance in self.subsampling)


def codestream_of(data: bytes) -> bytes:
    """The codestream without the boxes around it; decoders would convert colours by them."""
    if data.startswith(_SIGNATURE):
        for kind, start, end in _boxes(data, len(_SIGNATURE), len(data)):
            if kind == b"jp2c":
                return data[start:end]
    return data


def read_jpeg_2000_colour(data: bytes) -> Jpeg2000Colour:
    """The colour of an image whose header ``read_jpeg_2000_header`` accepts.  Raises TranscodeError for a palette."""
    stream = codestream_of(data)
    components = int.from_bytes(stream[40:42], "big")
    sizes = stream[42 : 42 + 3 * components]
    return Jpeg2000Colour(
        tuple(zip(sizes[1::3], sizes[2::3], strict=True)),
        len(set(sizes[::3])) == 1,
        _space(data) if data.startswith(_SIGNATURE) else "",
    )


def _boxes(data: bytes, position: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of the content of each box."""
    for _ in range(_MOST_BOXES):
        if position + 8 > end:
            return
        length, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        start = position + 8
        if length == 1:
            length, start = int.from_bytes(data[start : start + 8], "big"), start + 8
        elif not length:  # to the end of the file
            length = end - position
        if position + length < start:
            return
        position += length
        yield kind, start, min(position, end)


def _space(data: bytes) -> str:
    """The colour space of the first colour specification; further ones are alternatives for other decoders."""
    space = ""
    for outer, start, end in _boxes(data, len(_SIGNATURE), len(data)):
        if outer != b"jp2h":
            continue
        for kind, first, last in _boxes(data, start, end):
            content = data[first:last]
            if kind == b"pclr":
                raise cannot_change("the boxes of the JP2 file have a palette of their own")
            if kind == b"cdef" and not _keeps_channels(content):
                raise cannot_change("the boxes of the JP2 file say that the components are not in the usual order")
            if kind == b"colr" and not space:
                space = _specified(content)
    return space


def _specified(content: bytes) -> str:
    """The colour space in one colour specification box.  Source: ITU-T T.800 I.5.3.3."""
    if content[:1] != b"\x01":
        return "ICC"
    number = int.from_bytes(content[3:7], "big")
    return _ENUMERATED.get(number, f"colour space {number}")


def _keeps_channels(content: bytes) -> bool:
    """Whether the components are the colours in their usual order.  Source: ITU-T T.800 I.5.3.6."""
    words = [int.from_bytes(content[at : at + 2], "big") for at in range(2, len(content) - 1, 2)]
    channels = tuple(zip(words[::3], words[1::3], words[2::3], strict=False))
    return set(channels) <= {*_UNCHANGED_CHANNELS, (0, 0, 0)}
