"""What the element walk keeps beside its loop: the window on the bytes, what it found, and every rare case."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

from dcmsend.errors import DataSetError

from .byte_source import ByteSource
from .tag import format_tag
from .vr import AMBIGUOUS_VRS, VALUE_WIDTHS, has_long_header, vr_code, vr_from_code

if TYPE_CHECKING:
    from .data_dictionary import DataDictionary
    from .walk_encoding import Headers

__all__ = ["MAX_DEPTH", "WHITE_SPACE", "StructureBuilder", "WalkState"]

MAX_DEPTH: Final = 64
"""Sequences inside sequences; real objects stay below 10, and DCMTK would recurse until its stack ends."""

UNDEFINED: Final = 0xFFFFFFFF
ITEM: Final = 0xFFFEE000
ITEM_DELIMITATION: Final = 0xFFFEE00D
SEQUENCE_DELIMITATION: Final = 0xFFFEE0DD
PIXEL_DATA: Final = 0x7FE00010
VOI_LUT_SEQUENCE: Final = 0x00283010
TRAILING_PADDING: Final = 0xFFFCFFFC
DELIMITERS: Final = frozenset((ITEM, ITEM_DELIMITATION, SEQUENCE_DELIMITATION))

SEQUENCE: Final = 1
IMPLICIT_SEQUENCE: Final = 2
FRAGMENTS: Final = 3

PREMATURE: Final = "I/O suspension or premature end of stream"

_FIRST_WINDOW = 16 * 1024
_LARGEST_WINDOW = 256 * 1024
_HEADER = 12
_MAX_CREATORS = 4096
_MAX_CODES = 16384
"""Files may hold any number of tags and creators; those of a dictionary are fewer."""
_LO = vr_code("LO")
_UN = vr_code("UN")
_MAX_NOTES = 100
WHITE_SPACE: Final = b" \t\n\v\f\r"
_IN_MEMORY = 4096
"""DCMTK reads values up to this length at once, and longer ones when they are written; its conditions differ."""


_IMPOSSIBLE_VRS = {"na": "Invalid tag", "pi": "Item Delimitation Item missing"}
"""Names of DCMTK for items and for fragments; found in a file they end its parsing."""


class StructureBuilder(Protocol):
    """Told of everything that the walk meets, in the order of the bytes; positions count from the data set's start."""

    def element(self, tag: int, vr: str, position: int, length: int) -> None:
        """An element that is no sequence; its value lies at ``position``.  ``??`` stands for a VR that is none."""

    def begin_sequence(self, tag: int, implicit: bool) -> None:
        """A sequence; with ``implicit`` its items are in Implicit VR Little Endian."""

    def begin_item(self) -> None: ...
    def end_item(self) -> None: ...
    def end_sequence(self) -> None: ...

    def begin_fragments(self, tag: int) -> None:
        """Encapsulated pixel data."""

    def fragment(self, position: int, length: int) -> None: ...
    def end_fragments(self) -> None: ...


