"""Value representations and their layout.  Source: PS3.5 6.2, 7.1.2; DCMTK for the names of ambiguous VRs.

Inside the walk a VR is the 16-bit number that its two letters form in the byte order of the data set, because a
``struct`` call yields that number; everywhere else it is a two-letter string.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "AMBIGUOUS_VRS",
    "LONG_VRS",
    "SHORT_VRS",
    "STRING_VRS",
    "VALUE_WIDTHS",
    "WHITE_SPACE",
    "has_long_header",
    "is_standard",
    "vr_code",
    "vr_from_code",
]

SHORT_VRS: Final = (
    "AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI",
    "UL", "US",
)
"""VRs with an Explicit VR header of 8 bytes and a 16-bit length."""

WHITE_SPACE: Final = b" \t\n\v\f\r"
"""What has no place in a UID; DCMTK removes it from what it sends."""

LONG_VRS: Final = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
"""VRs with an Explicit VR header of 12 bytes and a 32-bit length."""

AMBIGUOUS_VRS: Final = ("lt", "ox", "px", "up", "xs")
"""A dictionary's names for VRs that depend on other elements: US/SS/OW, OB/OW, OB/OW of pixels, UL offset, US/SS."""

STRING_VRS: Final = frozenset(
    ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT")
)

VALUE_WIDTHS: Final = {
    "AT": 2, "FD": 8, "FL": 4, "OD": 8, "OF": 4, "OL": 4, "OV": 8, "OW": 2, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2,
    "UV": 8, "lt": 2, "up": 4, "xs": 2,
}
"""Width of the units in which bytes are swapped when the byte order changes; 1 for a VR that is not listed."""

_INTERNAL_LONG: Final = ("ox", "px", "lt")
"""Names that are valid inside DCMTK only; in a file it takes them for a VR with a 32-bit length."""


def is_standard(vr: str) -> bool:
    """Whether the standard defines this VR."""
    return vr in SHORT_VRS or vr in LONG_VRS


def has_long_header(vr: str) -> bool:
    """Whether an Explicit VR element with these two letters has a 12-byte header.

    Two upper-case letters that are not a VR are taken for a future VR, and all of those have 32-bit lengths.  Any other
    two bytes mean a 16-bit length.  Source: PS3.5 6.2, DCMTK's reading of unknown VRs.
    """
    if vr in SHORT_VRS:
        return False
    return vr in LONG_VRS or vr in _INTERNAL_LONG or ("A" <= vr[0] <= "Z" and "A" <= vr[1] <= "Z")


def vr_code(vr: str, *, little_endian: bool = True) -> int:
    """The number that the two letters form in a data set of this byte order."""
    return int.from_bytes(vr.encode("latin-1"), "little" if little_endian else "big")


def vr_from_code(code: int, *, little_endian: bool = True) -> str:
    """The two letters for a number of ``vr_code`` (any two bytes, as Latin-1 characters)."""
    return code.to_bytes(2, "little" if little_endian else "big").decode("latin-1")
