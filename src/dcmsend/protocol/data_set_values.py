"""Small data sets of messages: reads a few values from a peer's data set, and encodes one of a few values.

Only Implicit and Explicit VR Little Endian, the only ones that are negotiated here.  Source: PS3.5 §7.1, §7.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct, error
from typing import TYPE_CHECKING, Final

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.dicom.tag import format_tag
from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, TransferSyntax
from dcmsend.dicom.walk import walk_data_set
from dcmsend.errors import DataSetError, LocalProtocolError, PeerDataSetError

if TYPE_CHECKING:
    from dcmsend.dicom.data_dictionary import DataDictionary

__all__ = [
    "MESSAGE_TRANSFER_SYNTAXES", "DataSetValues", "Element", "encode_data_set", "encode_uids", "read_values", "text_of",
    "uid_of_value",
]  # fmt: skip

MESSAGE_TRANSFER_SYNTAXES: Final = (IMPLICIT_VR_LITTLE_ENDIAN.uid, EXPLICIT_VR_LITTLE_ENDIAN.uid)
"""Transfer syntaxes that are proposed and accepted for messages with such a data set."""

MOST_PARTS: Final = 1 << 17
"""Most elements and items accepted, at any depth; a report of 20,000 instances has 60,000."""

_WHITE_SPACE: Final = b" \t\n\v\f\r"
_LONGEST_TEXT: Final = 64
_SYNTAXES: Final = {syntax.uid: syntax for syntax in (IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN)}
_IMPLICIT_HEADER: Final = Struct("<HHI")
_SHORT_HEADER: Final = Struct("<HH2sH")
_LONG_HEADER: Final = Struct("<HH2sxxI")

Element = tuple[int, str, "bytes | list[list[Element]]"]
"""Tag, VR and value; the value of a sequence is a list of items, each a list of elements in ascending order."""


class DataSetValues:
    """Raw values of a data set; of an element that appears twice, the first one.

    Attributes:
        values: values of the wanted top-level elements, by tag.
        items: wanted top-level sequences, by tag: for each item its values by tag.
    """

    __slots__ = ("items", "values")

    def __init__(self) -> None:
        self.values: dict[int, bytes] = {}
        self.items: dict[int, list[dict[int, bytes]]] = {}


def read_values(
    data: bytes, transfer_syntax_uid: str, wanted: Iterable[int], sequences: Mapping[int, frozenset[int]] | None = None
) -> DataSetValues:
    """Values of a peer's data set, all of which is walked and checked.

    Args:
        data: the whole data set.
        transfer_syntax_uid: one of MESSAGE_TRANSFER_SYNTAXES.
        wanted: tags of top-level elements.
        sequences: tags of top-level sequences, each with the wanted tags of its items.

    Raises PeerDataSetError when the data set is truncated or corrupt, has more than MOST_PARTS elements and items, or
    has another element in place of a sequence; LocalProtocolError for another transfer syntax.
    """
    collector = _Collector(data, frozenset(wanted), sequences or {})
    try:
        walk_data_set(BytesSource(data), _syntax(transfer_syntax_uid), dictionary=_dictionary, builder=collector)
    except DataSetError as fault:
        raise PeerDataSetError(fault.detail or fault.condition) from fault
    return collector.found


def _syntax(uid: str) -> TransferSyntax:
    syntax = _SYNTAXES.get(uid)
    if syntax is None:
        raise LocalProtocolError(f"no data set of a message is in transfer syntax {uid}")
    return syntax


def _dictionary() -> DataDictionary:
    from dcmsend.dicom.data_dictionary import default_dictionary

    return default_dictionary()


class _Collector:
    """Keeps the wanted values during the walk."""

    def __init__(self, data: bytes, wanted: frozenset[int], sequences: Mapping[int, frozenset[int]]) -> None:
        self.found = DataSetValues()
        self._data = data
        self._wanted = wanted
        self._sequences = sequences
        self._parts = 0
        self._depth = 0
        self._items: list[dict[int, bytes]] | None = None  # items of the wanted sequence that is being walked
        self._item: dict[int, bytes] = {}
        self._item_wanted: frozenset[int] = frozenset()

    def _count(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise PeerDataSetError(f"more than {MOST_PARTS} elements and items")

    def element(self, tag: int, vr: str, position: int, length: int) -> None:
        self._count()
        if not self._depth:
            if tag in self._wanted:
                self.found.values.setdefault(tag, self._data[position : position + length])
            elif length and tag in self._sequences:
                raise PeerDataSetError(f"{format_tag(tag)} is no sequence but has VR {vr}")
        elif self._depth == 1 and self._items is not None and tag in self._item_wanted:
            self._item.setdefault(tag, self._data[position : position + length])

    def begin_sequence(self, tag: int, implicit: bool) -> None:
        self._count()
        if not self._depth and tag in self._sequences and tag not in self.found.items:
            self._items = self.found.items[tag] = []
            self._item_wanted = self._sequences[tag]
        self._depth += 1

    def begin_item(self) -> None:
        self._count()
        if self._depth == 1 and self._items is not None:
            self._item = {}
            self._items.append(self._item)

    def end_item(self) -> None: ...

    def end_sequence(self) -> None:
        self._depth -= 1
        if not self._depth:
            self._items = None

    def begin_fragments(self, tag: int) -> None:
        self._count()

    def fragment(self, position: int, length: int) -> None:
        self._count()

    def end_fragments(self) -> None: ...


def uid_of_value(value: bytes | None) -> str:
    """The first UID in a value, without padding and white space; ``''`` if there is none."""
    first = (value or b"").split(b"\\", 1)[0].split(b"\0", 1)[0]
    return first.translate(None, _WHITE_SPACE).decode("latin-1")


def text_of(value: bytes | None) -> str:
    """A short text without padding, at most 64 characters, each byte read as Latin-1; ``''`` if there is none."""
    return (value or b"")[:_LONGEST_TEXT].strip(b"\0" + _WHITE_SPACE).decode("latin-1")


def encode_uids(*uids: str) -> bytes:
    """The value of a UI element; several UIDs form a list for matching (PS3.4 C.2.2.2.2)."""
    return "\\".join(uids).encode("latin-1", "replace")


def encode_data_set(elements: list[Element], transfer_syntax_uid: str) -> bytes:
    """A data set of elements in ascending order; sequences and items have defined lengths.

    Raises LocalProtocolError when a value is too long for its header, or for another transfer syntax.
    """
    try:
        return _encode(elements, is_implicit=_syntax(transfer_syntax_uid).is_implicit_vr)
    except error as fault:
        raise LocalProtocolError(f"a data set cannot be encoded: {fault}") from fault


def _encode(elements: list[Element], *, is_implicit: bool) -> bytes:
    parts: list[bytes] = []
    for tag, vr, content in elements:
        group, number = tag >> 16, tag & 0xFFFF
        if isinstance(content, bytes):
            value = content + (b"\0" if vr == "UI" else b" ") if len(content) & 1 else content
        else:
            items = [_encode(item, is_implicit=is_implicit) for item in content]
            value = b"".join([_IMPLICIT_HEADER.pack(0xFFFE, 0xE000, len(item)) + item for item in items])
        if is_implicit:
            header = _IMPLICIT_HEADER.pack(group, number, len(value))
        elif vr == "SQ":
            header = _LONG_HEADER.pack(group, number, b"SQ", len(value))
        else:
            header = _SHORT_HEADER.pack(group, number, vr.encode("ascii"), len(value))
        parts += (header, value)
    return b"".join(parts)
