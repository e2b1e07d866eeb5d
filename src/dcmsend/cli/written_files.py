"""Checks that no option overwrites a file that another one writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dcmsend.errors import UsageError
from dcmsend.run import Written, WrittenKind, written_twice

from .command_line import CommandLine

__all__ = ["check_written_files"]

_WRITTEN: Final = {
    "--journal": WrittenKind.JOURNAL,
    "--report-json": WrittenKind.REPORT,
    "--report-jsonl": WrittenKind.REPORT,
    "--report-csv": WrittenKind.REPORT,
    "--report-html": WrittenKind.REPORT,
    "--metrics-file": WrittenKind.REPORT,
    "--create-report-file": WrittenKind.TEXT_REPORT,
}
"""Options that name a file to be written."""


def check_written_files(line: CommandLine, reports: Mapping[str, str]) -> None:
    """Check that each option has a file of its own, whatever links lead to it; ``reports`` are names by option.

    Raises:
        UsageError: two options write to the same file.
    """
    both = written_twice(
        Written(option, value, kind)
        for option, kind in _WRITTEN.items()
        if (value := reports.get(option) or line.value(option))
    )
    if both is not None:
        raise UsageError(f"{both[0].called} not allowed with {both[1].called} for the same file")
