"""An HTML page for a person who has to answer whether everything arrived.

The page is one file without scripts, and loads nothing.  jinja2 fills ``html_report.jinja`` and escapes the values;
``html_pictures`` makes the pictures.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dcmsend.advice import for_error, for_reason, for_rejection, for_status
from dcmsend.errors import ReportError
from dcmsend.explanations import one_line
from dcmsend.index import RejectedInput
from dcmsend.transfer import Result, StoreOutcome

from .amounts import format_bytes, format_count, format_duration
from .base import Report
from .field_source import FieldSource
from .html_pictures import association_picture, outcome_picture, throughput_picture
from .report_file import ReportFile
from .run_fields import RunFields
from .run_record import RunRecord
from .timeline import Timeline
from .visible import visible

if TYPE_CHECKING:
    from jinja2 import Template

    from dcmsend.transfer import InstanceProof

    from .html_proofs import ProofPage

__all__ = ["HtmlReport", "load_template"]

MOST_ROWS: Final = 5_000
"""Most instances shown one by one; of larger runs only failures are, up to this number."""
_MOST_GROUPS: Final = 500
_TROUBLE: Final = ("refused", "failed", "unconfirmed", "not_attempted", "invalid")


class HtmlReport(Report):
    """Collects rows to show, at most 5000 of each kind, and writes the page at the end."""

    def __init__(self, path: str, run: RunFields, source: FieldSource) -> None:
        self._path = path
        self._run = run
        self._source = source
        self._template = load_template(path, "html_report.jinja")
        self._file = ReportFile(path)
        self._began = time.monotonic()
        self._timeline = Timeline()
        self._troubles: list[dict[str, Any]] = []
        self._good: list[dict[str, Any]] = []
        self._trouble_count = 0
        self._good_count = 0
        self._kinds: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._proofs: ProofPage | None = None
        if source.proofs is not None:
            from .html_proofs import ProofPage  # seldom needed

            self._proofs = ProofPage(source.proofs, MOST_ROWS)

    def outcome(self, outcome: StoreOutcome) -> None:
        fields = self._source.outcome(outcome)
        self._timeline.add(time.monotonic() - self._began, outcome.bytes_sent)
        if fields["outcome"] == "stored":
            self._good_count += 1
            if len(self._good) < MOST_ROWS:
                self._good.append(fields)
        else:
            self._add_trouble(fields, _advice(outcome))

    def rejected(self, rejected: RejectedInput) -> None:
        if rejected.is_dicom:
            self._add_trouble(self._source.rejected(rejected), _sentence(for_rejection(rejected.why)))

    def proven(self, event: InstanceProof) -> None:
        if self._proofs is not None:
            self._proofs.add(event)

    def _add_trouble(self, fields: dict[str, Any], advice: str) -> None:
        self._trouble_count += 1
        if len(self._troubles) < MOST_ROWS:
            self._troubles.append(fields)
        key = fields["outcome"], fields["status"] or fields["reason"] or "", advice
        kind = self._kinds.setdefault(
            key, {"outcome": key[0], "why": key[1], "count": 0, "advice": advice, "again": 0}
        )
        kind["count"] += 1
        kind["again"] += fields["retryable"]

    def finish(self, record: RunRecord) -> None:
        run = {**self._run.start(), **self._run.end(record)}
        shows_all = self._good_count + self._trouble_count <= MOST_ROWS
        self._file.write(
            self._template.render(
                run=run,
                totals=run["totals"],
                verdict=self._verdict(record) | {"hint": self._hint(record)},
                kinds=sorted(self._kinds.values(), key=lambda kind: -int(kind["count"])),
                troubles=self._troubles,
                trouble_count=self._trouble_count,
                good=self._shown() if shows_all else [],
                proof=None if self._proofs is None else self._proofs.fields(),
                shows_all=shows_all,
                tables=_tables(run),
                outcome_picture=outcome_picture(run["totals"]),
                throughput_picture=throughput_picture(self._timeline),
                association_picture=association_picture(run["associations"]),
                has_patient=len(self._source.names) > 0 and self._source.names[-1] == "patient_id",
            )
        )
        self._file.close()

    def _shown(self) -> list[dict[str, Any]]:
        """The rows of stored instances, with their proofs where these are asked for."""
        if self._proofs is None:
            return self._good
        return [{**row, "proof": self._proofs.of(row["index"])} for row in self._good]

    def _verdict(self, record: RunRecord) -> dict[str, str]:
        verdict = _verdict(record, self._trouble_count)
        if self._proofs is None:
            return verdict
        from .html_proofs import with_proof

        return with_proof(verdict, record)

    def _hint(self, record: RunRecord) -> str:
        error = record.error
        return "" if error is None else "; ".join(for_error(error, self._run.peer.situation).splitlines())


def _advice(outcome: StoreOutcome) -> str:
    """What to do about an instance; ``""`` for a stored one."""
    if outcome.result is Result.STORED:
        return ""
    if outcome.status is not None:
        return for_status(outcome.status)
    return "" if outcome.reason is None else for_reason(outcome.reason, is_permanent=outcome.is_permanent)


def _sentence(text: str) -> str:
    return text if text.endswith("?") else f"{text[:1].upper()}{text[1:]}."


def load_template(path: str, name: str) -> Template:
    """A template of this folder; ``path`` is for the message.  Raises ReportError if the package is missing."""
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise ReportError(path, "it needs the package jinja2 (pip install jinja2)") from error
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(
        count=format_count, bytes=format_bytes, duration=format_duration, visible=visible, words=_words, moment=_moment
    )
    return environment.get_template(name)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _moment(text: str | None) -> str:
    """``2026-03-04T12:00:00.000Z`` without fractions."""
    return "" if text is None else text[:19].replace("T", " ") + " UTC"


def _verdict(record: RunRecord, troubles: int) -> dict[str, str]:
    """The headline: its kind, its words, and what ended the run early."""
    missing, total = record.summary.not_stored, record.summary.total
    ended = "" if record.error is None else one_line(record.error)
    if not record.listed or not total:
        already = record.already_stored
        if already and not ended:
            text = f"Everything had arrived before: {format_count(already)} files"
            return {"kind": "good", "text": text, "ended": ""}
        if record.filtered and not ended and not troubles:
            text = f"Nothing had to be sent: {format_count(record.filtered)} files are left out by their values"
            return {"kind": "good", "text": text, "ended": ""}
        return {"kind": "bad", "text": "Nothing was sent", "ended": ended}
    if not missing and not troubles:
        text = "The instance has arrived" if total == 1 else f"All {format_count(total)} instances have arrived"
        return {"kind": "good", "text": text, "ended": ended}
    if not missing:
        files = "1 file" if troubles == 1 else f"{format_count(troubles)} files"
        text = f"All instances have arrived, but {files} cannot be sent"
        return {"kind": "warn", "text": text, "ended": ended}
    verb = "has" if missing == 1 else "have"
    text = f"{format_count(missing)} of {format_count(total)} instances {verb} not arrived"
    return {"kind": "bad", "text": text, "ended": ended}


def _tables(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Tables by study, SOP Class and transfer syntax; rows with failures first, then by size."""
    tables = []
    for title, name in (
        ("Studies", "by_study"), ("SOP Classes", "by_sop_class"), ("Transfer syntaxes of the files", "by_syntax")
    ):  # fmt: skip
        rows = [{"uid": uid, **counts} for uid, counts in run[name].items()]
        rows.sort(key=lambda row: (row["stored"] == row["instances"], -row["instances"]))
        tables.append({"title": title, "rows": rows[:_MOST_GROUPS], "more": max(0, len(rows) - _MOST_GROUPS)})
    return tables
