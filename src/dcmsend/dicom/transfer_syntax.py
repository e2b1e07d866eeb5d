"""Transfer syntaxes: the encodings of a data set.  Source: PS3.5 Annex A, PS3.6 Annex A."""

from __future__ import annotations

from .transfer_syntax_table import TRANSFER_SYNTAXES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN",
    "EXPLICIT_VR_BIG_ENDIAN",
    "EXPLICIT_VR_LITTLE_ENDIAN",
    "IMPLICIT_VR_LITTLE_ENDIAN",
    "TransferSyntax",
    "transfer_syntax",
]


class TransferSyntax:
    """One transfer syntax.

    There is one object for each known one.  Compare the UIDs where it may be unknown: then there may be several.

    Attributes:
        uid: the UID, without padding.
        name: DCMTK's display name, ``Unknown Transfer Syntax`` for a UID that is in no table.
        is_known: whether the UID is in our table (a superset of DCMTK 3.6.7's).
        is_implicit_vr: elements carry no VR.
        is_little_endian: whether the data set is little endian.
        is_deflated: the whole data set is a raw deflate stream.
        is_encapsulated: Pixel Data consists of fragments.
        is_lossy: what DCMTK counts as lossy (4.58, 4.65, 4.66, 4.91, 4.93 included); planning uses this.
        is_retired: retired from the standard; still sent.
    """

    __slots__ = (
        "is_deflated", "is_encapsulated", "is_implicit_vr", "is_known", "is_little_endian", "is_lossy", "is_native",
        "is_retired", "name", "uid",
    )

    def __init__(self, uid: str, name: str, flags: str, *, is_known: bool = True) -> None:
        self.uid: Final = uid
        self.name: Final = name
        self.is_known: Final = is_known
        self.is_implicit_vr: Final = "i" in flags
        self.is_little_endian: Final = "b" not in flags
        self.is_deflated: Final = "d" in flags
        self.is_encapsulated: Final = "e" in flags
        self.is_lossy: Final = "l" in flags
        self.is_retired: Final = "r" in flags
        self.is_native: Final = "n" in flags
        """Whether it is uncompressed: Implicit LE, Explicit LE or Explicit BE."""

    def __repr__(self) -> str:
        return f"TransferSyntax({self.uid!r}, {self.name!r})"

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return transfer_syntax, (self.uid,)


_cache: dict[str, TransferSyntax] = {}


def transfer_syntax(uid: str) -> TransferSyntax:
    """The transfer syntax with this UID; if no table has the UID, ``is_known`` is false.

    An unknown syntax is described as Explicit VR Little Endian with encapsulated pixel data; callers that parse data
    sets check ``is_known`` first.
    """
    found = _cache.get(uid)
    if found is None:
        row = TRANSFER_SYNTAXES.get(uid)
        if row is not None:
            found = TransferSyntax(uid, row[0], row[1])
        else:
            found = TransferSyntax(uid, "Unknown Transfer Syntax", "e", is_known=False)
        if row is not None or len(_cache) < 1024:  # bounded: a peer or a file may name any number of UIDs
            return _cache.setdefault(uid, found)  # another thread may have been faster
    return found


IMPLICIT_VR_LITTLE_ENDIAN: Final = transfer_syntax("1.2.840.10008.1.2")
EXPLICIT_VR_LITTLE_ENDIAN: Final = transfer_syntax("1.2.840.10008.1.2.1")
EXPLICIT_VR_BIG_ENDIAN: Final = transfer_syntax("1.2.840.10008.1.2.2")
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN: Final = transfer_syntax("1.2.840.10008.1.2.1.99")
