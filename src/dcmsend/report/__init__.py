"""Reports and progress, for people and programs."""

from __future__ import annotations

from .options import STUDY_TAGS, ReportOptions
from .reports import Reports, look_at_reports, open_reports
from .run_record import RunRecord
from .summary import Summary, format_summary, refusal_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .closing import closing_lines
    from .csv_rows import CsvRows
    from .journal_page import load_page, render_journal_page
    from .migration import Migration
    from .name_fields import expand_name
    from .outcome_fields import file_fields, format_time, status_field
    from .own_reports import OwnReports
    from .progress import Progress
    from .progress_view import LineView, TerminalView
    from .proof_summary import ProofSummary
    from .report_file import ReportFile
    from .resend import Resend
    from .text_file import write_text_report
    from .text_report import format_outcome, format_text_report
    from .visible import visible_lines

__all__ = [
    "STUDY_TAGS", "CsvRows", "LineView", "Migration", "OwnReports", "Progress", "ProofSummary", "ReportFile",
    "ReportOptions", "Reports", "Resend", "RunRecord", "Summary", "TerminalView", "closing_lines", "expand_name",
    "file_fields", "format_outcome", "format_summary", "format_text_report", "format_time", "load_page",
    "look_at_reports", "open_reports", "refusal_lines", "render_journal_page", "status_field", "visible_lines",
    "write_text_report",
]


_LATER = {
    "CsvRows": "csv_rows", "LineView": "progress_view", "Migration": "migration", "OwnReports": "own_reports",
    "Progress": "progress", "ProofSummary": "proof_summary", "ReportFile": "report_file", "Resend": "resend",
    "TerminalView": "progress_view", "closing_lines": "closing", "expand_name": "name_fields",
    "file_fields": "outcome_fields", "format_outcome": "text_report", "format_text_report": "text_report",
    "format_time": "outcome_fields", "load_page": "journal_page", "render_journal_page": "journal_page",
    "status_field": "outcome_fields", "visible_lines": "visible", "write_text_report": "text_file",
}  # fmt: skip


def __getattr__(name: str) -> object:
    """Load a seldom needed name when it is first used."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
