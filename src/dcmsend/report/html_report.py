"""An HTML page for a person who has to answer whether everything arrived.

The page is one file without scripts, and loads nothing.  jinja2 fills ``html_report.jinja`` and escapes the values;
``html_pictures`` makes the pictures.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final

from dcmsend.advice import (
    OWN_NAMES,
    SEE_CSV,
    SEE_JOURNAL_REPORT,
    SENDS_ALL,
    WITHOUT_TEXT_REPORT,
    for_error,
    for_left_out,
    for_reason,
    for_status,
)
from dcmsend.index import RejectedInput
from dcmsend.inputs import InputFile
from dcmsend.transfer import Reason, Result, StoreOutcome

from .base import Report
from .field_source import FieldSource
from .headline import headline, migration_headline, result_lines
from .html_pictures import association_picture, outcome_picture, throughput_picture
from .migration import Migration, migration_fields
from .page import MOST_ROWS, load_template
from .page_words import reason_words, rejection_words, sentence, status_words
from .report_file import ReportFile
from .resend import Resend, resend_line
from .run_fields import RunFields
from .run_record import RunRecord
from .study_rows import StudyRows
from .timeline import Timeline

if TYPE_CHECKING:
    from dcmsend.transfer import InstanceProof

    from .html_proofs import ProofPage

__all__ = ["HtmlReport"]

_MOST_GROUPS: Final = 500
_MOST_RESENT: Final = 50
"""Most names that are kept for the command that sends the rest; it names fewer."""
_SAYS_NOTHING_NEW: Final = frozenset((Reason.NO_CONTEXT, Reason.CONTEXT_REFUSED))
"""Reasons of which the message has only the words of the protocol."""


class HtmlReport(Report):
    """Collects rows to show, at most ``MOST_ROWS`` of each kind, and writes the page at the end."""

    def __init__(self, path: str, run: RunFields, source: FieldSource, resend: Resend | None = None) -> None:
        self._path = path
        self._run = run
        self._source = source
        self._resend = resend
        self._template = load_template(path, "html_report.jinja")
        self._file = ReportFile(path)
        self._began = time.monotonic()
        self._timeline = Timeline()
        self._studies = StudyRows()
        self._troubles: list[dict[str, Any]] = []
        self._good: list[dict[str, Any]] = []
        self._trouble_count = 0
        self._good_count = 0
        self._invalid = 0
        self._kinds: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._names: list[str] | None = []
        self._proofs: ProofPage | None = None
        if source.proofs is not None:
            from .html_proofs import ProofPage  # seldom needed

            self._proofs = ProofPage(source.proofs, MOST_ROWS)

    def outcome(self, outcome: StoreOutcome) -> None:
        fields = self._source.outcome(outcome)
        is_stored = outcome.result is Result.STORED
        self._timeline.add(time.monotonic() - self._began, outcome.bytes_sent)
        self._studies.add(
            outcome.facts or outcome.instance.facts, is_stored=is_stored, length=outcome.bytes_sent
        )  # fmt: skip
        if is_stored:
            self._good_count += 1
            if len(self._good) < MOST_ROWS:
                self._good.append({**fields, "why": status_words(outcome.status) if outcome.status else ""})
            return
        source = outcome.instance.input
        self._keep_name(source.path if isinstance(source, InputFile) else None)
        self._add_trouble(fields, _why(outcome), _detail(outcome), _advice(outcome))

    def rejected(self, rejected: RejectedInput) -> None:
        if not rejected.is_dicom:
            return
        self._invalid += 1
        self._studies.reject()
        is_file = rejected.dicomdir is None and os.path.isfile(rejected.path)
        self._keep_name(rejected.path if is_file else None)
        fields = self._source.rejected(rejected)
        why, advice = rejection_words(rejected.why), sentence(for_left_out(rejected.why))
        self._add_trouble(fields, why, fields["message"], advice)

    def proven(self, event: InstanceProof) -> None:
        if self._proofs is not None:
            self._proofs.add(event)

    def _keep_name(self, path: str | None) -> None:
        """Note a name for the command that sends the rest; without one, or with too many, it cannot name them."""
        if path is None or (self._names is not None and len(self._names) >= _MOST_RESENT):
            self._names = None
        elif self._names is not None and path not in self._names:
            self._names.append(path)

    def _add_trouble(self, fields: dict[str, Any], why: str, detail: str, advice: str) -> None:
        self._trouble_count += 1
        if len(self._troubles) < MOST_ROWS:
            self._troubles.append({**fields, "why": why, "detail": detail})
        key = fields["outcome"], why, advice
        kind = self._kinds.setdefault(
            key, {"outcome": key[0], "why": why, "count": 0, "advice": advice, "again": 0}
        )  # fmt: skip
        kind["count"] += 1
        kind["again"] += fields["retryable"]

    def finish(self, record: RunRecord) -> None:
        run = {**self._run.start(), **self._run.end(record)}
        totals = run["totals"]
        total = self._good_count + self._trouble_count
        migration = record.migration()
        if record.is_refused_for_good:
            for kind in self._kinds.values():
                kind["again"] = 0
        resend = None
        if self._resend is not None and (self._trouble_count or record.may_lack_inputs):
            resend = resend_line(self._resend, None if record.may_lack_inputs else self._names)
        studies = self._studies.all()
        self._file.write(
            self._template.render(
                run=run,
                totals=totals,
                total=total,
                verdict=self._verdict(record, migration),
                migration=None if migration is None else self._migration_fields(record, migration),
                affected=self._studies.affected()[:_MOST_GROUPS],
                affected_count=sum(1 for row in studies if row["missing"]),
                kinds=sorted(self._kinds.values(), key=lambda kind: -int(kind["count"])),
                troubles=self._troubles,
                trouble_count=self._trouble_count,
                good=self._shown() if total <= MOST_ROWS else [],
                resend=resend,
                resend_notes=[] if resend is None else self._resend_notes(sends_all=resend.sends_all),
                see_csv=SEE_CSV,
                proof=None if self._proofs is None else self._proofs.fields(),
                shows_all=total <= MOST_ROWS,
                most_rows=MOST_ROWS,
                studies=studies[:_MOST_GROUPS],
                more_studies=max(0, len(studies) - _MOST_GROUPS),
                tables=_tables(run, self._invalid),
                statuses=[(status_words(int(status, 16)), each) for status, each in sorted(run["by_status"].items())],
                outcome_picture=outcome_picture(totals, self._invalid),
                throughput_picture=throughput_picture(self._timeline),
                association_picture=association_picture(run["associations"]),
                has_patient=self._source.with_patient,
            )
        )
        self._file.close()

    def _resend_notes(self, *, sends_all: bool) -> list[str]:
        """What stands below the command that sends the rest."""
        resend = self._resend or Resend()
        notes = (sends_all, SENDS_ALL), (resend.has_own_names, OWN_NAMES), (resend.leaves_text_out, WITHOUT_TEXT_REPORT)
        return [text for is_so, text in notes if is_so]

    def _shown(self) -> list[dict[str, Any]]:
        """The rows of stored instances, with their proofs where these are asked for."""
        if self._proofs is None:
            return self._good
        return [{**row, "proof": self._proofs.of(row["index"])} for row in self._good]

    def _verdict(self, record: RunRecord, migration: Migration | None) -> dict[str, Any]:
        """The headline and what stands below it."""
        verdict = headline(record, self._invalid)
        if self._proofs is not None:
            from .html_proofs import with_proof

            verdict = with_proof(verdict, record)
        if migration is not None:
            verdict = migration_headline(verdict, migration, self._unsent(record))
        error = record.error
        hint = "" if error is None else "; ".join(for_error(error, self._run.peer.situation).splitlines())
        return {**verdict, **result_lines(record, self._trouble_count, hint)}

    def _migration_fields(self, record: RunRecord, migration: Migration) -> dict[str, Any]:
        """The section on the whole journal, whose studies have their dates where this run has seen them."""
        studies = []
        for uid, missing in migration.studies:
            known = self._studies.find(uid) if uid else None
            studies.append({**(known or StudyRows.empty(uid)), "missing": missing})
        return {
            **migration_fields(migration, is_refused_for_good=record.is_refused_for_good), "studies": studies,
            "see": SEE_JOURNAL_REPORT, "unsent": self._unsent(record),
        }  # fmt: skip

    def _unsent(self, record: RunRecord) -> int:
        """The number of instances of this run that were not begun, or cannot be sent: no journal has them."""
        return record.summary.results[Result.NOT_ATTEMPTED] + self._invalid


def _why(outcome: StoreOutcome) -> str:
    if outcome.status is not None:
        return status_words(outcome.status)
    return "" if outcome.reason is None else reason_words(outcome.reason)


def _detail(outcome: StoreOutcome) -> str:
    """What the message tells beside the reason; the words of the protocol are not for people."""
    if outcome.status is not None:
        return outcome.error_comment
    if outcome.reason is None or outcome.reason in _SAYS_NOTHING_NEW:
        return ""
    same = {outcome.reason.value.casefold(), reason_words(outcome.reason).casefold(), outcome.result.value.casefold()}
    return "" if outcome.message.casefold() in same else outcome.message


def _advice(outcome: StoreOutcome) -> str:
    """What to do about an instance that is not stored."""
    if outcome.status is not None:
        return for_status(outcome.status)
    return "" if outcome.reason is None else for_reason(outcome.reason, is_permanent=outcome.is_permanent)


def _tables(run: dict[str, Any], invalid: int) -> list[dict[str, Any]]:
    """Tables by SOP Class and transfer syntax; rows with failures first, then by size.  All have the same sum."""
    tables = []
    for title, name in (("SOP Classes", "by_sop_class"), ("Transfer syntaxes of the files", "by_syntax")):
        rows = [{"uid": uid, **counts} for uid, counts in run[name].items()]
        if invalid:
            rows.append({"uid": "", "name": "", "instances": invalid, "stored": 0, "bytes": 0})
        rows.sort(key=lambda row: (row["stored"] == row["instances"], -row["instances"]))
        tables.append({"title": title, "rows": rows[:_MOST_GROUPS], "more": max(0, len(rows) - _MOST_GROUPS)})
    return tables
