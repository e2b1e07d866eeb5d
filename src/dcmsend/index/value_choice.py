"""Which instances are taken by the values of their elements (``--only``, ``--skip``)."""

from __future__ import annotations

import fnmatch
import re
import struct
from collections.abc import Iterable, Mapping
from typing import Final

from dcmsend.dicom.character_set import decode_text
from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.dicom.keyword import find_tag
from dcmsend.dicom.record import Record
from dcmsend.dicom.tag import SPECIFIC_CHARACTER_SET
from dcmsend.dicom.vr import STRING_VRS

__all__ = ["ValueChoice", "ValueRule", "needs_character_set"]

_NUMBERS: Final = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d", "xs": "H"}
_DIGITS: Final = {"f": range(6, 10), "d": range(15, 18)}
_WHOLE: Final = frozenset(("LT", "ST", "UR", "UT"))
"""Texts in which a backslash is a character."""
_OF_CHARACTER_SETS: Final = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UT", "UN"))
_BEYOND_ASCII: Final = re.compile(rb"[\x1b\x80-\xff]")
_PIXEL_REPRESENTATION: Final = 0x00280103
_WITHOUT_TEXT: Final = frozenset(("SQ", "OB", "OW", "OD", "OF", "OL", "OV", "ox", "px", "lt", "na"))


class ValueRule(Record):
    """One pattern for a value.  Raises ValueError for an element that is unknown or has no text or number.

    Attributes:
        element: keyword of PS3.6, such as ``Modality``, or tag, such as ``0008,0060``.
        pattern: shell pattern for a whole value: ``*`` is any text, ``?`` a character, ``[...]`` one of a set.
        takes: whether only instances with such a value are taken; otherwise these are left out.
    """

    element: str
    pattern: str
    takes: bool = True

    @property
    def tag(self) -> int:
        """Group and element."""
        tag = find_tag(self.element)
        assert tag is not None
        return tag

    def check(self) -> None:
        tag = find_tag(self.element)
        if tag is None:
            capitals = " (capital letters count: Modality, PatientID)" if self.element.islower() else ""
            raise ValueError(f"there is no element {self.element or '(without a name)'} of a data set{capitals}")
        if not tag >> 16 & 1 and default_dictionary().vr_of(tag) in _WITHOUT_TEXT:
            raise ValueError(f"{self.element} has no text or number to be compared")


_Element = tuple[str, bytes]
"""VR and value as they stand in a data set."""


class ValueChoice:
    """Decides by values.

    An instance is taken unless a rule leaves it out, if for each element for which there are rules that take others,
    one of them matches.  Of several values of an element any one may match; an element that is missing, or longer than
    1024 bytes, matches nothing.

    Attributes:
        tags: of the elements whose values are needed.
        decisive: of those that rules name, and of the one that tells the sign of others: each has to be found, or known
            to be missing.
    """

    def __init__(self, rules: Iterable[ValueRule]) -> None:
        self._only: Final[dict[int, list[re.Pattern[str]]]] = {}
        self._skip: Final[dict[int, list[re.Pattern[str]]]] = {}
        for rule in rules:
            table = self._only if rule.takes else self._skip
            table.setdefault(rule.tag, []).append(re.compile(fnmatch.translate(rule.pattern)))
        named = frozenset((*self._only, *self._skip))
        has_sign = any(default_dictionary().vr_of(tag) == "xs" for tag in named)
        self.decisive: Final = named | {_PIXEL_REPRESENTATION} if has_sign else named
        self.tags: Final = self.decisive | {SPECIFIC_CHARACTER_SET}

    def takes(self, elements: Mapping[int, _Element], *, is_little_endian: bool) -> bool:
        """Whether an instance with these elements is taken."""
        character_set = elements.get(SPECIFIC_CHARACTER_SET, ("CS", b""))[1]

        def matches(tag: int, patterns: list[re.Pattern[str]]) -> bool:
            found = elements.get(tag)
            if found is None:
                return False
            if found[0] == "xs" and _is_signed(elements):
                found = ("SS", found[1])
            values = _values_of(found, character_set, "<" if is_little_endian else ">")
            return any(pattern.match(value) is not None for pattern in patterns for value in values)

        return all(matches(*rule) for rule in self._only.items()) and not any(
            matches(*rule) for rule in self._skip.items()
        )


def _is_signed(elements: Mapping[int, _Element]) -> bool:
    """Whether pixel values have a sign; only asked where VRs do not stand in the data set, so in little endian."""
    return elements.get(_PIXEL_REPRESENTATION, ("US", b""))[1] == b"\1\0"


def needs_character_set(element: _Element) -> bool:
    """Whether the Specific Character Set tells what the text of an element is."""
    vr, value = element
    return vr in _OF_CHARACTER_SETS and _BEYOND_ASCII.search(value) is not None


def _values_of(element: _Element, character_set: bytes, order: str) -> list[str]:
    """The values of an element as text, without padding."""
    vr, value = element
    if not value:
        return [""]
    code = _NUMBERS.get(vr)
    if code is not None:
        count = len(value) // struct.calcsize(order + code)
        return [_number(number, code) for number in struct.unpack_from(f"{order}{count}{code}", value)]
    if vr == "AT":
        numbers = struct.unpack_from(f"{order}{len(value) // 4 * 2}H", value)
        return [f"{group:04X},{number:04X}" for group, number in zip(numbers[::2], numbers[1::2], strict=True)]
    if vr not in STRING_VRS and vr != "UN":
        return []
    value = value.rstrip(b"\0 ")
    text = decode_text(value, character_set) if vr in _OF_CHARACTER_SETS else value.decode("latin-1")
    return [text.rstrip()] if vr in _WHOLE else [each.strip(" \0") for each in text.split("\\")]


def _number(number: float, code: str) -> str:
    """A number with as few digits as tell it from all others of its kind, as a person writes it."""
    if code not in _DIGITS:
        return str(number)
    texts = (f"{number:.{digits}g}" for digits in _DIGITS[code])
    kind = struct.Struct(code)
    text = next((text for text in texts if kind.pack(float(text)) == kind.pack(number)), str(number))
    return f"{float(text):.15g}" if code == "f" else text  # with few digits, a million has an exponent already
