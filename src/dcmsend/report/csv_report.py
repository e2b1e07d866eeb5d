"""A CSV report: one row for each instance and each rejected input.  Columns: ``docs/report-schema.md``."""

from __future__ import annotations

from typing import Any, Final

from dcmsend.index import RejectedInput
from dcmsend.transfer import StoreOutcome

from .base import Report
from .csv_rows import CsvRows
from .field_source import FieldSource
from .outcome_fields import proof_fields, proven_fields
from .report_file import ReportFile
from .run_record import RunRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.transfer import InstanceProof, Proof

    from .waiting_rows import ProofJoin

__all__ = ["CsvReport"]

PROOF_COLUMNS: Final = ("proof", "proof_reason", "proof_transaction", "proof_time")
"""The last columns, only where proofs are wanted."""
_NO_PROOF: Final = "," * (len(PROOF_COLUMNS) - 1) + "\n"
_BOOLEANS: Final = {True: "true", False: "false"}


class CsvReport(Report):
    """Comma separated values with a header row (RFC 4180, but with plain line ends), in UTF-8."""

    def __init__(self, path: str, source: FieldSource) -> None:
        self._source = source
        self._file = ReportFile(path)
        self._join: ProofJoin | None = None
        self._names: tuple[str, ...] = source.names
        self._line = ""
        if source.proofs is None:
            self._rows = CsvRows(self._file.write)
        else:
            from .waiting_rows import ProofJoin  # seldom needed

            self._join = ProofJoin(self._file, source.proofs)
            self._names += PROOF_COLUMNS
            self._rows = CsvRows(self._keep)

    def begin(self) -> None:
        self._rows.add(self._names)
        if self._join is not None:
            self._file.write(self._line)

    def rejected(self, rejected: RejectedInput) -> None:
        self._add(self._source.rejected(rejected))

    def filtered(self, filtered: RejectedInput) -> None:
        self._add(self._source.rejected(filtered))

    def outcome(self, outcome: StoreOutcome) -> None:
        self._add(self._source.outcome(outcome))

    def proven(self, event: InstanceProof) -> None:
        if self._join is not None and not event.index:
            fields = {**proven_fields(event), "outcome": "already_stored"}
            self._rows.add(fields.get(name) for name in self._source.names)
            self._join.add_earlier(f"{self._line[:-1]},{self._proof_cells(event.proof)}")

    def finish(self, record: RunRecord) -> None:
        if self._join is not None:
            for row, proof in self._join.rows():
                self._file.write(f"{row[:-1]},{self._proof_cells(proof)}")
            for row in self._join.earlier():
                self._file.write(row)
        self._file.close()

    def _add(self, fields: dict[str, Any]) -> None:
        self._rows.add(_cell(fields.get(name), name) for name in self._source.names)
        if self._join is not None:
            self._join.add(fields["index"], self._line)

    def _keep(self, line: str) -> None:
        """Take a line from the csv module that is not written yet."""
        self._line = line

    def _proof_cells(self, proof: Proof | None) -> str:
        """The last cells of a row, and the comma before them."""
        if proof is None:
            return _NO_PROOF
        self._rows.add(proof_fields(proof).values())
        return self._line


def _cell(value: Any, name: str) -> Any:
    if isinstance(value, bool):
        return _BOOLEANS[value]
    if isinstance(value, list):
        return len(value) if name == "attempts" else " ".join(value)
    return value
