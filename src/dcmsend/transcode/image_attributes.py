"""The Image Pixel attributes of an item, read from and written into its recorded structure.

Source: PS3.3 C.7.6.3; which attributes are required, and the defaults of missing ones, are DCMTK's.
"""

from __future__ import annotations

import re
from typing import Final

from dcmsend.errors import TranscodeError

from .codec import Image
from .reading import BufferedReader
from .structure import BIG_ENDIAN, DROPPED, ELEMENT, KIND, Structure

__all__ = ["ImageAttributes"]

SOP_CLASS_UID: Final = 0x00080016
SAMPLES: Final = 0x00280002
PHOTOMETRIC_INTERPRETATION: Final = 0x00280004
PLANAR_CONFIGURATION: Final = 0x00280006
NUMBER_OF_FRAMES: Final = 0x00280008
ROWS: Final = 0x00280010
COLUMNS: Final = 0x00280011
TOTAL_PIXEL_MATRIX: Final = (0x00480006, 0x00480007)
BITS_ALLOCATED: Final = 0x00280100
BITS_STORED: Final = 0x00280101
HIGH_BIT: Final = 0x00280102
PIXEL_REPRESENTATION: Final = 0x00280103

_WHOLE_SLIDE: Final = "1.2.840.10008.5.1.4.1.1.77.1.6"
_MOST_TEXT: Final = 256
_NOT_LETTERS: Final = re.compile(r"[^A-Z0-9]")
_INTEGER: Final = re.compile(r"\s*([+-]?\d{1,10})")


class ImageAttributes:
    """The elements of one item, by tag.

    Args:
        item: node of the item (0 for the data set itself).
    """

    __slots__ = ("_item", "_nodes", "_reader", "_structure")

    def __init__(self, structure: Structure, item: int, reader: BufferedReader) -> None:
        self._structure = structure
        self._item = item
        self._reader = reader
        self._nodes: dict[int, int] = {}
        for node in structure.children(item):
            if not structure.kinds[node] & DROPPED:
                self._nodes.setdefault(structure.tags[node], node)

    def number(self, tag: int) -> int | None:
        """Value of a US element; None when it is missing or empty."""
        value = self.value(tag, 2)
        if len(value) < 2:
            return None
        is_big = self._structure.kinds[self._nodes[tag]] & BIG_ENDIAN
        return int.from_bytes(value, "big" if is_big else "little")

    def text(self, tag: int) -> str:
        """First value of a string element, ``""`` when it is missing."""
        return self.value(tag, _MOST_TEXT).split(b"\\", 1)[0].strip(b" \0").decode("latin-1")

    def value(self, tag: int, most: int) -> bytes:
        """Up to ``most`` bytes of an element's value; ``b""`` when it is missing."""
        node = self._nodes.get(tag)
        if node is None or self._structure.kinds[node] & KIND != ELEMENT:
            return b""
        return self._reader.read(self._structure.positions[node], min(most, self._structure.lengths[node]))

    def number_of_frames(self) -> int | None:
        """The Number of Frames; None when it is missing or not a number."""
        found = _INTEGER.match(self.text(NUMBER_OF_FRAMES))
        return int(found[1]) if found else None

    def image(self) -> Image:
        """The attributes for a codec.  Raises TranscodeError when one is missing or impossible."""
        photometric_interpretation = _NOT_LETTERS.sub("", self.text(PHOTOMETRIC_INTERPRETATION).upper())
        image = Image(
            rows=self._needed(ROWS, "Rows"),
            columns=self._needed(COLUMNS, "Columns"),
            samples=self._needed(SAMPLES, "Samples per Pixel"),
            bits_allocated=self._needed(BITS_ALLOCATED, "Bits Allocated"),
            bits_stored=self.number(BITS_STORED),
            high_bit=self.number(HIGH_BIT),
            is_signed=None if (sign := self.number(PIXEL_REPRESENTATION)) is None else sign != 0,
            photometric_interpretation=photometric_interpretation,
            planar_configuration=self.number(PLANAR_CONFIGURATION),
            sop_class_uid=self.text(SOP_CLASS_UID),
            is_tiled=self._is_tiled(),
        )
        if not image.rows or not image.columns:
            raise TranscodeError("Invalid tag", f"an image of {image.columns} x {image.rows} pixels")
        if not 1 <= image.samples <= 15:
            raise TranscodeError("Invalid tag", f"{image.samples} Samples per Pixel")
        return image

    def _is_tiled(self) -> bool:
        """Whether the frames are tiles of one picture.  Source: PS3.3 C.7.6.17.3, C.8.12.4."""
        return self.text(SOP_CLASS_UID) == _WHOLE_SLIDE or all(tag in self._nodes for tag in TOTAL_PIXEL_MATRIX)

    def _needed(self, tag: int, name: str) -> int:
        number = self.number(tag)
        if number is None:
            raise TranscodeError("Tag not found", f"{name} is missing")
        return number

    def change(self, tag: int, value: int | str) -> None:
        """Set a value: a number as US, a string as IS or CS; a missing element is added."""
        if isinstance(value, int):
            vr, encoded = "US", value.to_bytes(2, "little")
        else:
            vr, encoded = "IS" if tag == NUMBER_OF_FRAMES else "CS", value.encode("ascii")
            encoded += b" " * (len(encoded) % 2)
        node = self._nodes.get(tag)
        if node is None:
            self._nodes[tag] = self._structure.insert(self._item, tag, vr, len(encoded), lambda: iter((encoded,)))
        else:
            self._structure.replace(node, vr, len(encoded), lambda: iter((encoded,)))

    def drop(self, tag: int) -> None:
        """Leave this element out of the output."""
        node = self._nodes.pop(tag, None)
        if node is not None:
            self._structure.remove(node)
