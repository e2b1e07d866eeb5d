"""Counts instances by study for pages for people, with what tells a study to those who work with it."""

from __future__ import annotations

from typing import Any, Final

from dcmsend.dicom.character_set import decode_text
from dcmsend.dicom.tag import (
    ACCESSION_NUMBER,
    MODALITY,
    PATIENT_ID,
    PATIENT_NAME,
    SPECIFIC_CHARACTER_SET,
    STUDY_DATE,
)
from dcmsend.index import HeaderFacts

from .outcome_fields import clean

__all__ = ["StudyRows"]

_MOST_STUDIES: Final = 10_000
"""Most studies counted one by one; instances of further ones are counted as one row without a UID."""
_REJECTED: Final = "\0rejected"
"""The key of what cannot be sent; no UID has such characters."""
_MOST_VALUES: Final = 6
_LONGEST_VALUE: Final = 64
_SHOWN: Final = {
    "dates": STUDY_DATE, "modalities": MODALITY, "accessions": ACCESSION_NUMBER, "patients": PATIENT_NAME,
    "patient_ids": PATIENT_ID,
}  # fmt: skip


class StudyRows:
    """One row a study.  Its size grows with the number of studies, up to 10,000."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Any]] = {}
        self._last: tuple[HeaderFacts | None, dict[str, Any]] | None = None

    def add(self, facts: HeaderFacts | None, *, is_stored: bool, length: int = 0) -> None:
        """Count an instance with these facts, of which ``length`` bytes were sent."""
        if self._last is not None and self._last[0] == facts:
            row = self._last[1]
        else:
            row = self._row(clean(facts.study_uid) if facts is not None else "")
            if facts is not None and row["uid"]:
                _note(row, dict(facts.others))
            self._last = facts, row
        _count(row, is_stored=is_stored, length=length)

    def reject(self) -> None:
        """Count a file that cannot be sent, in a row of its own: of what study it is was never known."""
        row = self._rows.setdefault(_REJECTED, {**self.empty(""), "is_rejected": True})
        _count(row, is_stored=False, length=0)

    def affected(self) -> list[dict[str, Any]]:
        """The rows with instances that have not arrived, by date, unknown studies last."""
        rows = [row for row in self._rows.values() if row["missing"]]
        return sorted(
            rows,
            key=lambda row: (row["is_rejected"], not row["uid"], not row["dates"], row["dates"], -row["missing"]),
        )

    def all(self) -> list[dict[str, Any]]:
        """All rows, those with failures first, then by size."""
        return sorted(self._rows.values(), key=lambda row: (not row["missing"], -row["instances"]))

    def find(self, uid: str) -> dict[str, Any] | None:
        """The row of a study; None if no instance of it was counted."""
        return self._rows.get(uid)

    @staticmethod
    def empty(uid: str) -> dict[str, Any]:
        """The row of a study of which nothing was counted."""
        return {
            "uid": uid, "instances": 0, "stored": 0, "missing": 0, "bytes": 0, "is_rejected": False,
            **{name: [] for name in _SHOWN},
        }  # fmt: skip

    @classmethod
    def described(cls, uid: str, facts: HeaderFacts | None) -> dict[str, Any]:
        """The row of a study of which nothing was counted, with what ``facts`` of one of its instances tell."""
        row = cls.empty(uid)
        if facts is not None and facts.study_uid == uid:
            _note(row, dict(facts.others))
        return row

    def _row(self, uid: str) -> dict[str, Any]:
        if uid not in self._rows and len(self._rows) >= _MOST_STUDIES:
            uid = ""
        row = self._rows.get(uid)
        if row is None:
            row = self._rows[uid] = self.empty(uid)
        return row


def _count(row: dict[str, Any], *, is_stored: bool, length: int) -> None:
    row["instances"] += 1
    row["stored"] += is_stored
    row["missing"] += not is_stored
    row["bytes"] += length


def _note(row: dict[str, Any], values: dict[int, bytes]) -> None:
    """Add the values that the row does not have yet."""
    character_set = values.get(SPECIFIC_CHARACTER_SET, b"")
    for name, tag in _SHOWN.items():
        value = clean(decode_text(values.get(tag, b""), character_set))[:_LONGEST_VALUE]
        if tag == STUDY_DATE:
            value = _date(value)
        known = row[name]
        if value and value not in known and len(known) < _MOST_VALUES:
            known.append(value)


def _date(value: str) -> str:
    """``20260304`` as ``2026-03-04``."""
    if len(value) != len("20260304") or not (value.isascii() and value.isdigit()):
        return value
    return f"{value[:4]}-{value[4:6]}-{value[6:]}"
