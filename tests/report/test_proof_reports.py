"""Proofs in the reports for programs: told at once in JSON lines, joined at the end in JSON and CSV."""

from __future__ import annotations

import base64
import csv
import json
import os
import random
import re
import resource
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from dcmsend import Instance, Peer, ReadMode, Result, StoreOutcome
from dcmsend.cli.exit_code import ExitCode
from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from dcmsend.index import HeaderFacts, RejectedInput
from dcmsend.inputs import InputFile
from dcmsend.report import ProofSummary, ReportOptions, Reports, RunRecord, open_reports
from dcmsend.report.outcome_fields import clean
from dcmsend.transfer import InstanceProof, Proof, ProofState
from support.report_schema import STRICT_SCHEMA

PEER = Peer("127.0.0.1", 104).facts
CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
NOON = 1_772_625_600.0
HOSTILE = (
    "=cmd|' /C calc'!A0.dcm", 'a"b,c\r\nd.dcm', "\u2028\u202e]},{.dcm", "caf\udce9\udcff.dcm", "+1\n2\n.dcm", "'x\0y",
)  # fmt: skip
"""Names that a file, a journal or an archive's answer may bring."""


def outcome_of(index: int, name: str, result: Result = Result.STORED) -> StoreOutcome:
    facts = HeaderFacts("1.2.9", "1.2.8")
    instance = Instance(
        InputFile(name), CT_CLASS, f"1.2.3.{index}", EXPLICIT_VR_LITTLE_ENDIAN, ReadMode.FILE_ONLY, facts=facts
    )
    return StoreOutcome(index, instance, result, 0 if result is Result.STORED else 0xA700, association=1, message_id=1)


def proof_of(index: int, name: str, proof: Proof, series_uid: str = "1.2.9") -> InstanceProof:
    return InstanceProof(index, name, CT_CLASS, f"1.2.3.{index}", "1.2.8", series_uid, proof)


def options_for(folder: Path, *, with_proof: bool = True) -> ReportOptions:
    return ReportOptions(
        json_report=str(folder / "r.json"), jsonl_report=str(folder / "r.jsonl"), csv_report=str(folder / "r.csv"),
        with_proof=with_proof,
    )  # fmt: skip


class Told:
    """Reports that are told of a run which nobody has made."""

    def __init__(self, options: ReportOptions) -> None:
        self.record = RunRecord()
        self.record.proofs = ProofSummary() if options.with_proof else None
        self.reports: Reports = open_reports(options, PEER, self.record, None)

    def outcomes(self, outcomes: Iterable[StoreOutcome]) -> None:
        for outcome in outcomes:
            self.record.add(outcome)
            self.reports.outcome(outcome)

    def proofs(self, events: Iterable[InstanceProof]) -> None:
        assert self.record.proofs is not None
        for event in events:
            self.record.proofs.add(event)
            self.reports.proven(event)

    def finish(self) -> None:
        self.record.listed = self.record.all_found = self.record.ended = True
        self.reports.finish(self.record, lambda record: ExitCode.OK)


def check(value: Any, pointer: str = "") -> Any:
    schema = {"$defs": STRICT_SCHEMA["$defs"], "$ref": f"#/$defs/{pointer}"} if pointer else STRICT_SCHEMA
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(value)
    return value


def rows_of(folder: Path) -> list[dict[str, str]]:
    with open(folder / "r.csv", newline="") as file:
        return [
            {name: value.removeprefix("'") for name, value in row.items()} for row in csv.DictReader(file, strict=True)
        ]


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [check(json.loads(line), "line") for line in (folder / "r.jsonl").read_text().splitlines() if line]