class WalkState:
    """The window, the findings, and the rare cases of one walk.

    Attributes:
        data, base, limit: bytes of the window, position of its first one, last position at which a header surely lies
            within it (bytes behind the end of the source are zeros then).
        repairs: reasons why the data set has to be written anew, in order of appearance, each once.
        warnings: what DCMTK would log as a warning, at most 100.
        uids: values of (0008,0016) and (0008,0018) at top level.
        pixel_data: position and length of the value of the top-level Pixel Data.
        is_encapsulated: whether there is encapsulated pixel data at any depth.
    """

    __slots__ = (
        "base", "data", "dictionary_source", "is_encapsulated", "limit", "pixel_data", "private_codes", "repairs",
        "size", "source", "source_end", "uids", "vr_codes", "warnings",
    )

    def __init__(self, source: ByteSource, dictionary: Callable[[], DataDictionary] | None) -> None:
        self.source = source
        self.dictionary_source = dictionary
        self.data = b""
        self.base = 0
        self.limit = -1
        self.size = _FIRST_WINDOW
        self.source_end = -1  # as soon as it is known
        self.repairs: dict[str, None] = {}
        self.warnings: list[str] = []
        self.uids: dict[int, bytes] = {}
        self.pixel_data: tuple[int, int] | None = None
        self.is_encapsulated = False
        self.vr_codes: dict[int, int] | None = None
        self.private_codes: dict[tuple[int, str], int] = {}

    # -- bytes

    def load(self, position: int, tag: int, start: int, length: int) -> int:
        """Move the window to ``position``; the number of bytes there, 0 at the end of the source.

        ``tag``, ``start`` and ``length`` are those of the last element: that its value is cut off shows here.
        """
        if self.data and position < self.base + len(self.data) + _HEADER:
            self.size = min(self.size * 2, _LARGEST_WINDOW)  # one window after the other: many small elements
        data = b"" if position == self.source_end else self.source.read_at(position, self.size)
        available = len(data)
        if 0 < available < self.size:
            self.source_end = position + available
        if available < _HEADER:
            is_beyond = not available and position and position != self.source_end
            if is_beyond and not self.source.read_at(position - 1, 1):
                self.fail_truncated(tag, start, length)
            data += bytes(_HEADER)
            self.limit = position
        else:
            self.limit = position + available - _HEADER
        self.data = data
        self.base = position
        return available

    def load_element(
        self, position: int, explicit: bool, little_endian: bool, tag: int, start: int, length: int
    ) -> bool:
        """``load`` for an element header: false at the end of the source, DataSetError if it is cut off there."""
        available = self.load(position, tag, start, length)
        if available >= _HEADER or not available:
            return available > 0
        needed = 8
        if explicit and available >= 8:
            group = int.from_bytes(self.data[:2], "little" if little_endian else "big")
            if group != 0xFFFE and has_long_header(self.data[4:6].decode("latin-1")):
                needed = 12
        if available < needed:
            raise DataSetError(PREMATURE, f"{available} stray bytes at {position}")
        return True

    def load_item(self, position: int, tag: int, start: int, length: int) -> bool:
        """``load`` for an item header: false at the end of the source, DataSetError if it is cut off there."""
        available = self.load(position, tag, start, length)
        if 0 < available < 8:
            raise DataSetError(PREMATURE, f"{available} stray bytes at {position}")
        return available > 0

    def value(self, position: int, length: int, most: int = 4096) -> bytes:
        """Bytes of a value, at most ``most``; from the window if they are there."""
        length = min(length, most)
        offset = position - self.base
        if offset >= 0 and position + length <= self.limit + _HEADER:
            return self.data[offset : offset + length]
        return self.source.read_at(position, length)

    def fail_truncated(self, tag: int, start: int, length: int) -> NoReturn:
        """The value of the last element reaches past the end of the source."""
        is_loaded = length <= _IN_MEMORY and self.source.read_at(start, 1)
        condition = "Invalid stream" if is_loaded else PREMATURE
        raise DataSetError(condition, f"value of {format_tag(tag)} at {start} with length {length} is cut off")

    # -- findings

    def repair(self, reason: str, warning: str | None = None) -> None:
        """Note that the data set has to be written anew."""
        self.repairs[reason] = None
        if warning is not None:
            self.warn(warning)

    def warn(self, warning: str) -> None:
        if len(self.warnings) < _MAX_NOTES:
            self.warnings.append(warning)

    def note_order(self, tag: int, previous: int) -> None:
        """An element that is not greater than the one before."""
        if tag == previous:
            self.repair(
                "an element appears twice",
                f"DcmItem: Element {format_tag(tag)} found twice in one data set or item, ignoring second entry",
            )
        else:
            self.repair(
                "elements are not in ascending order",
                f"DcmItem: Dataset not in ascending tag order, at element {format_tag(tag)}",
            )

    def note_odd(self, tag: int, code: int, encoding_is_explicit: bool, little_endian: bool) -> None:
        vr = vr_from_code(code, little_endian=little_endian)
        if encoding_is_explicit and vr in VALUE_WIDTHS:
            self.warn(f"DcmItem: Length of element {format_tag(tag)} is not a multiple of {VALUE_WIDTHS[vr]} (VR={vr})")
        self.repair("an element has an odd length", f"DcmItem: Length of element {format_tag(tag)} is odd")

    def check_uid(self, tag: int, position: int, length: int) -> None:
        """White space in a UI value is removed by DCMTK."""
        value = self.value(position, length)
        if value.translate(None, WHITE_SPACE) != value:
            self.repair(
                "a UID contains white space",
                f"DcmUniqueIdentifier: Element {self.name(tag)} {format_tag(tag)} contains one or more space "
                "characters, which were removed",
            )

    def name(self, tag: int) -> str:
        """Keyword of a tag, for a warning."""
        return self.dictionary_source().keyword(tag) if self.dictionary_source is not None else "Unknown Tag & Data"

    def low_group(self, tag: int, position: int, length: int, depth: int) -> None:
        """Elements below group 0009: the two UIDs, and groups that do not belong in a data set."""
        if tag in (0x00080016, 0x00080018):
            if not depth and tag not in self.uids:
                self.uids[tag] = self.value(position, length)
        elif tag >> 16 in (1, 2, 3, 5, 7):
            self.warn(f"DcmItem: Invalid Element {format_tag(tag)} found in data set")

    # -- VRs that the header does not tell

    def known_vrs(self) -> dict[int, int]:
        """VR numbers by tag, as far as they were looked up before; loads the dictionary."""
        if self.dictionary_source is None:
            return {}
        if self.vr_codes is None:
            self.vr_codes, self.private_codes, _headers = _codes_of(self.dictionary_source())
        return self.vr_codes

    def known_headers(self) -> Headers:
        """Meanings of element headers in Implicit VR, found before with the same dictionary; see ``walk``."""
        return {} if self.dictionary_source is None else _codes_of(self.dictionary_source())[2]

    def look_up(self, tag: int, position: int, length: int, creators: dict[int, str]) -> int:
        """VR number of an element in Implicit VR; a private creator is remembered for its block.

        Source: PS3.5 7.8.1, PS3.6.
        """
        if self.dictionary_source is None:
            return _UN
        element = tag & 0xFFFF
        if tag & 0x10000 and element > 0xFF:
            creator = creators.get((tag & 0xFFFF0000) | element >> 8)
            if creator is None or element < 0x1000:
                return _UN
            code = self.private_codes.get((tag, creator))
            if code is None:
                code = vr_code(self.dictionary_source().vr_of(tag, creator))
                if len(self.private_codes) < _MAX_CODES:
                    self.private_codes[tag, creator] = code
            return code
        if tag & 0x10000 and element >= 0x10:
            if len(creators) < _MAX_CREATORS:
                creators[tag] = self.value(position, length, 64).strip(b" \0").decode("latin-1")
            return _LO
        codes = self.known_vrs()
        code = vr_code(self.dictionary_source().vr_of(tag))
        if len(codes) < _MAX_CODES:
            codes[tag] = code
        return code

    def undefined_length(self, tag: int, code: int, little_endian: bool, explicit: bool) -> int:
        """What an element that is no sequence by its VR is when it has an undefined length."""
        vr = vr_from_code(code, little_endian=little_endian)
        if (tag == PIXEL_DATA and vr in ("OB", "OW", "ox")) or vr == "px":
            self.is_encapsulated = True
            return FRAGMENTS
        if vr in ("UN", "??"):
            self.warn(
                f"Found element {format_tag(tag)} with VR UN and undefined length, "
                "reading a sequence with transfer syntax LittleEndianImplicit (CP-246)"
            )
            return IMPLICIT_SEQUENCE
        if vr in ("OB", "OW") and tag & 0xFF01FFFF != 0x60003000:
            raise DataSetError(
                "Illegal element with OB or OW Value Representation and undefined length encountered", format_tag(tag)
            )
        raise DataSetError(PREMATURE, f"{format_tag(tag)} with VR {vr} and undefined length")

    # -- rare element headers

    def unusual_vr(self, tag: int, code: int, length: int, position: int, little_endian: bool) -> tuple[int, int, int]:
        """Where the value lies, the VR to take it for, and its length, for a header with two letters that are no VR."""
        letters = vr_from_code(code, little_endian=little_endian)
        is_long = has_long_header(letters)
        if letters in _IMPOSSIBLE_VRS:
            raise DataSetError(_IMPOSSIBLE_VRS[letters], f"VR {letters} at {position}")
        self.repair(
            "an element has a non-standard VR",
            "DcmItem: Non-standard VR '{}{}' ({:02x}\\{:02x}) encountered while parsing element {}, assuming {} byte "
            "length field".format(
                *(c if ord(c) >= 32 else " " for c in letters), *map(ord, letters), format_tag(tag), 4 if is_long else 2
            ),
        )
        if letters == "OX" and tag == PIXEL_DATA:
            code = vr_code("OW", little_endian=little_endian)
        elif letters not in AMBIGUOUS_VRS:
            code = vr_code("??", little_endian=little_endian)
        if not is_long:
            return position + 8, code, length
        field = self.data[position - self.base + 8 : position - self.base + 12]
        return position + 12, code, int.from_bytes(field, "little" if little_endian else "big")

    def check_pixel_data(self, is_encapsulated_syntax: bool) -> None:
        """At the end: top-level Pixel Data of a compressed data set has to be encapsulated, and no other may be."""
        if not is_encapsulated_syntax:
            if self.is_encapsulated:
                raise DataSetError(
                    "DIMSE Failed to send message", "encapsulated Pixel Data in an uncompressed transfer syntax"
                )
        elif self.pixel_data is not None and self.pixel_data[1] != UNDEFINED:
            raise DataSetError(
                "Pixel data in top level dataset in compressed Transfer Syntax uses explicit length",
                "{1} bytes at {0}".format(*self.pixel_data),
            )

    def note_odd_item(self, tag: int) -> None:
        self.repair(
            "an item has an odd length",
            f"DcmSequenceOfItems: Length of item in sequence {self.name(tag)} {format_tag(tag)} is odd",
        )

    def fail_voi_lut_sequence(self, start: int) -> NoReturn:
        raise DataSetError(
            "Illegal VOI LUT Sequence element with OB or OW Value Representation and explicit length encountered",
            f"value at {start}",
        )

    def check_delimiter(self, tag: int, start: int, length: int, end: int) -> None:
        """A delimiter that is no item delimiter, or has a length: DCMTK does not skip that many bytes."""
        if start <= end < start + length and length != UNDEFINED:
            self.fail_too_long(tag, start)
        if tag != ITEM_DELIMITATION:
            condition = "Invalid tag" if tag == ITEM else "Item Delimitation Item missing"
            if tag == SEQUENCE_DELIMITATION and start > end:
                condition = "Sequence Delimitation Item occurred before Item was completely read"
            raise DataSetError(condition, f"{format_tag(tag)} at {start - 8} instead of an element")
        self.repair("a delimiter has a length")

    def fail_sequence(self, tag: int, position: int) -> NoReturn:
        """Something else than an item or the delimiter in a sequence."""
        raise DataSetError("Sequence Delimitation Item missing", f"{format_tag(tag)} at {position} instead of an item")

    def fail_too_long(self, tag: int, start: int) -> NoReturn:
        raise DataSetError(
            "Length of element larger than explicit length of surrounding item",
            f"value of {format_tag(tag)} at {start}",
        )

    def fail_too_deep(self, tag: int, start: int) -> NoReturn:
        raise DataSetError("Corrupted data", f"{format_tag(tag)} at {start}: sequences deeper than {MAX_DEPTH} levels")


_Codes = tuple[dict[int, int], dict[tuple[int, str], int], "Headers"]
_cached_codes: tuple[DataDictionary, _Codes] | None = None


def _codes_of(dictionary: DataDictionary) -> _Codes:
    """What was found with this dictionary: VR numbers by tag, of private elements by tag and creator, and headers."""
    global _cached_codes
    if _cached_codes is None or _cached_codes[0] is not dictionary:
        _cached_codes = (dictionary, ({}, {}, {}))
    return _cached_codes[1]
