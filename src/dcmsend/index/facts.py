"""What a data set says of itself beside its SOP UIDs: study, series, and what else a run asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dcmsend.dicom.tag import SERIES_INSTANCE_UID, STUDY_INSTANCE_UID
from dcmsend.dicom.value import Value

__all__ = ["HeaderFacts", "facts_of"]

_LONGEST_UID: Final = 64


class HeaderFacts(Value):
    """Values of one data set; its representation shows none of them, for they may be a patient's.

    Attributes:
        study_uid: (0020,000D), ``""`` if missing or longer than 64 characters.
        series_uid: (0020,000E), likewise.
        others: tags and values of the further elements that the run asks for, without padding, in their own encoding;
            those that are missing, or have more than 1024 bytes, are left out.
    """

    __slots__ = ("others", "series_uid", "study_uid")

    def __init__(self, study_uid: str, series_uid: str, others: tuple[tuple[int, bytes], ...] = ()) -> None:
        self.study_uid: Final = study_uid
        self.series_uid: Final = series_uid
        self.others: Final = others

    def __repr__(self) -> str:
        return "<HeaderFacts>"


def facts_of(values: Mapping[int, bytes], others: frozenset[int] = frozenset()) -> HeaderFacts:
    """The facts in values by tag; ``others`` are the further tags that are wanted."""
    further = tuple([(tag, values[tag].rstrip(b"\0 ")) for tag in others if tag in values]) if others else ()
    return HeaderFacts(_uid(values.get(STUDY_INSTANCE_UID)), _uid(values.get(SERIES_INSTANCE_UID)), further)


def _uid(value: bytes | None) -> str:
    if value is None:
        return ""
    value = value.rstrip(b"\0 ")
    return value.decode("latin-1") if len(value) <= _LONGEST_UID else ""