def a_run(folder: Path) -> list[InstanceProof]:
    """Twelve instances with hostile names and all kinds of proofs, two instances of earlier runs, told in disorder."""
    told = Told(options_for(folder))
    names = [f"{number}-{name}" if number > 6 else name for number, name in enumerate(HOSTILE * 2, 1)]
    results = {3: Result.REFUSED}
    told.outcomes(outcome_of(index, name, results.get(index, Result.STORED)) for index, name in enumerate(names, 1))
    told.reports.rejected(RejectedInput("notes.txt", "no DICOM file", is_dicom=False))
    kinds = [
        Proof(ProofState.COMMITTED, None, "2.25.1", NOON), Proof(ProofState.VERIFIED, None, "", NOON + 0.25),
        Proof(ProofState.DENIED, 0x0112, "2.25.1", NOON), Proof(ProofState.MISSING, None, "", NOON),
        Proof(ProofState.NO_ANSWER, "timed_out", "2.25.2", 0.0),
    ]  # fmt: skip
    events = [
        proof_of(index, name, kinds[index % 5]) for index, name in enumerate(names, 1) if index not in (3, 12)
    ]
    events += [proof_of(0, HOSTILE[3], kinds[2]), proof_of(0, HOSTILE[1], kinds[1], series_uid="")]
    random.Random(7).shuffle(events)
    told.proofs(events)
    told.finish()
    assert told.reports.error is None
    return events


def test_that_each_instance_has_its_proof_in_json(tmp_path: Path) -> None:
    events = {event.index: event.proof for event in a_run(tmp_path) if event.index}
    report = check(json.loads((tmp_path / "r.json").read_text()))
    assert report["schema_version"] == "1.2"
    assert [each["index"] for each in report["instances"]] == [*range(1, 13), None]
    for each in report["instances"]:
        proof = events.get(each["index"])
        if proof is None:
            assert each["proof"] is None
        else:
            assert each["proof"]["state"] == proof.state.value.replace(" ", "_")
            assert each["proof"]["transaction"] == (proof.transaction_uid or None)
    assert report["instances"][6]["proof"] == {
        "state": "denied", "reason": "0x0112", "transaction": "2.25.1", "time": "2026-03-04T12:00:00.000Z",
    }  # fmt: skip
    assert report["instances"][8]["proof"] == {
        "state": "no_answer", "reason": "timed_out", "transaction": "2.25.2", "time": None,
    }  # fmt: skip
    assert report["totals"]["proofs"] == {
        "committed": 2, "verified": 4, "denied": 3, "missing": 1, "no_answer": 2, "of_earlier": 2
    }  # fmt: skip


def test_that_what_earlier_runs_have_sent_is_listed_apart_in_json(tmp_path: Path) -> None:
    events = [event for event in a_run(tmp_path) if not event.index]
    found = json.loads((tmp_path / "r.json").read_text())["proofs_of_earlier"]
    assert [each["path"] for each in found] == [clean(event.path) for event in events]
    undecodable = next(each for each in found if "path_base64" in each)
    assert base64.b64decode(undecodable["path_base64"]) == os.fsencode(HOSTILE[3])
    assert {each["series_uid"] for each in found} == {None, "1.2.9"}


def test_that_csv_says_the_same_as_json(tmp_path: Path) -> None:
    a_run(tmp_path)
    report = json.loads((tmp_path / "r.json").read_text())
    listed = report["instances"] + [{**each, "outcome": "already_stored"} for each in report["proofs_of_earlier"]]
    rows = rows_of(tmp_path)
    assert list(rows[0])[-4:] == ["proof", "proof_reason", "proof_transaction", "proof_time"]
    for row, each in zip(rows, listed, strict=True):
        assert None not in row
        for name in ("path", "sop_instance_uid", "series_uid", "outcome", "index"):
            assert row[name] == ("" if each.get(name) is None else str(each[name]))
        proof = each["proof"] or dict.fromkeys(("state", "reason", "transaction", "time"))
        shown = [row["proof"], row["proof_reason"], row["proof_transaction"], row["proof_time"]]
        assert shown == ["" if value is None else value for value in proof.values()]


