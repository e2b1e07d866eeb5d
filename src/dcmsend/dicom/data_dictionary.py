"""Data dictionary: the VR of data elements, for data sets that do not name it.  Source: PS3.6, PS3.5 section 7.8.

Searched in this order, as in DCMTK: single elements, then ranges, then elements that exist in every group (group
lengths, private creators).  Private elements are found by the name of their creator and the low byte of their
element number.

VRs that depend on other elements have DCMTK's two letters: ``xs`` US or SS, ``ox`` OB or OW, ``px`` the same for
Pixel Data, ``lt`` US, SS or OW of lookup tables; dictionary files may also say ``up``, an offset in a DICOMDIR.
Item tags have ``na``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["UNKNOWN_NAME", "DataDictionary", "DictionaryEntry", "TagRange", "default_dictionary"]

UNKNOWN_NAME = "Unknown Tag & Data"
"""DCMTK's name of an element that is in no dictionary."""

_RANGES_OF_OURS = (0xFFFFFF0F, 0xFFFF000F, 0xFFFF0000)
"""Masks of the repeating elements that DCMTK's dictionary has only as single ones."""

_MOST_CREATORS = 1024
"""Most creators whose elements are kept unpacked; a hostile file may name any number of creators."""


class TagRange:
    """First and last number; with ``parity`` only the odd (1) or even (0) numbers between them, None for all."""

    __slots__ = ("first", "last", "parity")

    def __init__(self, first: int, last: int, parity: int | None = None) -> None:
        self.first = first
        self.last = last
        self.parity = parity

    def __contains__(self, number: int) -> bool:
        return self.first <= number <= self.last and (self.parity is None or number & 1 == self.parity)

    def covers(self, other: TagRange) -> bool:
        """Whether the other range lies between first and last; parity does not matter here."""
        return self.first <= other.first and other.last <= self.last

    @property
    def is_single(self) -> bool:
        return self.first == self.last


class DictionaryEntry:
    """One element, or a range of elements, of a dictionary file.

    Attributes:
        groups, elements: the ranges of tags.
        private_creator: creator of the elements; None for those of the standard.
        vr: two letters.
        name: keyword.
    """

    __slots__ = ("elements", "groups", "name", "private_creator", "vr")

    def __init__(
        self, groups: TagRange, elements: TagRange, vr: str, name: str, private_creator: str | None = None
    ) -> None:
        self.groups = groups
        self.elements = elements
        self.private_creator = private_creator
        self.vr = vr
        self.name = name

    def contains(self, tag: int) -> bool:
        return tag >> 16 in self.groups and tag & 0xFFFF in self.elements

    def covers(self, other: DictionaryEntry) -> bool:
        """Whether the other entry's ranges lie inside this one's; the other entry is then searched first."""
        return (
            self.private_creator == other.private_creator
            and self.groups.covers(other.groups)
            and self.elements.covers(other.elements)
        )


