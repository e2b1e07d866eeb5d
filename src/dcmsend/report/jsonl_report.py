"""One JSON object a line, written as events happen, for programs.  Fields: ``docs/report-schema.md``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from dcmsend.index import RejectedInput
from dcmsend.transfer import BytesSent, StoreOutcome

from .base import Report
from .field_source import FieldSource
from .outcome_fields import format_time, proof_fields, proven_fields, to_json
from .report_file import ReportFile
from .run_fields import RunFields
from .run_record import RunRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.transfer import InstanceProof

__all__ = ["JsonLinesReport"]

_PROGRESS_SECONDS: Final = 10.0


class JsonLinesReport(Report):
    """Every line is flushed to the operating system at once; ``clock`` returns seconds and never goes back."""

    def __init__(
        self, path: str, run: RunFields, source: FieldSource, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._run = run
        self._source = source
        self._file = ReportFile(path, is_streamed=True)
        self._clock = clock
        self._next_progress = clock() + _PROGRESS_SECONDS

    def begin(self) -> None:
        self._add("start", self._run.start())

    def rejected(self, rejected: RejectedInput) -> None:
        self._add("outcome", self._source.rejected(rejected))
        self._tell_progress()

    def filtered(self, filtered: RejectedInput) -> None:
        self._add("outcome", self._source.rejected(filtered))
        self._tell_progress()

    def outcome(self, outcome: StoreOutcome) -> None:
        self._add("outcome", self._source.outcome(outcome))
        self._tell_progress()

    def bytes_sent(self, event: BytesSent) -> None:
        self._tell_progress()

    def proven(self, event: InstanceProof) -> None:
        if self._source.proofs is None:
            return
        self._add("proof", {"index": event.index or None, **proven_fields(event), "proof": proof_fields(event.proof)})
        self._tell_progress()

    def finish(self, record: RunRecord) -> None:
        self._add("summary", {**self._run.start(), **self._run.end(record)})
        self._file.close()

    def _tell_progress(self) -> None:
        now = self._clock()
        if now >= self._next_progress:
            self._next_progress = now + _PROGRESS_SECONDS
            self._add("progress", {"time": format_time(time.time()), "totals": self._run.totals()})

    def _add(self, kind: str, fields: dict[str, Any]) -> None:
        self._file.write(to_json({"type": kind, **fields}) + "\n")
        self._file.flush()