def test_that_a_line_tells_of_a_proof_at_once(tmp_path: Path) -> None:
    told = Told(options_for(tmp_path))
    told.outcomes([outcome_of(1, "a.dcm")])
    told.proofs([proof_of(1, "a.dcm", Proof(ProofState.VERIFIED, None, "", NOON))])
    assert [line["type"] for line in lines_of(tmp_path)] == ["start", "outcome", "proof"]
    told.proofs([proof_of(0, HOSTILE[3], Proof(ProofState.DENIED, 0x0213, "2.25.1", NOON))])
    first, second = lines_of(tmp_path)[2:]
    assert first == {
        "type": "proof", "index": 1, "path": "a.dcm", "sop_class_uid": CT_CLASS, "sop_instance_uid": "1.2.3.1",
        "series_uid": "1.2.9", "study_uid": "1.2.8",
        "proof": {"state": "verified", "reason": None, "transaction": None, "time": "2026-03-04T12:00:00.000Z"},
    }  # fmt: skip
    assert (second["index"], second["proof"]["reason"]) == (None, "0x0213")
    assert base64.b64decode(second["path_base64"]) == os.fsencode(HOSTILE[3])
    told.finish()
    summary = lines_of(tmp_path)[-1]
    assert (summary["type"], summary["totals"]["proofs"]["of_earlier"]) == ("summary", 1)


def test_that_reports_without_a_proof_are_as_they_were(tmp_path: Path) -> None:
    told = Told(options_for(tmp_path, with_proof=False))
    told.outcomes([outcome_of(1, "a.dcm")])
    told.finish()
    report = check(json.loads((tmp_path / "r.json").read_text()))
    assert report["schema_version"] == "1.1"
    assert "proofs_of_earlier" not in report
    assert "proof" not in report["instances"][0]
    assert "proofs" not in report["totals"]
    assert rows_of(tmp_path)[0].keys().isdisjoint(("proof", "proof_reason"))


def test_that_a_run_which_ends_before_the_archive_was_asked_is_reported(tmp_path: Path) -> None:
    told = Told(options_for(tmp_path))
    told.outcomes([outcome_of(1, "a.dcm"), outcome_of(2, "b.dcm")])
    told.finish()
    report = check(json.loads((tmp_path / "r.json").read_text()))
    assert [each["proof"] for each in report["instances"]] == [None, None]
    assert [row["proof"] for row in rows_of(tmp_path)] == ["", ""]
    assert not [*tmp_path.glob("*.tmp")]


def test_that_a_run_of_nothing_can_prove_what_earlier_runs_have_sent(tmp_path: Path) -> None:
    told = Told(options_for(tmp_path))
    told.proofs(proof_of(0, f"{number}.dcm", Proof(ProofState.VERIFIED)) for number in range(3))
    told.finish()
    report = check(json.loads((tmp_path / "r.json").read_text()))
    assert (report["instances"], len(report["proofs_of_earlier"])) == ([], 3)
    assert [row["outcome"] for row in rows_of(tmp_path)] == ["already_stored"] * 3


