"""Tells people and programs what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .options import ReportOptions
from .reports import Reports, open_reports
from .run_record import RunRecord
from .summary import Summary, format_summary, refusal_lines

if TYPE_CHECKING:
    from .outcome_fields import format_time, path_fields, status_field
    from .own_reports import OwnReports
    from .text_report import format_outcome, format_text_report, write_text_report

__all__ = [
    "OwnReports", "ReportOptions", "Reports", "RunRecord", "Summary", "format_outcome", "format_summary",
    "format_text_report", "format_time", "open_reports", "path_fields", "refusal_lines", "status_field",
    "write_text_report",
]


def __getattr__(name: str) -> object:
    """What is seldom needed is loaded when it is."""
    if name in ("format_outcome", "format_text_report", "write_text_report"):
        from . import text_report

        return getattr(text_report, name)
    if name in ("format_time", "path_fields", "status_field"):
        from . import outcome_fields

        return getattr(outcome_fields, name)
    if name == "OwnReports":
        from .own_reports import OwnReports

        return OwnReports
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
