"""Which reports the user wants."""

from __future__ import annotations

from dcmsend.dicom.record import Record

__all__ = ["ReportOptions"]


class ReportOptions(Record):
    """Where reports go.

    Attributes:
        text_report: file for DCMTK's report, ``""`` for none (``+crf``).
        json_report: file for the run as one JSON object, ``-`` for standard output, ``""`` for none.
        jsonl_report: the same for one JSON object a line.
        csv_report: the same for one row an instance.
        command_line: the arguments as reports show them, without secrets.
    """

    text_report: str = ""
    json_report: str = ""
    jsonl_report: str = ""
    csv_report: str = ""
    command_line: tuple[str, ...] = ()
