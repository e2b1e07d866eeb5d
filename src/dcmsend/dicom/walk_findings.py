"""The faults that the element walk finds, in words: repairs, warnings, and errors that end a walk.

The words are DCMTK's if DCMTK has any.
"""

from __future__ import annotations

from collections.abc import Callable

from dcmsend.errors import DataSetError

from .tag import format_tag
from .vr import VALUE_WIDTHS, vr_from_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, NoReturn

    from .data_dictionary import DataDictionary

__all__ = ["MAX_DEPTH", "WalkFindings", "found_twice"]

MAX_DEPTH: Final = 64
"""Deepest nesting of sequences; real objects stay below 10, and DCMTK's recursion would exhaust its stack."""

_MAX_NOTES: Final = 100
_FAULT: Final = 24


def found_twice(tag: int) -> str:
    """DCMTK's warning about an element that is left out, because its item has an earlier one with the same tag."""
    return f"DcmItem: Element {format_tag(tag)} found twice in one data set or item, ignoring second entry"


class WalkFindings:
    """The findings of one walk.

    Attributes:
        dictionary_source: makes the dictionary, which names elements.
        origin: position of the data set in its file, None if that is meaningless (inflated data).
        repairs: reasons why the data set has to be encoded anew, in order of appearance, each once.
        warnings: DCMTK's warnings, at most 100, and one that says that there are more; also at most 100 about items
            longer than their sequence.
        work: how many bytes have been walked, and ``_FAULT`` for each fault, which takes as long as that many bytes.
        claims: for items longer than their sequence, by depth: end taken, end claimed, warning.
    """

    __slots__ = (
        "_has_more", "_long_items", "_noted", "claims", "dictionary_source", "origin", "repairs", "warnings", "work",
    )

    def __init__(self, dictionary: Callable[[], DataDictionary] | None, origin: int | None) -> None:
        self.dictionary_source = dictionary
        self.origin = origin
        self.repairs: dict[str, None] = {}
        self.warnings: list[str] = []
        self.work = 0
        self.claims: dict[int, tuple[int, int, str]] = {}
        self._has_more = False
        self._noted: set[tuple[object, ...]] = set()
        self._long_items: set[int] = set()

    def at(self, position: int) -> str:
        """A position for a person: counted from the beginning of the file if the data set is not inflated."""
        return f"at {position} of the inflated data set" if self.origin is None else f"at {self.origin + position}"

    def repair(self, reason: str, warning: str | None = None) -> None:
        """Note that the data set has to be encoded anew."""
        self.work += _FAULT
        self.repairs[reason] = None
        if warning is not None:
            self.warn(warning)

    def warn(self, warning: str) -> None:
        self.work += _FAULT
        if len(self.warnings) < _MAX_NOTES:
            self.warnings.append(warning)
        elif not self._has_more:
            self._has_more = True
            self.warnings.append(f"more than {_MAX_NOTES} warnings about this data set: the others are not shown")

    def is_news(self, *key: object) -> bool:
        """Whether ``key`` has not been warned about yet, so that thousands of equal faults give one warning."""
        if key in self._noted or self._has_more:
            return False
        if len(self.warnings) < _MAX_NOTES:
            self._noted.add(key)
        return True

    def note_order(self, tag: int, previous: int) -> None:
        """Note an element whose tag is not greater than the one before."""
        is_twice = tag == previous
        self.repair("an element appears twice" if is_twice else "elements are not in ascending order")
        if not self.is_news("order", tag, is_twice):
            return
        if is_twice:
            self.warn(found_twice(tag))
        else:
            self.warn(f"DcmItem: Dataset not in ascending tag order, at element {format_tag(tag)}")

    def note_odd(self, tag: int, code: int, encoding_is_explicit: bool, little_endian: bool) -> None:
        vr = vr_from_code(code, little_endian=little_endian)
        if encoding_is_explicit and vr in VALUE_WIDTHS:
            self.warn(f"DcmItem: Length of element {format_tag(tag)} is not a multiple of {VALUE_WIDTHS[vr]} (VR={vr})")
        self.repair("an element has an odd length", f"DcmItem: Length of element {format_tag(tag)} is odd")

    def name(self, tag: int) -> str:
        """Keyword of a tag, for a warning."""
        return self.dictionary_source().keyword(tag) if self.dictionary_source is not None else "Unknown Tag & Data"

    def note_odd_item(self, tag: int) -> None:
        self.repair(
            "an item has an odd length",
            f"DcmSequenceOfItems: Length of item in sequence {self.name(tag)} {format_tag(tag)} is odd",
        )

    def note_long_item(self, depth: int, tag: int, start: int, length: int, sequence_end: int) -> int:
        """Note an item that reaches past the end of its sequence ``tag``; return where the item is taken to end.

        That is the end of the sequence, if an element ends there; see ``stretched``.  (DCMTK always believes the length
        of the item, so that the elements after the sequence become a part of it.)
        """
        warning = (
            f"DcmSequenceOfItems: Length of item in sequence {self.name(tag)} {format_tag(tag)} is larger than the "
            f"sequence, {self.at(start - 8)}"
        )
        self.repairs["a sequence has a wrong length"] = None
        if len(self._long_items) < _MAX_NOTES and start not in self._long_items:
            self._long_items.add(start)
            self.warnings.append(warning)  # beyond the limit, too: the bytes are divided differently
        if len(self.claims) > MAX_DEPTH:
            self.claims.clear()
        self.claims[depth] = max(start, sequence_end), start + length, warning
        return sequence_end if sequence_end > start else self.stretched(depth, start)

    def note_no_item(self, tag: int, position: int) -> None:
        """Note that the data set ends where an item of the sequence ``tag`` should be, without any value cut off."""
        self.repair("the data set ends inside a sequence")
        # Beyond the limit of warnings, too, as in ``note_long_item``: something is missing.
        self.warnings.append(f"the data set ends {self.at(position)}, where an item of {format_tag(tag)} should be")

    def stretched(self, depth: int, end: int) -> int:
        """The end that the item at this depth claims, if its ``end`` was taken from its sequence; otherwise 0.

        Called when no element ends where the item should end; then the item's own length counts.
        """
        claim = self.claims.get(depth)
        if claim is None or claim[0] != end:
            return 0
        del self.claims[depth]
        warning = claim[2]
        if warning in self.warnings:
            self.warnings[self.warnings.index(warning)] = f"{warning}; the sequence is made longer"
        return claim[1]

    def fail_voi_lut_sequence(self, start: int) -> NoReturn:
        raise DataSetError(
            "Illegal VOI LUT Sequence element with OB or OW Value Representation and explicit length encountered",
            f"value {self.at(start)}",
        )

    def fail_unfinished(self, tag: int, position: int) -> NoReturn:
        """Fail because the source ends where an item or the delimiter of the sequence ``tag`` should be."""
        raise DataSetError(
            "Sequence Delimitation Item missing", f"the data set ends {self.at(position)}, inside {format_tag(tag)}"
        )

    def fail_sequence(self, tag: int, position: int) -> NoReturn:
        """Fail because a sequence has something other than an item or the delimiter."""
        raise DataSetError(
            "Sequence Delimitation Item missing", f"{format_tag(tag)} {self.at(position)} instead of an item"
        )

    def fail_too_long(self, tag: int, start: int) -> NoReturn:
        raise DataSetError(
            "Length of element larger than explicit length of surrounding item",
            f"value of {format_tag(tag)} {self.at(start)}",
        )

    def fail_too_deep(self, tag: int, start: int) -> NoReturn:
        raise DataSetError(
            "Corrupted data", f"{format_tag(tag)} {self.at(start)}: sequences deeper than {MAX_DEPTH} levels"
        )