class DataDictionary:
    """Knows the elements of the standard, those of known private creators, and those of added entries.

    Immutable for the caller; ``extended`` returns a new one.  The tables are unpacked group by group when a group is
    first asked for.  Threads may do that at the same time, because each writes the same values.
    """

    __slots__ = (
        "_added", "_added_ranges", "_loaded_groups", "_names", "_private", "_repeating", "_vrs", "_younger",
    )

    def __init__(self, entries: Iterable[DictionaryEntry] = ()) -> None:
        self._added: dict[tuple[int, str | None], DictionaryEntry] = {}
        self._added_ranges: list[DictionaryEntry] = []
        for entry in entries:
            self._add(entry)
        self._vrs = {tag: entry.vr for (tag, creator), entry in self._added.items() if creator is None}
        self._loaded_groups: set[int] = set()
        self._names: dict[int, str] = {}
        self._private: dict[str, dict[int, str]] = {}
        self._younger: set[int] = set()
        self._repeating: dict[int, dict[int, tuple[str, str]]] = {}

    def extended(self, entries: Iterable[DictionaryEntry]) -> DataDictionary:
        """A new dictionary with these entries, too; they replace existing ones, and later ones replace earlier ones."""
        return DataDictionary([*self._added.values(), *self._added_ranges, *entries])

    def vr_of(self, tag: int, private_creator: str | None = None) -> str:
        """Two letters, ``UN`` for an unknown element.

        ``private_creator`` is the value of (gggg,00bb) for (gggg,bbee); None for standard elements, for the creator
        elements themselves, and where the block has no creator.
        """
        if private_creator is None:
            return self._vrs.get(tag) or self._find(tag)[0] or "UN"
        return self._find_private(tag, private_creator)[0] or "UN"

    def is_dcmtks(self, tag: int, private_creator: str | None = None) -> bool:
        """Whether DCMTK 3.6.7 knows the same VR; it reads added entries as well.

        Elements that DCMTK does not know must not change how a file is read; see ``walk_vrs``.
        """
        if private_creator is not None:
            return self._added_private(tag, private_creator) is not None or self._is_confirmed(tag, private_creator)
        group = tag >> 16
        if group not in self._loaded_groups:
            self._load_group(group)
        if tag in self._vrs:
            return tag not in self._younger
        if any(entry.private_creator is None and entry.contains(tag) for entry in self._added_ranges):
            return True
        return not any(tag & mask in self._repeating[mask] for mask in _RANGES_OF_OURS)

    def is_known(self, tag: int) -> bool:
        """Whether the tag is in the dictionary, private creators ignored; group lengths always are."""
        return bool(self._vrs.get(tag) or self._find(tag)[0])

    def keyword(self, tag: int, private_creator: str | None = None) -> str:
        """DCMTK's name of the element, e.g. ``PatientName``, ``RETIRED_...``, ``PrivateCreator``.

        ``Unknown Tag & Data`` if there is none; private elements have names only if they were added.
        """
        if private_creator is not None:
            return self._find_private(tag, private_creator)[1] or UNKNOWN_NAME
        added = self._added.get((tag, None))
        if added is not None:
            return added.name
        name = self._find(tag)[1]
        if tag in self._vrs:
            if tag not in self._names:
                self._load_names(tag >> 16)
            name = self._names[tag]
        return name or UNKNOWN_NAME

    def _add(self, entry: DictionaryEntry) -> None:
        if entry.groups.is_single and entry.elements.is_single:
            self._added[entry.groups.first << 16 | entry.elements.first, entry.private_creator] = entry
            return
        ranges = self._added_ranges
        for position, present in enumerate(ranges):
            if present.covers(entry):
                ranges.insert(position, entry)
                return
        ranges.append(entry)

    def _find(self, tag: int) -> tuple[str, str]:
        """VR and name (the name only for ranges); two empty strings if the tag is unknown."""
        group = tag >> 16
        if group not in self._loaded_groups:
            self._load_group(group)
            vr = self._vrs.get(tag)
            if vr is not None:
                return vr, ""
        for entry in self._added_ranges:
            if entry.private_creator is None and entry.contains(tag):
                return entry.vr, entry.name
        if not group & 1:
            for mask, rows in self._repeating.items():
                found = rows.get(tag & mask)
                if found is not None:
                    return found
        return _of_every_group(group, tag & 0xFFFF)

    def _find_private(self, tag: int, creator: str) -> tuple[str, str]:
        """Search the whole element number before its low byte, and added entries before the built-in ones."""
        added = self._added_private(tag, creator)
        if added is not None:
            return added.vr, added.name
        masked = tag & 0xFFFF00FF
        vrs = self._private.get(creator)
        if vrs is None:
            vrs = self._load_creator(creator)
        return vrs.get(masked) or vrs.get(masked & 0xFF0000FF) or "", ""

    def _added_private(self, tag: int, creator: str) -> DictionaryEntry | None:
        if not (self._added or self._added_ranges):
            return None
        masked = tag & 0xFFFF00FF
        return (
            self._added.get((tag, creator))
            or self._added.get((masked, creator))
            or self._added_range(tag, creator)
            or self._added_range(masked, creator)
        )

    def _is_confirmed(self, tag: int, creator: str) -> bool:
        """Whether DCMTK has a private element, too; an element in neither dictionary counts as such."""
        from .private_dictionary_table import CONFIRMED_ELEMENTS

        found = self._find_private(tag, creator)[0]
        packed = CONFIRMED_ELEMENTS.get(creator) if found else None  # DCMTK compares the whole name
        if packed is None:
            return not found
        group, low_byte = tag >> 16, f"{tag & 0xFF:02X}"
        return any(
            low_byte in (part[start : start + 2] for start in range(5, len(part), 2))
            for part in packed.split(",")
            if int(part[:4], 16) in (group, group & 0xFF00)
        )

    def _added_range(self, tag: int, creator: str) -> DictionaryEntry | None:
        for entry in self._added_ranges:
            if entry.private_creator == creator and entry.contains(tag):
                return entry
        return None

    def _load_group(self, group: int) -> None:
        from .data_dictionary_table import DATA_ELEMENTS, REPEATING_ELEMENTS, YOUNGER_ELEMENTS

        younger = YOUNGER_ELEMENTS.get(group, "")
        for start in range(0, len(younger), 4):
            tag = group << 16 | int(younger[start : start + 4], 16)
            if tag not in self._vrs:
                self._younger.add(tag)
        for tag, vr in _unpacked(group, DATA_ELEMENTS.get(group, "")):
            self._vrs.setdefault(tag, vr)
        self._repeating = REPEATING_ELEMENTS
        self._loaded_groups.add(group)

    def _load_names(self, group: int) -> None:
        from .data_dictionary_table import DATA_ELEMENTS
        from .element_name_table import ELEMENT_NAMES

        tags = (tag for tag, _ in _unpacked(group, DATA_ELEMENTS[group]))
        self._names.update(zip(tags, ELEMENT_NAMES[group].split(" "), strict=True))

    def _load_creator(self, creator: str) -> dict[int, str]:
        from .private_dictionary_table import PRIVATE_ELEMENTS

        vrs: dict[int, str] = {}
        packed = PRIVATE_ELEMENTS.get(creator.strip(" \0"))
        for part in packed.split(",") if packed else ():
            group = int(part[:4], 16) << 16
            for start in range(5, len(part), 4):
                vrs[group | int(part[start : start + 2], 16)] = part[start + 2 : start + 4]
        if len(self._private) < _MOST_CREATORS:
            self._private[creator] = vrs
        return vrs


def _unpacked(group: int, packed: str) -> Iterator[tuple[int, str]]:
    for start in range(0, len(packed), 6):
        yield group << 16 | int(packed[start : start + 4], 16), packed[start + 4 : start + 6]


def _of_every_group(group: int, element: int) -> tuple[str, str]:
    """Group lengths and private creators.  Source: PS3.5 sections 7.2 and 7.8.1."""
    if not group & 1:
        return ("UL", "GenericGroupLength") if element == 0 else ("", "")
    legal = group > 8
    if element == 0:
        return "UL", "PrivateGroupLength" if legal else "IllegalGroupLength"
    if 0x10 <= element <= 0xFF:
        return "LO", "PrivateCreator" if legal else "IllegalPrivateCreator"
    return "", ""


_default: DataDictionary | None = None


def default_dictionary() -> DataDictionary:
    """The built-in dictionary; a single object, made at the first call."""
    global _default
    if _default is None:
        _default = DataDictionary()
    return _default
