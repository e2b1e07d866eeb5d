"""The whole run as one JSON object.  Fields: ``docs/report-schema.md``."""

from __future__ import annotations

import json
from typing import Any

from dcmsend.index import RejectedInput
from dcmsend.transfer import StoreOutcome

from .base import Report
from .field_source import FieldSource
from .outcome_fields import proof_fields, proven_fields, to_json
from .report_file import ReportFile
from .run_fields import RunFields
from .run_record import RunRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.transfer import InstanceProof

    from .waiting_rows import ProofJoin

__all__ = ["JsonReport"]


class JsonReport(Report):
    """Written piece by piece during the run, so that no outcome has to be kept; with proofs at its end."""

    def __init__(self, path: str, run: RunFields, source: FieldSource) -> None:
        self._run = run
        self._source = source
        self._file = ReportFile(path)
        self._separator = "\n"
        self._join: ProofJoin | None = None
        if source.proofs is not None:
            from .waiting_rows import ProofJoin  # seldom needed

            self._join = ProofJoin(self._file, source.proofs)

    def begin(self) -> None:
        start = json.dumps(self._run.start(), ensure_ascii=False, indent=1)
        self._file.write(f'{start[:-2]},\n "instances": [')

    def rejected(self, rejected: RejectedInput) -> None:
        self._add(self._source.rejected(rejected))

    def filtered(self, filtered: RejectedInput) -> None:
        self._add(self._source.rejected(filtered))

    def outcome(self, outcome: StoreOutcome) -> None:
        self._add(self._source.outcome(outcome))

    def proven(self, event: InstanceProof) -> None:
        if self._join is not None and not event.index:
            self._join.add_earlier(to_json({**proven_fields(event), "proof": proof_fields(event.proof)}))

    def finish(self, record: RunRecord) -> None:
        if self._join is not None:
            self._write_joined(self._join)
        end = json.dumps(self._run.end(record), ensure_ascii=False, indent=1)
        self._file.write(f"\n ],{end[1:]}\n")
        self._file.close()

    def _add(self, fields: dict[str, Any]) -> None:
        if self._join is None:
            self._write(to_json(fields))
        else:
            self._join.add(fields["index"], to_json(fields))

    def _write_joined(self, join: ProofJoin) -> None:
        """Write the rows that have waited, each with its proof, and the proofs that belong to no row."""
        for row, proof in join.rows():
            shown = "null" if proof is None else to_json(proof_fields(proof))
            self._write(f'{row[:-1]}, "proof": {shown}}}')
        self._file.write('\n ],\n "proofs_of_earlier": [')
        self._separator = "\n"
        for row in join.earlier():
            self._write(row)

    def _write(self, row: str) -> None:
        self._file.write(f"{self._separator}  {row}")
        self._separator = ",\n"
