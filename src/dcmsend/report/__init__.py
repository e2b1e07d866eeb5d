"""Tells people and programs what happened."""

from .options import ReportOptions
from .run_record import RunRecord
from .summary import Summary, format_summary
from .text_report import format_text_report, write_text_report

__all__ = ["ReportOptions", "RunRecord", "Summary", "format_summary", "format_text_report", "write_text_report"]
