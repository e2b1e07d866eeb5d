"""Comma separated values whose text a spreadsheet shows, and never runs as a formula."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from typing import Any, Final

__all__ = ["CsvRows", "csv_cell"]

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20", "'")
"""First characters of a formula in any spreadsheet, full-width forms included.  The apostrophe is one of them, so that
a reader gets the value back by removing one apostrophe from each cell that begins with it.
"""


class CsvRows:
    """Passes rows to ``write`` one at a time: quotes where needed (RFC 4180), but plain line ends."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._writer = csv.writer(self, lineterminator="\r\n")  # with "\n" it would not quote a carriage return

    def add(self, values: Iterable[Any]) -> None:
        """Write one row; ``csv_cell`` makes its text harmless."""
        self._writer.writerow(map(csv_cell, values))

    def write(self, line: str) -> object:
        """Take a line from the csv module."""
        return self._write(f"{line[:-2]}\n")


def csv_cell(value: Any) -> Any:
    """A value; text that may be taken for a formula gets an apostrophe first.  Source: OWASP, CSV Injection."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
