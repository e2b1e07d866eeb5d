"""Values of a data set beside its SOP UIDs: study, series, and other elements that a run asks for."""

from __future__ import annotations

from collections.abc import Mapping

from dcmsend.dicom.tag import SERIES_INSTANCE_UID, STUDY_INSTANCE_UID
from dcmsend.dicom.value import Value
from dcmsend.dicom.vr import WHITE_SPACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["HeaderFacts", "facts_of"]

_LONGEST_UID: Final = 64


class HeaderFacts(Value):
    """Values of one data set; ``repr`` shows none of them, because they may identify a patient.

    Attributes:
        study_uid: (0020,000D) as it is sent, ``""`` if missing or longer than 64 characters.
        series_uid: (0020,000E), likewise.
        others: tags and values of the further elements that the run asks for, without padding, in their own encoding.
            Missing elements and those with more than 1024 bytes are left out.
    """

    __slots__ = ("others", "series_uid", "study_uid")

    def __init__(self, study_uid: str, series_uid: str, others: tuple[tuple[int, bytes], ...] = ()) -> None:
        self.study_uid: Final = study_uid
        self.series_uid: Final = series_uid
        self.others: Final = others

    def __repr__(self) -> str:
        return "<HeaderFacts>"


def facts_of(values: Mapping[int, bytes], others: frozenset[int] = frozenset()) -> HeaderFacts:
    """The facts from values by tag; ``others`` are the tags of further elements to include."""
    further = tuple([(tag, values[tag].rstrip(b"\0 ")) for tag in others if tag in values]) if others else ()
    return HeaderFacts(_uid(values.get(STUDY_INSTANCE_UID)), _uid(values.get(SERIES_INSTANCE_UID)), further)


def _uid(value: bytes | None) -> str:
    """The value without padding and white space, as it is sent (see ``WalkResult.uids``)."""
    if value is None:
        return ""
    value = value.translate(None, WHITE_SPACE).rstrip(b"\0")
    return value.decode("latin-1") if len(value) <= _LONGEST_UID else ""
