"""The fields of each outcome, made once for all reports of a run."""

from __future__ import annotations

from typing import Any, Final

from dcmsend.dicom.character_set import decode_text
from dcmsend.dicom.tag import PATIENT_ID, PATIENT_NAME, SPECIFIC_CHARACTER_SET
from dcmsend.index import HeaderFacts, RejectedInput
from dcmsend.transfer import StoreOutcome

from .outcome_fields import INSTANCE_FIELDS, clean, outcome_fields, rejected_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .proof_table import ProofTable

__all__ = ["PATIENT_FIELDS", "FieldSource"]

PATIENT_FIELDS: Final = ("patient_name", "patient_id")
"""Fields that are only present when the user has asked for them (``--report-patient``)."""

_NOTHING: Final = HeaderFacts("", "")


class FieldSource:
    """Joins the fields of an outcome with the noted values of its data set; opens no file.

    Attributes:
        names: names of all fields, in order.
        with_patient: whether the patient's name and id are shown.
        proofs: fills while proofs come; None if reports show none.
    """

    def __init__(self, *, with_patient: bool = False, proofs: ProofTable | None = None) -> None:
        self.proofs = proofs
        self.with_patient = with_patient
        self._last: tuple[StoreOutcome, dict[str, Any]] | None = None
        self.names = INSTANCE_FIELDS + PATIENT_FIELDS if with_patient else INSTANCE_FIELDS

    def outcome(self, outcome: StoreOutcome) -> dict[str, Any]:
        """The fields of an outcome; they are made once, however many reports ask for them."""
        if self._last is not None and self._last[0] is outcome:
            return self._last[1]
        fields = outcome_fields(outcome)
        fields.update(self._header_fields(outcome.facts or outcome.instance.facts or _NOTHING))
        self._last = outcome, fields
        return fields

    def rejected(self, rejected: RejectedInput) -> dict[str, Any]:
        """The fields of a rejected input."""
        fields = rejected_fields(rejected)
        if self.with_patient:
            fields.update(dict.fromkeys(PATIENT_FIELDS))
        return fields

    def _header_fields(self, facts: HeaderFacts) -> dict[str, Any]:
        fields: dict[str, Any] = {"series_uid": facts.series_uid or None, "study_uid": facts.study_uid or None}
        if self.with_patient:
            values = dict(facts.others)
            character_set = values.get(SPECIFIC_CHARACTER_SET, b"")
            for name, tag in zip(PATIENT_FIELDS, (PATIENT_NAME, PATIENT_ID), strict=True):
                value = values.get(tag)
                fields[name] = None if value is None else clean(decode_text(value, character_set))
        return fields
