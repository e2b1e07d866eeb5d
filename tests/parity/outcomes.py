"""Short ways to say what a run did."""

from __future__ import annotations

from support.report_file import ReportFile, parse_report
from support.senders import Run

# Everything that follows when one of the two programs goes another way.
CHANGED_COURSE = (
    "exit_code",
    "requests",
    "course",
    "commands",
    "data_sets",
    "layout",
    "report",
    "errors",
    "warnings",
)


def report_of(run: Run) -> ReportFile:
    assert run.report is not None, repr(run)
    return parse_report(run.report)


def statuses(run: Run) -> list[str]:
    """The DIMSE Status field of each entry of the report."""
    return report_of(run).column("DIMSE Status")


def proposed(run: Run, connection: int = 0) -> list[tuple[str, ...]]:
    """The transfer syntaxes of each proposed presentation context."""
    request = run.peer.connections[connection].request
    assert request is not None, repr(run)
    return [context.transfer_syntaxes for context in request.contexts]
