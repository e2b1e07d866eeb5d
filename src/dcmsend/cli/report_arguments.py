"""The options of reports; loaded only if a file to be written is named."""

from __future__ import annotations

import time
from typing import Final

from dcmsend.errors import UsageError
from dcmsend.report import ReportOptions

from .command_line import CommandLine
from .numbers import invalid_value
from .option_table import METRICS, PROGRESS, REPORTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.report import Resend

__all__ = ["report_options"]

_PREVIEWS: Final = ("--dry-run", "--probe-peer")
"""They are no reason to try DCMTK's report first: the run that they tell of has the other options only."""


def report_options(line: CommandLine) -> ReportOptions:
    """Which reports are written, and where.

    Raises:
        UsageError: an empty name, two options with the same file, a patient without a report.
    """
    files = {option: path for option in (*REPORTS, METRICS) if (path := line.value(option)) is not None}
    written, run_id = tuple(path for path in files.values() if "{" in path), ""
    for option, path in files.items():
        if not path:
            raise invalid_value(option, path)
        if path == "-" and option == METRICS:
            form = f"{option} takes a file, which is replaced every 10 seconds"
            raise UsageError(str(invalid_value(option, path)), form)
    if written:
        import uuid

        run_id, now = str(uuid.uuid4()), time.time()
        files = {option: _expanded(option, path, run_id, now) for option, path in files.items()}
    if files or line.has("--journal"):
        from .written_files import check_written_files

        check_written_files(line, files)
    if line.has("--report-patient") and not any(option in files for option in REPORTS):
        reports = f"{', '.join(REPORTS[:-1])} or {REPORTS[-1]}"
        raise UsageError(f"--report-patient only allowed with {reports}")
    return ReportOptions(
        text_report=line.value("--create-report-file") or "",
        json_report=files.get("--report-json", ""),
        jsonl_report=files.get("--report-jsonl", ""),
        csv_report=files.get("--report-csv", ""),
        html_report=files.get("--report-html", ""),
        with_proof=line.has("--verify") or line.has("--commit"),
        with_patient=line.has("--report-patient"),
        command_line=tuple(line.arguments) if files else (),
        resend=_resend(line) if "--report-html" in files else None,
        metrics_file=files.get(METRICS, ""),
        run_id=run_id,
        names=written,
        text_is_needed=line.uses_ours_beside((*_PREVIEWS, *PROGRESS)),
    )


def _resend(line: CommandLine) -> Resend:
    from .resend import resend_of  # only for this report

    return resend_of(line)


def _expanded(option: str, path: str, run_id: str, now: float) -> str:
    from dcmsend.report import expand_name  # seldom needed

    try:
        return expand_name(path, run_id, now)
    except ValueError as error:
        raise UsageError(f"{invalid_value(option, path)}: {error}") from None
