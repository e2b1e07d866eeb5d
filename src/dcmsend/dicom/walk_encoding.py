"""The three native encodings, as the element walk needs them.  Source: PS3.5 7.1, 7.3."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct, pack

from .vr import AMBIGUOUS_VRS, LONG_VRS, SHORT_VRS, vr_code
from .walk_headers import HeadersByNoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["EXPLICIT_BIG", "EXPLICIT_LITTLE", "IMPLICIT", "Encoding", "UnpackItem"]

UnpackElement = Callable[[bytes, int], tuple[int, int, int, int]]
"""Group, element, VR and 16-bit length of the header at a place in the bytes."""
UnpackItem = Callable[[bytes, int], tuple[int, int, int]]
"""Group, element and 32-bit length."""
UnpackLength = Callable[[bytes, int], tuple[int]]


class Encoding:
    """Unpackers and VR numbers of one of the three native encodings."""

    __slots__ = (
        "bytes_or_words", "headers", "is_explicit", "is_little", "long", "names", "sequence", "sequence_delimiter",
        "short", "uid", "unpack_element", "unpack_item", "unpack_length",
    )

    def __init__(self, is_explicit: bool, is_little: bool) -> None:
        order = "<" if is_little else ">"
        self.is_explicit = is_explicit
        self.is_little = is_little
        self.unpack_element: UnpackElement = Struct(order + "HHHH").unpack_from
        self.unpack_item: UnpackItem = Struct(order + "HHL").unpack_from
        self.unpack_length: UnpackLength = Struct(order + "L").unpack_from
        self.short = frozenset(vr_code(vr, little_endian=is_little) for vr in SHORT_VRS)
        self.long = frozenset(vr_code(vr, little_endian=is_little) for vr in LONG_VRS)
        self.sequence = vr_code("SQ", little_endian=is_little)
        self.uid = vr_code("UI", little_endian=is_little)
        self.bytes_or_words = frozenset(vr_code(vr, little_endian=is_little) for vr in ("OB", "OW"))
        self.sequence_delimiter = pack(order + "HHL", 0xFFFE, 0xE0DD, 0)
        self.headers = HeadersByNoted()
        known = (*SHORT_VRS, *LONG_VRS, *AMBIGUOUS_VRS)
        self.names = {vr_code(vr, little_endian=is_little): vr for vr in known}


IMPLICIT: Final = Encoding(False, True)
EXPLICIT_LITTLE: Final = Encoding(True, True)
EXPLICIT_BIG: Final = Encoding(True, False)
