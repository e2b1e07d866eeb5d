"""The state of the element walk beside its loop: the window on the bytes, the findings, and every rare case."""

from __future__ import annotations

from collections.abc import Callable

from dcmsend.bases import Protocol
from dcmsend.errors import DataSetError
from dcmsend.reasons import Rejection

from .byte_source import ByteSource
from .tag import format_tag
from .vr import AMBIGUOUS_VRS, has_long_header, vr_code, vr_from_code
from .walk_findings import MAX_DEPTH, WalkFindings
from .walk_headers import HeadersByNoted
from .walk_notes import Notes
from .walk_vrs import UNKNOWN, WHITE_SPACE, ImplicitVRs, creator_name, implicit_vrs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, NoReturn

    from .data_dictionary import DataDictionary
    from .walk_headers import KnownHeaders

__all__ = ["MAX_DEPTH", "StructureBuilder", "WalkState"]

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

_MOST_RETRIES = 16 << 20
_FIRST_WINDOW = 16 * 1024
_LARGEST_WINDOW = 256 * 1024
_HEADER = 12
_MAX_CREATORS = 4096
_LO = vr_code("LO")
_IN_MEMORY = 4096
"""DCMTK reads values up to this length at once, and longer ones when it writes them; the conditions differ."""


_IMPOSSIBLE_VRS = {"na": "Invalid tag", "pi": "Item Delimitation Item missing"}
"""DCMTK's names for items and fragments; in a file they end its parsing."""


class StructureBuilder(Protocol):
    """Is told of everything that the walk meets, in the order of the bytes; positions count from its start."""

    def element(self, tag: int, vr: str, position: int, length: int) -> None:
        """An element that is not a sequence; its value lies at ``position``.  ``vr`` is ``??`` for an invalid VR."""

    def begin_sequence(self, tag: int, implicit: bool) -> None:
        """A sequence; with ``implicit`` its items are in Implicit VR Little Endian."""

    def begin_item(self) -> None: ...
    def end_item(self) -> None: ...
    def end_sequence(self) -> None: ...

    def begin_fragments(self, tag: int) -> None:
        """Encapsulated pixel data."""

    def fragment(self, position: int, length: int) -> None: ...
    def end_fragments(self) -> None: ...


