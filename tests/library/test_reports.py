"""A program has the same reports written as the command."""

from __future__ import annotations

import base64
import csv
import json
import os
import re
import zipfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import jsonschema
import pytest

from dcmsend import (
    InputOptions,
    InstanceProof,
    JournalOptions,
    Observer,
    Peer,
    ReportOptions,
    StoreOutcome,
    VerifyOptions,
    send,
)
from dcmsend.cli.journal_fields import row_fields
from dcmsend.errors import Cancelled, ConnectionLost, NegotiationFailed, NoValidInputFiles, ReportError
from dcmsend.journal import JournalFilter, JournalReader
from support.peer_script import Reject, Respond, Script
from support.report_schema import STRICT_SCHEMA
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

FILES = ("text_report", "json_report", "jsonl_report", "csv_report", "html_report", "metrics_file")


@pytest.fixture
def options(tmp_path: Path) -> ReportOptions:
    folder = tmp_path / "reports"
    folder.mkdir()
    return ReportOptions(
        text_report=folder / "r.txt",
        json_report=folder / "r.json",
        jsonl_report=folder / "r.jsonl",
        csv_report=folder / "r.csv",
        html_report=folder / "r.html",
    )


def rows(options: ReportOptions) -> list[str]:
    """What all reports for programs say of each input."""
    with open(options.csv_report, encoding="utf-8-sig", newline="") as file:
        found = [row["outcome"] for row in csv.DictReader(file)]
    with open(options.json_report, encoding="utf-8") as file:
        assert [row["outcome"] for row in json.load(file)["instances"]] == found
    lines = [json.loads(line) for line in Path(options.jsonl_report).read_text().splitlines()]
    assert [line["outcome"] for line in lines if "outcome" in line] == found
    assert "<html" in Path(options.html_report).read_text()
    return found


def test_all_reports_are_complete_after_the_last_outcome(tmp_path: Path, options: ReportOptions) -> None:
    paths = write_instances(tmp_path / "in", 3)
    (tmp_path / "in" / "notes.txt").write_text("no DICOM")
    with ScriptedPeer(Script(stores={2: Respond(0xA700)})) as peer:
        results = [each.result.value for each in send(tmp_path / "in", Peer("127.0.0.1", peer.port), report=options)]
    assert results == ["stored", "refused", "stored"]
    assert rows(options) == ["not_dicom", *results]
    text = Path(options.text_report).read_text()
    assert [text.count(f"Filename      : {path}\n") for path in paths] == [1, 1, 1]
    page = json.loads(Path(options.json_report).read_text())
    assert page["exit"] is None
    assert page["ended_by"] == "end"
    assert page["complete"]


def test_reports_tell_of_the_error_that_ended_the_transfer(tmp_path: Path, options: ReportOptions) -> None:
    paths = write_instances(tmp_path / "in", 2)
    with ScriptedPeer(Script(associate=Reject(1, 1, 7))) as peer, pytest.raises(NegotiationFailed):
        list(send(paths, Peer("127.0.0.1", peer.port), report=options))
    assert rows(options) == ["not_attempted"] * 2
    assert json.loads(Path(options.json_report).read_text())["ended_by"] == "error"


def test_reports_of_a_loop_that_is_left(tmp_path: Path, options: ReportOptions) -> None:
    paths = write_instances(tmp_path / "in", 3)
    with ScriptedPeer() as peer, send(paths, Peer("127.0.0.1", peer.port), report=options) as transfer:
        next(iter(transfer))
    assert rows(options)[0] == "stored"
    assert json.loads(Path(options.json_report).read_text())["ended_by"] == "caller"


