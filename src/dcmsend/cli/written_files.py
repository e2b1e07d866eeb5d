"""Checks that no option overwrites a file that another one writes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from itertools import combinations
from typing import Final

from dcmsend.errors import UsageError
from dcmsend.journal import journal_files

from .command_line import CommandLine

__all__ = ["check_written_files"]

_WRITTEN: Final = (
    "--journal", "--report-json", "--report-jsonl", "--report-csv", "--report-html", "--metrics-file",
    "--create-report-file",
)  # fmt: skip
"""Options that name a file to be written."""
_FOLDS_NAMES: Final = sys.platform in ("win32", "darwin")
"""Whether names that differ in case mostly lead to one file."""


def check_written_files(line: CommandLine, reports: Mapping[str, str]) -> None:
    """Check that each option has a file of its own, whatever links lead to it; ``reports`` are names by option.

    Raises:
        UsageError: two options write to the same file.
    """
    files = [(option, value) for option in _WRITTEN if (value := reports.get(option) or line.value(option))]
    for (option, value), (other, its_value) in combinations(files, 2):
        names = ((one, another) for one in _names(option, value) for another in _names(other, its_value))
        if any(_is_same(one, another) for one, another in names):
            raise UsageError(f"{option} not allowed with {other} for the same file")


def _names(option: str, value: str) -> tuple[str, ...]:
    """All names that an option may write to; ``""`` for standard output."""
    if option == "--journal":
        return journal_files(value)
    if option == "--create-report-file":
        return os.path.realpath(value), os.path.realpath(f"{value}.partial")
    return ("" if value == "-" else os.path.realpath(value),)


def _is_same(one: str, other: str) -> bool:
    """Whether two names without links are those of one file, which need not exist yet.

    A pipe or a device may be given twice, because nothing is overwritten there.
    """
    if one == other or (_FOLDS_NAMES and one.casefold() == other.casefold()):
        return not one or not os.path.exists(one) or os.path.isfile(one)
    return os.path.isfile(one) and os.path.isfile(other) and os.path.samefile(one, other)
