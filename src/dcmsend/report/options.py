"""The options of reports."""

from __future__ import annotations

from dcmsend.dicom.record import FileName, Record
from dcmsend.dicom.tag import (
    ACCESSION_NUMBER,
    MODALITY,
    PATIENT_ID,
    PATIENT_NAME,
    SPECIFIC_CHARACTER_SET,
    STUDY_DATE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .resend import Resend

__all__ = ["STUDY_TAGS", "ReportOptions"]

_PATIENT = frozenset((SPECIFIC_CHARACTER_SET, PATIENT_NAME, PATIENT_ID))
STUDY_TAGS = frozenset((SPECIFIC_CHARACTER_SET, STUDY_DATE, MODALITY, ACCESSION_NUMBER))
"""What pages for people show of a study, beside its UID."""


class ReportOptions(Record):
    """Which reports are written, and where.

    Attributes:
        text_report: file for DCMTK's report, ``""`` for none (``+crf``).
        json_report: file for the run as one JSON object, ``-`` for standard output, ``""`` for none.
        jsonl_report: the same for one JSON object a line.
        csv_report: the same for one row an instance.
        html_report: the same for a page for people.
        metrics_file: file for metrics of Prometheus, ``""`` for none.
        with_patient: whether reports show the patient's name and id (``--report-patient``).
        with_proof: whether reports show what the archive has confirmed later; rows are then written at the end.
        command_line: the arguments as reports show them, without secrets.
        run_id: a UUID for the run; ``""`` to have one made.
        names: the names of our reports as they were written, if they had fields (``{date}``), so that those of
            earlier runs are recognised.
        resend: how the command sends what has not arrived, for the page for people; None without a command line.
        text_is_needed: nothing is sent if DCMTK's report cannot be written; DCMTK itself sends everything.
    """

    text_report: FileName = FileName()
    json_report: FileName = FileName()
    jsonl_report: FileName = FileName()
    csv_report: FileName = FileName()
    html_report: FileName = FileName()
    with_patient: bool = False
    with_proof: bool = False
    command_line: tuple[str, ...] = ()
    run_id: str = ""
    names: tuple[str, ...] = ()
    metrics_file: FileName = FileName()
    text_is_needed: bool = False
    resend: Resend | None = None

    def check(self) -> None:
        if self.with_patient and not self.for_programs:
            raise ValueError("ReportOptions: with_patient needs a report that shows the patient")

    @property
    def own_files(self) -> tuple[str, ...]:
        """The names of all reports beside DCMTK's that go to files."""
        paths = (self.json_report, self.jsonl_report, self.csv_report, self.html_report, self.metrics_file)
        return tuple(path for path in paths if path not in ("", "-"))

    @property
    def partial_report(self) -> str:
        """The name of what an incomplete run leaves of DCMTK's report, ``""`` without one."""
        return f"{self.text_report}.partial" if self.text_report else ""

    @property
    def written(self) -> tuple[str, ...]:
        """The names of the fields that have the name of a file."""
        return tuple(name for name, kind in self._kinds.items() if kind == FileName.__name__ and getattr(self, name))

    @property
    def for_programs(self) -> bool:
        """Whether any report beside DCMTK's is wanted."""
        return bool(self.json_report or self.jsonl_report or self.csv_report or self.html_report)

    @property
    def wanted_tags(self) -> frozenset[int] | None:
        """Tags of elements that reports show beside UIDs; None if no report shows any part of data sets."""
        if not self.for_programs:
            return None
        shown = STUDY_TAGS if self.html_report else frozenset()
        return shown | _PATIENT if self.with_patient else shown
