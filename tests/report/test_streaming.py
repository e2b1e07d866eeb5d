"""Reports write while the run goes on and keep nothing that grows with the number of files."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

from dcmsend import Peer, StoreOutcome
from dcmsend.report import RunRecord
from dcmsend.report.csv_report import CsvReport
from dcmsend.report.field_source import FieldSource
from dcmsend.report.json_report import JsonReport
from dcmsend.report.jsonl_report import JsonLinesReport
from dcmsend.report.run_fields import RunFields
from dcmsend.report.spool import Spool
from dcmsend.report.text_report import TextReport
from support.sending import send_all, write_instances

PEER = Peer("host", 104).facts


def outcome_of(folder: Path) -> StoreOutcome:
    (outcome,) = send_all(write_instances(folder, 1)).outcomes
    return outcome


def test_spool_gives_back_what_it_was_given() -> None:
    spool = Spool()
    pieces = [f"{number} \udce9\u65e5\n" * 1000 for number in range(200)]
    for piece in pieces:
        spool.add(piece)
    assert "".join(spool) == "".join(pieces)
    assert "".join(spool) == "".join(pieces)


def test_memory_does_not_grow_with_the_number_of_outcomes(tmp_path: Path) -> None:
    outcome = outcome_of(tmp_path / "in")
    record = RunRecord()
    source = FieldSource(with_patient=True)
    run = RunFields(PEER, record, source)
    reports = [
        run, JsonReport(str(tmp_path / "r.json"), run, source), JsonLinesReport(str(tmp_path / "r.jsonl"), run, source),
        CsvReport(str(tmp_path / "r.csv"), source), TextReport(str(tmp_path / "r.txt"), PEER),
    ]  # fmt: skip
    record.listed = record.ended = True
    for report in reports:
        report.begin()

    def tell(count: int) -> None:
        for _ in range(count):
            for report in reports:
                report.outcome(outcome)

    tell(3000)  # the text report is in a file from then on
    tracemalloc.start()
    try:
        tell(3000)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    for report in reports:
        report.finish(record)
    assert grown < 1.5 * 2**20
    assert len(json.loads((tmp_path / "r.json").read_text())["instances"]) == 6000
    assert (tmp_path / "r.txt").read_text().count("\nSOP Instance  : ") == 6000
    assert len((tmp_path / "r.csv").read_text().splitlines()) == 6001


def test_progress_comes_every_ten_seconds(tmp_path: Path) -> None:
    outcome = outcome_of(tmp_path / "in")
    times = iter((100.0, 100.0, 105.0, 110.0, 115.0, 119.0, 121.0))
    run = RunFields(PEER, RunRecord())
    report = JsonLinesReport(str(tmp_path / "r.jsonl"), run, FieldSource(), clock=lambda: next(times))
    for _ in range(6):
        report.outcome(outcome)
    lines = [json.loads(line)["type"] for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert lines == ["outcome", "outcome", "outcome", "progress", "outcome", "outcome", "outcome", "progress"]
