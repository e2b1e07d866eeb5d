"""Where the names of what is not stored are, in the last lines of a run."""

from __future__ import annotations

from dcmsend.advice import NAMES_IN_REPORT, names_in_journal
from dcmsend.transfer import Result

from .options import ReportOptions
from .resend import quoted
from .run_record import RunRecord
from .visible import visible

__all__ = ["place_lines"]

_IN_JOURNAL = (Result.REFUSED, Result.FAILED, Result.UNCONFIRMED)
"""What a journal has of that; what was not begun, or cannot be sent, is in none."""
_IN_MESSAGES = "(the messages name what could not be sent)"


def place_lines(record: RunRecord, reports: ReportOptions, width: int) -> list[str]:
    """The lines, of at most ``width`` columns unless names are long; none where nothing was tried and no report has it.

    The messages name what cannot be sent, and what was not begun are the other names of the command line.
    """
    paths = [_page(record, reports.html_report), reports.csv_report, reports.json_report, reports.jsonl_report]
    if reports.text_report not in record.unwritten:
        paths.append(_text_report(record, reports.text_report))
    if names := [visible(path) for path in paths if path not in ("", "-", *record.unwritten)]:
        return [f"one by one in {', '.join(names)}"]
    outcomes = [result.value for result in _IN_JOURNAL if record.summary.results[result]]
    if not outcomes:
        return []
    if record.journal is None:
        return [NAMES_IN_REPORT]
    journal = quoted(record.journal)
    lines = [f"one by one: {names_in_journal(journal, outcomes)}"]
    if len(lines[0]) > width:
        lines = ["one by one:", *(f"  {names_in_journal(journal, [outcome])}" for outcome in outcomes)]
    return [*lines, _IN_MESSAGES] if record.rejections else lines


def _page(record: RunRecord, path: str) -> str:
    """The page for people; ``""`` if it has too much to show everything."""
    if not path:
        return ""
    from .page import MOST_ROWS

    return path if record.summary.not_stored + sum(record.rejections.values()) <= MOST_ROWS else ""


def _text_report(record: RunRecord, path: str) -> str:
    """DCMTK's report, which has another name after an early end, and knows nothing of what could not be sent."""
    if not path or not record.summary.not_stored:
        return ""
    if record.is_complete:
        return path
    from .text_file import is_file_name

    return f"{path}.partial" if is_file_name(path) else ""
