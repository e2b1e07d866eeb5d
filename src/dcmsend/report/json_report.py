"""The whole run as one JSON object.  Fields: ``docs/report-schema.md``."""

from __future__ import annotations

import json
from typing import Any

from dcmsend.index import RejectedInput
from dcmsend.transfer import StoreOutcome

from .base import Report
from .field_source import FieldSource
from .outcome_fields import to_json
from .report_file import ReportFile
from .run_fields import RunFields
from .run_record import RunRecord

__all__ = ["JsonReport"]


class JsonReport(Report):
    """Written piece by piece during the run, so that no outcome has to be kept."""

    def __init__(self, path: str, run: RunFields, source: FieldSource) -> None:
        self._run = run
        self._source = source
        self._file = ReportFile(path)
        self._separator = "\n"

    def begin(self) -> None:
        start = json.dumps(self._run.start(), ensure_ascii=False, indent=1)
        self._file.write(f'{start[:-2]},\n "instances": [')

    def rejected(self, rejected: RejectedInput) -> None:
        self._add(self._source.rejected(rejected))

    def outcome(self, outcome: StoreOutcome) -> None:
        self._add(self._source.outcome(outcome))

    def finish(self, record: RunRecord) -> None:
        end = json.dumps(self._run.end(record), ensure_ascii=False, indent=1)
        self._file.write(f"\n ],{end[1:]}\n")
        self._file.close()

    def _add(self, fields: dict[str, Any]) -> None:
        self._file.write(f"{self._separator}  {to_json(fields)}")
        self._separator = ",\n"