def test_reports_of_an_iterator_that_is_kept(tmp_path: Path, options: ReportOptions) -> None:
    """The end of the ``with`` block is the end of the transfer, and no error of ours."""
    paths = write_instances(tmp_path / "in", 3)
    with ScriptedPeer() as peer, send(paths, Peer("127.0.0.1", peer.port), report=options) as transfer:
        kept = iter(transfer)
        next(kept)
    assert rows(options)[0] == "stored"
    assert json.loads(Path(options.json_report).read_text())["ended_by"] == "caller"
    assert isinstance(transfer.error, Cancelled)
    assert list(kept) == []


def test_a_transfer_that_was_never_iterated_has_no_end(tmp_path: Path, options: ReportOptions) -> None:
    with send(write_instances(tmp_path / "in", 1), Peer("127.0.0.1", 1), report=options) as transfer:
        pass
    assert transfer.error is None
    assert not Path(options.json_report).exists()


def test_a_report_that_cannot_be_written_is_an_error_before_anything_is_sent(tmp_path: Path) -> None:
    (path,) = write_instances(tmp_path / "in", 1)
    for wrong in (tmp_path / "missing" / "r.csv", path):
        for field in ReportOptions(**dict.fromkeys(FILES, wrong)).written:
            with ScriptedPeer() as peer, pytest.raises(ReportError):
                list(send([path], Peer("127.0.0.1", peer.port), report=ReportOptions(**{field: wrong})))
            assert not peer.connections, field
    assert path.read_bytes()[128:132] == b"DICM"


def test_a_file_of_the_first_second_of_1970_has_its_time(tmp_path: Path, options: ReportOptions) -> None:
    """As files of archives and systems that set all times to zero."""
    paths = write_instances(tmp_path / "in", 1)
    (tmp_path / "in" / "notes.txt").write_text("no DICOM")
    for path in (*paths, tmp_path / "in" / "notes.txt"):
        os.utime(path, (0, 0))
    with ScriptedPeer() as peer:
        journal = JournalOptions(str(tmp_path / "journal"))
        assert len(list(send(tmp_path / "in", Peer("127.0.0.1", peer.port), report=options, journal=journal))) == 1
    found = [row["mtime"] for row in json.loads(Path(options.json_report).read_text())["instances"]]
    with JournalReader(journal.path) as reader:
        found += [row_fields(row)["mtime"] for row in reader.rows(JournalFilter())]
    assert found == ["1970-01-01T00:00:00.000Z"] * 3


def test_a_name_with_a_lone_surrogate_has_its_row(tmp_path: Path, options: ReportOptions) -> None:
    """Windows has such names, though they are neither text nor escaped bytes."""
    (path,) = write_instances(tmp_path / "in", 1)
    with ScriptedPeer() as peer:
        transfer = send(["\ud800.dcm", path], Peer("127.0.0.1", peer.port), report=options)
        assert [outcome.result.value for outcome in transfer] == ["stored"]
    assert rows(options) == ["invalid", "stored"]
    odd = json.loads(Path(options.json_report).read_text())["instances"][0]
    assert odd["path"] == "\ufffd.dcm"
    assert base64.b64decode(odd["path_base64"]) == b"\xed\xa0\x80.dcm"


def test_metrics_alone(tmp_path: Path) -> None:
    paths, file = write_instances(tmp_path / "in", 3), tmp_path / "run.prom"
    with ScriptedPeer() as peer:
        assert len(list(send(paths, Peer("127.0.0.1", peer.port), report=ReportOptions(metrics_file=file)))) == 3
    found = re.findall(r'^dcmsend_instances\w*{.*="stored".*} (\d+)$', file.read_text(), re.MULTILINE)
    assert found == ["3"]


@pytest.mark.parametrize("first", FILES)
@pytest.mark.parametrize("second", [*FILES, "journal"])
def test_two_reports_are_never_written_to_one_file(tmp_path: Path, first: str, second: str) -> None:
    """One of them would be lost without a word."""
    if first == second:
        return
    (tmp_path / "link").symlink_to("file")
    names = {first: tmp_path / "file", second: tmp_path / "link"}
    journal = JournalOptions(names.pop("journal")) if "journal" in names else None
    with pytest.raises(ValueError, match=f"ReportOptions: .*{first}.* would be written to the same file"):
        send("x", Peer("127.0.0.1", 104), report=ReportOptions(**names), journal=journal)


