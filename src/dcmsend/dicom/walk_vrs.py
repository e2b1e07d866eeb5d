"""VRs of elements that do not name theirs (Implicit VR), and how far a dictionary is trusted.

Elements in DCMTK's dictionary are read as in DCMTK.  Our dictionary knows more elements, but may be wrong for a file:
vendors use a tag for a sequence in one product and for a JPEG stream in another.  So elements that only our dictionary
knows count as UN, as in DCMTK, unless an Explicit VR data set is written.  Then their VR is used if the value is
written unchanged under it, and a sequence is used if nothing in it needs a repair.

Source: PS3.5 7.8.1, PS3.6.
"""

from __future__ import annotations

from collections.abc import Callable

from .vr import STRING_VRS, VALUE_WIDTHS, WHITE_SPACE, vr_code, vr_from_code
from .walk_headers import HeadersByNoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from .data_dictionary import DataDictionary

__all__ = [
    "BEYOND_DCMTK", "UNKNOWN", "WHITE_SPACE", "ImplicitVRs", "creator_name", "implicit_vrs", "is_kept_under",
]

BEYOND_DCMTK: Final = 0x10000
"""Added to the number of a VR that only our dictionary knows."""

UNKNOWN: Final = vr_code("UN")
_MAX_CODES: Final = 16384
"""Bound, because files may hold any number of tags and creators; a dictionary has fewer."""
_SIZES: Final = {**VALUE_WIDTHS, "AT": 4}
_LONGEST_UIDS: Final = 4096
_BYTES: Final = ("OB", "ox")


class ImplicitVRs:
    """The results of look-ups in one dictionary, kept from one data set to the next.

    Attributes:
        by_tag: VR numbers of elements of the standard that DCMTK knows, too.
        headers: meanings of element headers; see ``walk_headers``.
    """

    __slots__ = ("_dictionary", "_private", "by_tag", "headers")

    def __init__(self, dictionary: DataDictionary) -> None:
        self._dictionary = dictionary
        self._private: dict[tuple[int, str | None], int] = {}
        self.by_tag: dict[int, int] = {}
        self.headers = HeadersByNoted()

    def look_up(self, tag: int, creator: str | None) -> int:
        """VR number of an element, with ``BEYOND_DCMTK`` where it applies; ``creator`` is that of a private element."""
        code = self._private.get((tag, creator))
        if code is not None:
            return code
        vr = self._dictionary.vr_of(tag, creator)
        code = vr_code(vr)
        if vr != "UN" and not self._dictionary.is_dcmtks(tag, creator):
            code |= BEYOND_DCMTK
        elif creator is None:
            if len(self.by_tag) < _MAX_CODES:
                self.by_tag[tag] = code
            return code
        if len(self._private) < _MAX_CODES:
            self._private[tag, creator] = code
        return code


def creator_name(value: bytes, length: int) -> str:
    """The name in a private creator of ``length`` bytes, as DCMTK compares it; ``value`` has at most the first 4096.

    Trailing blanks are dropped, and so is everything after a NUL.  DCMTK pads an odd length with a NUL before it
    removes trailing blanks, so blanks count there.
    """
    name, nul, _ = (value if length & 1 else value.rstrip(b" ")).partition(b"\0")
    return name.decode("latin-1") if nul or length <= len(value) else ""


_cached: tuple[DataDictionary, ImplicitVRs] | None = None


def implicit_vrs(dictionary: DataDictionary) -> ImplicitVRs:
    """The object for a dictionary; the same one as long as no other dictionary is used in between."""
    global _cached
    if _cached is None or _cached[0] is not dictionary:
        _cached = (dictionary, ImplicitVRs(dictionary))
    return _cached[1]


def is_kept_under(code: int, position: int, length: int, value: Callable[[int, int], bytes]) -> bool:
    """Whether a value can have this VR and is written unchanged under it.

    ``value`` returns bytes by position and length.  Padding beyond an even length would be removed, and so would white
    space in a UID.
    """
    vr = vr_from_code(code)
    if length & 1:
        return False
    if vr in _SIZES:
        return not length % _SIZES[vr]
    if vr == "UI":
        text = value(position, min(length, _LONGEST_UIDS))
        return length <= _LONGEST_UIDS and text.translate(None, WHITE_SPACE) == text and text[-2:] != b"\0\0"
    if vr in STRING_VRS:
        return not length or value(position + length - 2, 2) != b"  "
    return vr in _BYTES
