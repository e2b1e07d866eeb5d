"""The fields of each outcome, made once for all reports of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from dcmsend.index import (
    PATIENT_ID,
    PATIENT_NAME,
    SERIES_UID,
    SPECIFIC_CHARACTER_SET,
    STUDY_UID,
    Instance,
    RejectedInput,
    read_header,
)
from dcmsend.transfer import StoreOutcome

from .character_set import decode_text
from .outcome_fields import INSTANCE_FIELDS, clean, outcome_fields, rejected_fields

if TYPE_CHECKING:
    from dcmsend.dicom.data_dictionary import DataDictionary

__all__ = ["PATIENT_FIELDS", "FieldSource"]

PATIENT_FIELDS: Final = ("patient_name", "patient_id")
"""Fields that are only there when the user has asked for them (``--report-patient``)."""

_UIDS: Final = (STUDY_UID, SERIES_UID)
_PATIENT: Final = (SPECIFIC_CHARACTER_SET, PATIENT_NAME, PATIENT_ID)


class FieldSource:
    """Reads what reports tell beside the outcome from the beginning of each file.

    Attributes:
        names: all fields, in order.
    """

    def __init__(
        self, *, with_patient: bool = False, dictionary: Callable[[], DataDictionary] | None = None
    ) -> None:
        self._with_patient = with_patient
        self._dictionary = dictionary
        self._tags = _UIDS + _PATIENT if with_patient else _UIDS
        self._last: tuple[StoreOutcome, dict[str, Any]] | None = None
        self.names = INSTANCE_FIELDS + PATIENT_FIELDS if with_patient else INSTANCE_FIELDS

    def outcome(self, outcome: StoreOutcome) -> dict[str, Any]:
        """The fields of an outcome; whoever asks for the same one again gets the same ones."""
        if self._last is not None and self._last[0] is outcome:
            return self._last[1]
        fields = outcome_fields(outcome)
        fields.update(self._header_fields(outcome.instance))
        self._last = outcome, fields
        return fields

    def rejected(self, rejected: RejectedInput) -> dict[str, Any]:
        """The fields of an input that was not taken; nothing is read from it."""
        fields = rejected_fields(rejected)
        if self._with_patient:
            fields.update(dict.fromkeys(PATIENT_FIELDS))
        return fields

    def _header_fields(self, instance: Instance) -> dict[str, Any]:
        values = read_header(instance, self._tags, self._dictionary)
        fields = {
            "series_uid": _uid(values.get(SERIES_UID)),
            "study_uid": _uid(values.get(STUDY_UID)),
        }
        if self._with_patient:
            character_set = values.get(SPECIFIC_CHARACTER_SET, b"")
            for name, tag in zip(PATIENT_FIELDS, (PATIENT_NAME, PATIENT_ID), strict=True):
                value = values.get(tag)
                fields[name] = None if value is None else clean(decode_text(value, character_set))
        return fields


def _uid(value: bytes | None) -> str | None:
    return value.decode("latin-1") if value and len(value) <= 64 else None
