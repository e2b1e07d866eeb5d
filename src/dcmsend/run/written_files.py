"""Finds two things that a run would write to one file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from enum import Enum
from itertools import combinations
from typing import Final, NamedTuple

from dcmsend.journal import JournalOptions, journal_files
from dcmsend.report import ReportOptions

__all__ = ["Written", "WrittenKind", "check_written_files", "written_twice"]

_FOLDS_NAMES: Final = sys.platform in ("win32", "darwin")
"""Whether names that differ in case mostly lead to one file."""


class WrittenKind(Enum):
    """What is written, by the names that it takes."""

    REPORT = "report"
    TEXT_REPORT = "text report"
    JOURNAL = "journal"


class Written(NamedTuple):
    """One thing that is written.

    Attributes:
        called: how the user calls it, e.g. by an option.
        path: file name as given, ``-`` for standard output.
        kind: by which names it takes more than one file.
    """

    called: str
    path: str
    kind: WrittenKind = WrittenKind.REPORT

    @property
    def names(self) -> tuple[str, ...]:
        """All names that may be written to, without links; ``""`` for standard output."""
        if self.kind is WrittenKind.JOURNAL:
            return journal_files(self.path)
        if self.kind is WrittenKind.TEXT_REPORT:
            return os.path.realpath(self.path), os.path.realpath(f"{self.path}.partial")
        return ("" if self.path == "-" else os.path.realpath(self.path),)


def written_twice(files: Iterable[Written]) -> tuple[Written, Written] | None:
    """The first two that have a file in common, whatever links lead to it; None if each has its own."""
    for one, other in combinations(files, 2):
        if any(_is_same(name, another) for name in one.names for another in other.names):
            return one, other
    return None


def check_written_files(report: ReportOptions, journal: JournalOptions | None) -> None:
    """Raise ValueError where two reports, or a report and the journal, would be written to one file."""
    kinds = {"text_report": WrittenKind.TEXT_REPORT}
    files = [Written(name, getattr(report, name), kinds.get(name, WrittenKind.REPORT)) for name in report.written]
    if journal is not None:
        files.append(Written("the journal", journal.path, WrittenKind.JOURNAL))
    both = written_twice(files)
    if both is not None:
        raise ValueError(f"ReportOptions: {both[0].called} and {both[1].called} would be written to the same file")


def _is_same(one: str, other: str) -> bool:
    """Whether two names without links are those of one file, which need not exist yet.

    A pipe or a device may be given twice, because nothing is overwritten there.
    """
    if one == other or (_FOLDS_NAMES and one.casefold() == other.casefold()):
        return not one or not os.path.exists(one) or os.path.isfile(one)
    if not os.path.isfile(one) or not os.path.isfile(other) or not os.path.samefile(one, other):
        return False
    return bool(os.stat(one).st_ino)  # where the system does not number its files, all look like one