class WalkState(WalkFindings):
    """The window, the findings, and the rare cases of one walk.

    Attributes:
        data, base, limit: bytes of the window, position of the first one, and last position at which a header surely
            lies within the window (after the end of the source it holds zeros).
        notes: values at top level; those of (0008,0016) and (0008,0018) always.
        pixel_data: position and length of the value of the top-level Pixel Data.
        is_encapsulated: whether there is encapsulated pixel data at any depth.
        allowance: how much ``work`` there may be; None for no limit.
        is_trial: whether the walk only tests if a part is readable.
        retries: how many bytes may still be walked for items that are longer than their sequence.
    """

    __slots__ = (
        "allowance", "base", "data", "is_encapsulated", "is_trial", "limit", "notes", "pixel_data", "retries",
        "size", "source", "source_end", "vrs",
    )

    def __init__(
        self,
        source: ByteSource,
        dictionary: Callable[[], DataDictionary] | None,
        origin: int | None = 0,
        allowance: Callable[[], int] | None = None,
        is_trial: bool = False,
        notes: Notes | None = None,
    ) -> None:
        super().__init__(dictionary, origin)
        self.source = source
        self.allowance = allowance
        self.is_trial = is_trial
        self.retries = _MOST_RETRIES
        self.data = b""
        self.base = 0
        self.limit = -1
        self.size = _FIRST_WINDOW
        self.source_end = -1  # set as soon as it is known
        self.notes = Notes() if notes is None else notes
        self.pixel_data: tuple[int, int] | None = None
        self.is_encapsulated = False
        self.vrs: ImplicitVRs | None = None

    # -- bytes

    def load(self, position: int, tag: int, start: int, length: int) -> int:
        """Move the window to ``position``; return the number of bytes there, 0 at the end of the source.

        ``tag``, ``start`` and ``length`` belong to the last element, whose value may turn out to be cut off here.
        """
        if start > self.base:
            self.work += start - self.base
        if self.allowance is not None and self.work > self.allowance():
            raise DataSetError("Invalid stream", f"too many elements for so few bytes, {self.at(position)}")
        if self.data and position < self.base + len(self.data) + _HEADER:
            self.size = min(self.size * 2, _LARGEST_WINDOW)  # adjacent windows mean many small elements
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
        """``load`` for an element header; returns False at the end of the source, DataSetError if the header is cut."""
        available = self.load(position, tag, start, length)
        if available >= _HEADER or not available:
            return available > 0
        needed = 8
        if explicit and available >= 8:
            group = int.from_bytes(self.data[:2], "little" if little_endian else "big")
            if group != 0xFFFE and has_long_header(self.data[4:6].decode("latin-1")):
                needed = 12
        if available < needed:
            raise DataSetError(PREMATURE, f"{available} stray bytes {self.at(position)}")
        return True

    def load_item(self, position: int, tag: int, start: int, length: int) -> bool:
        """``load`` for an item header; returns False at the end of the source, DataSetError if the header is cut."""
        available = self.load(position, tag, start, length)
        if 0 < available < 8:
            raise DataSetError(PREMATURE, f"{available} stray bytes {self.at(position)}")
        return available > 0

    def value(self, position: int, length: int, most: int = 4096) -> bytes:
        """Bytes of a value, at most ``most``; from the window if they are there."""
        length = min(length, most)
        offset = position - self.base
        if offset >= 0 and position + length <= self.limit + _HEADER:
            return self.data[offset : offset + length]
        return self.source.read_at(position, length)

    def fail_truncated(self, tag: int, start: int, length: int) -> NoReturn:
        """Fail because the value of the last element reaches past the end of the source."""
        is_loaded = length <= _IN_MEMORY and self.source.read_at(start, 1)
        condition = "Invalid stream" if is_loaded else PREMATURE
        raise DataSetError(condition, f"value of {format_tag(tag)} {self.at(start)} with length {length} is cut off")

    # -- findings

    def check_uid(self, tag: int, position: int, length: int) -> None:
        """Note white space in a UI value, which DCMTK removes."""
        value = self.value(position, length)
        if value.translate(None, WHITE_SPACE) != value:
            self.repair(
                "a UID contains white space",
                f"DcmUniqueIdentifier: Element {self.name(tag)} {format_tag(tag)} contains one or more space "
                "characters, which were removed",
            )

    def low_group(self, tag: int, position: int, length: int, *, has_value: bool) -> None:
        """Handle elements below group 0009: the two UIDs, and groups that do not belong in a data set.

        ``has_value`` says that it stands at top level, and is no sequence.
        """
        if tag in (0x00080016, 0x00080018):
            if has_value and tag not in self.notes.values:
                self.notes.values[tag] = self.value(position, length)
        elif tag >> 16 in (1, 2, 3, 5, 7):
            self.warn(f"DcmItem: Invalid Element {format_tag(tag)} found in data set")

    def note(self, tag: int, position: int, length: int) -> None:
        """Keep a value of a noted tag, if it is the first one."""
        if tag not in self.notes.values:
            self.notes.values[tag] = self.value(position, length)

    def note_rest(self, position: int) -> int:
        """Note what is lost behind an item delimiter at top level, where DCMTK stops reading; return its position."""
        if self.source.read_at(position + 8, 1):
            self.warnings.append(f"item delimiter {self.at(position)}, outside of any item: what follows is not sent")
        return position

    # -- VRs that the header does not tell

    def known_vrs(self) -> dict[int, int]:
        """VR numbers by tag, as far as they were looked up before; loads the dictionary."""
        if self.dictionary_source is None:
            return {}
        self.vrs = implicit_vrs(self.dictionary_source())
        return self.vrs.by_tag

    def known_headers(self) -> KnownHeaders:
        """Meanings of element headers in Implicit VR, known from the same dictionary; see ``walk``."""
        return (HeadersByNoted() if self.vrs is None else self.vrs.headers).of(self.notes.tags)

    def look_up(self, tag: int, position: int, length: int, creators: dict[int, str], previous: int) -> int:
        """VR number of an element in Implicit VR (see ``walk_vrs``); a private creator is remembered for its block.

        As in DCMTK a creator counts only if no greater tag and no creator of the same block stands before it.
        """
        if self.vrs is None:
            return UNKNOWN
        if not tag & 0x10000:
            return self.vrs.look_up(tag, None)
        element = tag & 0xFFFF
        if element > 0xFF:
            creator = creators.get((tag & 0xFFFF0000) | element >> 8)
            return UNKNOWN if creator is None or element < 0x1000 else self.vrs.look_up(tag, creator)
        if element < 0x10:
            return self.vrs.look_up(tag, None)
        if tag > previous and len(creators) < _MAX_CREATORS:
            creators[tag] = creator_name(self.value(position, length), length)
        return _LO

    def undefined_length(self, tag: int, code: int, little_endian: bool, explicit: bool) -> int:
        """The VR number for an element that has an undefined length but is not a sequence by its VR."""
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
        """Where the value lies, the VR to use, and the length, for a header whose two letters are not a VR."""
        letters = vr_from_code(code, little_endian=little_endian)
        is_long = has_long_header(letters)
        if letters in _IMPOSSIBLE_VRS:
            raise DataSetError(_IMPOSSIBLE_VRS[letters], f"VR {letters} {self.at(position)}")
        self.repair("an element has a non-standard VR")
        if self.is_news("VR", tag, letters):
            self.warn(
                "DcmItem: Non-standard VR '{}{}' ({:02x}\\{:02x}) encountered while parsing element {}, assuming {} "
                "byte length field".format(
                    *(c if ord(c) >= 32 else " " for c in letters), *map(ord, letters), format_tag(tag),
                    4 if is_long else 2,
                )
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
        """Check at the end that top-level Pixel Data is encapsulated if, and only if, the syntax is compressed."""
        if not is_encapsulated_syntax:
            if self.is_encapsulated:
                detail = "encapsulated Pixel Data in an uncompressed transfer syntax"
                raise DataSetError("DIMSE Failed to send message", detail, Rejection.ENCAPSULATED)
        elif self.pixel_data is not None and self.pixel_data[1] != UNDEFINED:
            raise DataSetError(
                "Pixel data in top level dataset in compressed Transfer Syntax uses explicit length",
                f"{self.pixel_data[1]} bytes {self.at(self.pixel_data[0])}",
            )

    def check_delimiter(self, tag: int, start: int, length: int, end: int) -> None:
        """Check an unexpected delimiter, or an item delimiter with a length, whose bytes DCMTK does not skip."""
        if start <= end < start + length and length != UNDEFINED:
            self.fail_too_long(tag, start)
        if tag != ITEM_DELIMITATION:
            condition = "Invalid tag" if tag == ITEM else "Item Delimitation Item missing"
            if tag == SEQUENCE_DELIMITATION and start > end:
                condition = "Sequence Delimitation Item occurred before Item was completely read"
            raise DataSetError(condition, f"{format_tag(tag)} {self.at(start - 8)} instead of an element")
        self.repair("a delimiter has a length")