def test_reports_of_an_earlier_run_in_the_folder_are_no_inputs(tmp_path: Path) -> None:
    write_instances(tmp_path, 1)
    report = ReportOptions(json_report=tmp_path / "r.json")
    with ScriptedPeer() as peer:
        for _ in range(2):
            transfer = send(tmp_path, Peer("127.0.0.1", peer.port), report=report)
            assert len(list(transfer)) == 1
            assert not transfer.rejected


def test_a_report_does_not_take_the_place_of_an_archive_that_is_left_to_a_later_transfer(tmp_path: Path) -> None:
    (image,) = write_instances(tmp_path, 1)
    os.utime(image, (1e9, 1e9))
    archive = tmp_path / "study.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(image, "a.dcm")
    content = archive.read_bytes()
    inputs = InputOptions(scan_directories=True, archives=True, min_age=3600)
    with ScriptedPeer() as peer, pytest.raises(ReportError):
        list(send(tmp_path, Peer("127.0.0.1", peer.port), inputs=inputs, report=ReportOptions(text_report=archive)))
    assert archive.read_bytes() == content


def test_with_a_proof_the_reports_are_complete_when_it_has_ended(tmp_path: Path, options: ReportOptions) -> None:
    paths = write_instances(tmp_path / "in", 2)
    with ScriptedPeer() as peer:
        receiver = Peer("127.0.0.1", peer.port)
        transfer = send(paths, receiver, report=options, verify=VerifyOptions(), archive=Peer("127.0.0.1", 1))
        list(transfer)
        assert not Path(options.json_report).exists()
        assert [event.proof.state.value for event in transfer.proofs()] == ["no answer"] * 2
    page = json.loads(Path(options.json_report).read_text())
    assert [row["proof"]["state"] for row in page["instances"]] == ["no_answer"] * 2


def test_there_are_reports_where_nothing_is_found(tmp_path: Path, options: ReportOptions) -> None:
    (tmp_path / "notes").write_text("no DICOM")
    journal = JournalOptions(tmp_path / "a.journal")
    with pytest.raises(NoValidInputFiles):
        list(send(tmp_path / "notes", Peer("127.0.0.1", 1), report=options, journal=journal))
    assert rows(options) == ["not_dicom"]


@pytest.mark.parametrize("error", [LookupError("of the caller"), NegotiationFailed(ConnectionLost("of the caller"))])
@pytest.mark.parametrize("where", ["items", "observer", "proof"])
def test_an_exception_of_the_caller_is_no_error_of_ours(
    tmp_path: Path, options: ReportOptions, where: str, error: Exception
) -> None:
    """The reports are written all the same, and the exception arrives."""
    paths = write_instances(tmp_path / "in", 3)

    def items() -> Iterator[Path]:
        yield paths[0]
        if where == "items":
            raise error
        yield from paths[1:]

    class Failing(Observer):
        def outcome(self, outcome: StoreOutcome) -> None:
            if where == "observer":
                raise error

        def proven(self, event: InstanceProof) -> None:
            raise error

    archive = Peer("127.0.0.1", 1) if where == "proof" else None
    with ScriptedPeer() as peer:
        transfer = send(
            items(), Peer("127.0.0.1", peer.port), report=options, observer=Failing(), archive=archive,
            verify=None if archive is None else VerifyOptions(),
        )  # fmt: skip
        events = chain(transfer, transfer.proofs())
        with pytest.raises(type(error), match="of the caller"):
            list(events)
    report = json.loads(Path(options.json_report).read_text())
    assert (report["ended_by"], report["complete"], report["exit"]) == ("exception", False, None)
    jsonschema.validate(report, STRICT_SCHEMA)
