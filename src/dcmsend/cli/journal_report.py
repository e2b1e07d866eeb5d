"""``dcmsend-journal report``: reports on everything in a journal, in one pass over its rows."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from dcmsend.index import HeaderFacts, facts_in_file
from dcmsend.journal import JournalFilter, JournalReader, JournalRow
from dcmsend.report import STUDY_TAGS, ReportFile, format_time, load_page, render_journal_page, status_field
from dcmsend.transfer import ProofState, Result
from dcmsend.version import VERSION

from .journal_fields import (
    JOURNAL_FIELDS,
    csv_lines,
    flat_fields,
    peer_fields,
    proof_name,
    result_name,
    row_fields,
)

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["MOST_ROWS", "SCHEMA_VERSION", "write_reports"]

SCHEMA_VERSION: Final = "1.0"
MOST_ROWS: Final = 1_000
"""Most instances that a page shows one by one."""
_MOST_STUDIES: Final = 10_000
_RESULTS: Final = tuple(result for result in Result if result is not Result.NOT_ATTEMPTED)


class _Totals:
    """Counts rows while they are read, so that all parts of a report are of the same rows."""

    def __init__(self) -> None:
        self.groups: Counter[tuple[Result, int | None, str | None]] = Counter()
        self.proofs: Counter[ProofState | None] = Counter()
        self.studies: dict[str, dict[str, Any]] = {}
        self.bytes = 0
        self.troubles: list[JournalRow] = []
        self.examples: dict[str, str] = {}
        self.first = self.last = 0.0

    def add(self, row: JournalRow) -> None:
        is_stored = row.result is Result.STORED
        self.groups[row.result, row.status, row.reason] += 1
        if is_stored:
            self.bytes += row.size or 0
            self.proofs[None if row.proof is None else row.proof.state] += 1
        else:
            if len(self.troubles) < MOST_ROWS:
                self.troubles.append(row)
            if len(self.examples) < _MOST_STUDIES:
                self.examples.setdefault(row.study_uid, row.path)
        is_counted = row.study_uid in self.studies or len(self.studies) < _MOST_STUDIES
        study = self.studies.setdefault(row.study_uid if is_counted else "", {"instances": 0, "stored": 0, "bytes": 0})
        study["instances"] += 1
        study["stored"] += is_stored
        study["bytes"] += row.size or 0
        if row.time:
            self.first = min(self.first or row.time, row.time)
            self.last = max(self.last, row.time)

    def facts_of_study(self, uid: str) -> HeaderFacts | None:
        """What a file of a study that is not all stored tells of it; None if there is no such file any longer."""
        path = self.examples.get(uid, "")
        return facts_in_file(path, STUDY_TAGS) if os.path.isabs(path) else None

    @property
    def results(self) -> dict[str, int]:
        """The number of rows for each result."""
        counts = dict.fromkeys(map(result_name, _RESULTS), 0)
        for (result, _, _), count in self.groups.items():
            counts[result_name(result)] += count
        return counts

    def fields(self) -> dict[str, Any]:
        """The fields of a report that are known at its end."""
        results = self.results
        was_asked = any(state is not None for state in self.proofs)
        return {
            "first_outcome": format_time(self.first),
            "last_outcome": format_time(self.last),
            "totals": {"instances": sum(results.values()), **results, "bytes_stored": self.bytes},
            "groups": [
                {"outcome": result_name(result), "status": status_field(status), "reason": reason, "instances": count}
                for (result, status, reason), count in self.groups.most_common()
            ],
            **({"proofs": {proof_name(state): count for state, count in self.proofs.items()}} if was_asked else {}),
            "by_study": self.studies,
        }


def write_reports(reader: JournalReader, journal: str, files: Mapping[str, str]) -> None:
    """Write reports to ``files``, by their kind: ``html``, ``json``, ``csv``.

    Raises JournalError; ReportError, before the journal is read if the place of a report is not good.
    """
    page = load_page(files["html"]) if "html" in files else None
    opened: dict[str, ReportFile] = {}
    try:
        for kind, path in files.items():
            opened[kind] = ReportFile(path)
        _write(reader, journal, opened, page)
        for file in opened.values():
            file.close()
    except BaseException:
        for file in opened.values():
            file.give_up()
        raise


def _write(reader: JournalReader, journal: str, opened: Mapping[str, ReportFile], page: Template | None) -> None:
    start = {
        "schema_version": SCHEMA_VERSION,
        "program": f"dcmsend {VERSION}",
        "journal": journal.encode("utf-8", "replace").decode(),
        "peer": peer_fields(reader),
        "created": format_time(reader.binding.created / 1000),
        "opened": format_time(reader.binding.opened / 1000),
        "written": format_time(time.time()),
    }
    table, text = opened.get("csv"), opened.get("json")
    if table is not None:
        for line in csv_lines(JOURNAL_FIELDS, ()):
            table.write(line)
    if text is not None:
        text.write(f'{json.dumps(start, ensure_ascii=False, indent=1)[:-2]},\n "instances": [')
    totals, separator = _Totals(), "\n"
    for row in reader.rows(JournalFilter()):
        totals.add(row)
        if table is None and text is None:
            continue
        fields = row_fields(row)
        if table is not None:
            flat = flat_fields(fields)
            _, line = csv_lines(JOURNAL_FIELDS, ([flat.get(name) for name in JOURNAL_FIELDS],))
            table.write(line)
        if text is not None:
            text.write(f"{separator}  {json.dumps(fields, ensure_ascii=False)}")
            separator = ",\n"
    end = totals.fields()
    waiting = reader.waiting_transactions()
    if waiting.number:
        end["open_transactions"] = {**waiting._asdict(), "oldest": format_time(waiting.oldest or 0.0)}
    if text is not None:
        text.write(f"\n ],{json.dumps(end, ensure_ascii=False, indent=1)[1:]}\n")
    if page is not None:
        rows = [row_fields(row) for row in totals.troubles]
        kinds = [(*group, count) for group, count in totals.groups.most_common() if group[0] is not Result.STORED]
        opened["html"].write(render_journal_page(page, {**start, **end}, kinds, rows, totals.facts_of_study))
