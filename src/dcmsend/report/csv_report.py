"""A CSV report: one row for each instance and each rejected input.  Columns: ``docs/report-schema.md``."""

from __future__ import annotations

from typing import Any, Final

from dcmsend.index import RejectedInput
from dcmsend.transfer import StoreOutcome

from .base import Report
from .csv_rows import CsvRows
from .field_source import FieldSource
from .report_file import ReportFile
from .run_record import RunRecord

__all__ = ["CsvReport"]

_BOOLEANS: Final = {True: "true", False: "false"}


class CsvReport(Report):
    """Comma separated values with a header row (RFC 4180, but with plain line ends), in UTF-8."""

    def __init__(self, path: str, source: FieldSource) -> None:
        self._source = source
        self._file = ReportFile(path)
        self._rows = CsvRows(self._file.write)

    def begin(self) -> None:
        self._rows.add(self._source.names)

    def rejected(self, rejected: RejectedInput) -> None:
        self._add(self._source.rejected(rejected))

    def outcome(self, outcome: StoreOutcome) -> None:
        self._add(self._source.outcome(outcome))

    def finish(self, record: RunRecord) -> None:
        self._file.close()

    def _add(self, fields: dict[str, Any]) -> None:
        self._rows.add(_cell(fields.get(name), name) for name in self._source.names)


def _cell(value: Any, name: str) -> Any:
    if isinstance(value, bool):
        return _BOOLEANS[value]
    if isinstance(value, list):
        return len(value) if name == "attempts" else " ".join(value)
    return value