def test_that_a_pipe_gets_the_whole_report(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        told = Told(ReportOptions(json_report=str(pipe), with_proof=True))
        told.outcomes([outcome_of(1, "a.dcm")])
        told.proofs([proof_of(1, "a.dcm", Proof(ProofState.VERIFIED))])
        told.finish()
        out, _ = reader.communicate(timeout=30)
    assert check(json.loads(out))["instances"][0]["proof"]["state"] == "verified"


_MANY = 8_000


def test_that_memory_grows_by_a_few_bytes_an_instance(tmp_path: Path) -> None:
    """Rows lie on the disk; of a proof some bytes are kept, whatever order they come in."""
    told = Told(options_for(tmp_path))
    same, indices = outcome_of(1, "a.dcm"), list(range(1, _MANY + 1))
    random.Random(1).shuffle(indices)
    told.outcomes([same] * 4000)  # the rows are in a file from then on
    tracemalloc.start()
    try:
        told.outcomes(outcome_of(index, "a.dcm") for index in range(4001, _MANY + 1))
        events = (
            proof_of(index, "a.dcm", Proof(ProofState.NO_ANSWER, "timed_out", f"2.25.{index // 250}", NOON + index))
            for index in indices
        )
        told.proofs(events)
        told.proofs(proof_of(0, "b" * 200, Proof(ProofState.VERIFIED)) for _ in range(_MANY // 4))
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert told.reports.error is None
    assert grown < _MANY * 20 + 9 * 2**18
    told.finish()
    instances = json.loads((tmp_path / "r.json").read_text())["instances"]
    assert len(instances) == _MANY
    assert instances[-1]["proof"]["transaction"] == f"2.25.{_MANY // 250}"


def test_that_dcmtks_report_and_summary_know_nothing_of_proofs(tmp_path: Path) -> None:
    written = []
    for with_proof in (False, True):
        told = Told(ReportOptions(text_report=str(tmp_path / "r.txt"), with_proof=with_proof))
        told.outcomes([outcome_of(1, "a.dcm"), outcome_of(2, "b.dcm", Result.REFUSED)])
        if with_proof:
            told.proofs([proof_of(1, "a.dcm", Proof(ProofState.MISSING))])
        told.finish()
        text = (tmp_path / "r.txt").read_text()
        assert "Current Date/Time" in text
        written.append((re.sub("Current Date/Time .*", "", text), told.record.format_summary()))
        (tmp_path / "r.txt").unlink()
    assert written[0] == written[1]


@pytest.mark.parametrize("report", ["r.json", "r.csv"])
def test_that_a_kill_while_rows_are_joined_keeps_the_earlier_report(tmp_path: Path, report: str) -> None:
    a_run(tmp_path)
    before = (tmp_path / report).read_bytes()
    program = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from report.test_proof_reports import *
told = Told(ReportOptions(**{sys.argv[3]: sys.argv[1]}, with_proof=True))
told.outcomes(outcome_of(index, "a.dcm") for index in range(1, 5001))
told.proofs(proof_of(index, "a.dcm", Proof(ProofState.VERIFIED)) for index in range(1, 5001))
import dcmsend.report.waiting_rows as module
take = module.WaitingRows.take
def killed(self):
    for number, row in enumerate(take(self)):
        if number == 2500:
            os.kill(os.getpid(), 9)
        yield row
module.WaitingRows.take = killed
told.finish()
"""
    option = {"r.json": "json_report", "r.csv": "csv_report"}[report]
    tests = str(Path(__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", program, tmp_path / report, tests, option], check=False, timeout=60)
    assert done.returncode == -9
    assert (tmp_path / report).read_bytes() == before
    left = {path.name for path in tmp_path.iterdir()} - {"r.json", "r.jsonl", "r.csv"}
    assert [re.sub(r"\.[0-9a-f]+\.", ".", name) for name in left] == [f"{report}.tmp"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_that_a_report_that_cannot_be_completed_is_an_error_and_no_crash(tmp_path: Path) -> None:
    told = Told(ReportOptions(csv_report="/dev/full", json_report=str(tmp_path / "r.json"), with_proof=True))
    told.outcomes(outcome_of(index, "a.dcm") for index in range(1, 3001))
    told.proofs(proof_of(index, "a.dcm", Proof(ProofState.VERIFIED)) for index in range(1, 3001))
    told.finish()
    assert told.reports.error is not None
    assert len(json.loads((tmp_path / "r.json").read_text())["instances"]) == 3000


def test_that_rows_which_cannot_be_kept_give_up_the_report_alone(tmp_path: Path) -> None:
    """The limit on the size of files stands for a full disk."""
    told = Told(ReportOptions(json_report=str(tmp_path / "r.json"), jsonl_report=os.devnull, with_proof=True))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_200_000, hard))
        told.outcomes(outcome_of(index, "a.dcm") for index in range(1, 5001))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    told.finish()
    assert told.reports.error is not None
    assert not [*tmp_path.iterdir()]
