"""The report file, byte for byte, with DCMTK's own program as the judge."""

from __future__ import annotations

import base64
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcmsend import IndexOptions, Peer, PlanOptions, Result, StoreOutcome, TransferOptions
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.errors import ReportError
from dcmsend.index import Instance, ReadMode
from dcmsend.inputs import InputFile
from dcmsend.report import ReportOptions, RunRecord, format_outcome, format_text_report, write_text_report
from dcmsend.report.outcome_fields import path_fields
from dcmsend.run import Run
from dcmsend.settings import Settings
from support.fixture_files import CT_CLASS, EI, FixtureFiles
from support.peer_script import Abort, Accept, Reject, Respond, Script, refuse
from support.report_file import parse_report
from support.scripted_peer import ScriptedPeer
from support.senders import OURS, reference_program, run_program
from support.sending import send_all, write_instances


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> FixtureFiles:
    return FixtureFiles(tmp_path_factory.mktemp("report"))


def both_reports(files: FixtureFiles, own: Path, script: Script, *arguments: str) -> tuple[str, str]:
    """DCMTK's report and ours of the same run, date and port masked."""
    reference = reference_program()
    if reference is None:
        pytest.skip("DCMTK's dcmsend 3.6.7 is not installed: nothing to compare with")
    reports = []
    for program in (reference, OURS):
        done = run_program(
            program,
            ["127.0.0.1", "{port}", *arguments, "+crf", "{own}/report.txt"],
            ScriptedPeer(script),
            working_directory=files.directory,
            own_directory=own / program.name,
        )
        assert done.report is not None, done
        reports.append(re.sub(r"(?m)^(Current Date/Time  : )\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$", r"\1MASKED", done.report))
    assert all("MASKED" in report for report in reports)
    return reports[0], reports[1]


ALL_STATUSES = [
    0x0000, 0x0001, 0x0105, 0x0106, 0x0107, 0x0110, 0x0111, 0x0116, 0x0117, 0x0122, 0x0124, 0x0210, 0x0211, 0x0212,
    0x1234, 0xA000, 0xA700, 0xA701, 0xA7FF, 0xA800, 0xA8FF, 0xA900, 0xA9FF, 0xAA00, 0xB000, 0xB001, 0xB006, 0xB007,
    0xBFFF, 0xC000, 0xC001, 0xCFFF, 0xD000, 0xFE00, 0xFF00, 0xFF01, 0xFFFD,
]  # fmt: skip


@pytest.mark.peer("dcmtk-dcmsend")
def test_all_status_texts(files: FixtureFiles, tmp_path: Path) -> None:
    script = Script(stores={number: Respond(status) for number, status in enumerate(ALL_STATUSES, start=1)})
    theirs, ours = both_reports(files, tmp_path, script, *files.many(*["CT"] * len(ALL_STATUSES)))
    assert ours == theirs
    assert ours.count("\nDIMSE Status  : 0x") == len(ALL_STATUSES)


@pytest.mark.peer("dcmtk-dcmsend")
@pytest.mark.parametrize(
    ("names", "options", "script"),
    [
        (["CT", "IMP", "BE", "MR", "J2L", "JLL"], [], Script()),
        (["CT", "MR", "CT2"], ["-nh"], Script(associate=Accept(refuse(3)))),
        (["CT", "MR"], ["-nh"], Script(associate=Accept(refuse()))),
        (["CT", "C1", "C2"], ["-nh"], Script(stores={3: Respond(0xA900)})),
        (["CT"], ["-aet", "WITH BLANK", "-aec", "longer than sixteen characters"], Script()),
        ([*[f"C{number}" for number in range(1, 131)], "CT"], [], Script()),
        ([*[f"C{number}" for number in range(1, 131)], "CT"], ["-ma"], Script()),
    ],
    ids=["syntaxes", "context refused", "all refused", "classes without a name", "titles", "two associations", "-ma"],
)
def test_same_report(
    files: FixtureFiles, tmp_path: Path, names: list[str], options: list[str], script: Script
) -> None:
    theirs, ours = both_reports(files, tmp_path, script, *options, *files.many(*names))
    assert ours == theirs


@pytest.mark.peer("dcmtk-dcmsend")
@pytest.mark.parametrize(
    "name", [b"caf\xe9 \xff.dcm", "caf\u00e9 \u65e5\u672c.dcm".encode(), b"two\nlines.dcm", b" .dcm"]
)
def test_file_names_keep_their_bytes(files: FixtureFiles, tmp_path: Path, name: bytes) -> None:
    path = os.path.join(os.fsencode(files.directory), name)
    with open(path, "wb") as file:
        file.write(files.bytes("CT"))
    theirs, ours = both_reports(files, tmp_path, Script(), os.fsdecode(name))
    assert ours == theirs
    assert f"Filename      : {os.fsdecode(name)}\n" in ours


# --- our own


def report_of(folder: Path, script: Script, *names: Path, halt: bool = False) -> tuple[RunRecord, Path]:
    """A run as the command makes it."""
    report = folder / "report.txt"
    with ScriptedPeer(script) as peer:
        settings = Settings(
            Peer("127.0.0.1", peer.port),
            index=IndexOptions(halt_on_invalid=halt),
            plan=PlanOptions(halt_on_refusal=halt),
            transfer=TransferOptions(halt_on_failure=halt),
            report=ReportOptions(str(report)),
        )
        run = Run(settings)
        run.send_names([str(name) for name in names])
        return run.record, report


def test_reports_are_completed_when_the_log_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(run: Run) -> None:
        raise RuntimeError("a handler of the program's own")

    monkeypatch.setattr(Run, "_tell_totals", fail)
    with pytest.raises(RuntimeError, match="of the program's own"):
        report_of(tmp_path, Script(), *write_instances(tmp_path / "in", 1))
    assert len(parse_report((tmp_path / "report.txt").read_text()).entries) == 1


def test_report_and_record_say_the_same(tmp_path: Path) -> None:
    files = write_instances(tmp_path / "in", 4)
    files[2].write_bytes(files[2].read_bytes()[:-1])
    record, path = report_of(tmp_path, Script(stores={2: Respond(0xC123)}), *files)
    entries = parse_report(path.read_text()).entries
    assert [entry["DIMSE Status"] for entry in entries] == [
        "0x0000 (Success)", "0xc123 (Error: CannotUnderstand)", "<not sent>", "0x0000 (Success)",
    ]  # fmt: skip
    assert [entry["Number"] for entry in entries] == ["1", "2", "3", "4"]
    assert [entry["Network Xfer"] for entry in entries][2] == ""
    assert record.error is None
    assert record.summary.total == 4


@pytest.mark.parametrize(
    "script", [Script(associate=Reject(1, 1, 1)), Script(stores={2: Abort()})], ids=["rejected", "aborted"]
)
def test_a_run_that_ends_early_has_a_partial_report(tmp_path: Path, script: Script) -> None:
    record, path = report_of(tmp_path, script, *write_instances(tmp_path / "in", 3), halt=True)
    assert record.error is not None
    assert not path.exists()
    assert len(parse_report(path.with_name("report.txt.partial").read_text()).entries) == 3


def test_an_earlier_report_survives_a_run_that_ends_early(tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_text("of yesterday")
    _, path = report_of(tmp_path, Script(associate=Reject(1, 1, 1)), *write_instances(tmp_path / "in", 1))
    assert path.read_text() == "of yesterday"


def test_no_partial_report_beside_a_device_or_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "report.txt")
    record, path = report_of(tmp_path, Script(associate=Reject(1, 1, 1)), *write_instances(tmp_path / "in", 1))
    assert record.report_error is None
    assert not path.with_name("report.txt.partial").exists()


@pytest.mark.parametrize(
    ("name", "reason"),
    [("none/report.txt", "No such file or directory"), ("", "Is a directory"), ("a\0b", "embedded null byte")],
)
def test_a_report_that_cannot_be_written(tmp_path: Path, name: str, reason: str) -> None:
    path = os.path.join(tmp_path, name) if name else str(tmp_path)
    with pytest.raises(ReportError) as caught:
        write_text_report(path, ["text"])
    assert (caught.value.path, caught.value.reason) == (path, reason)


def test_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(ReportError) as caught:
        write_text_report("/dev/full", ["text"] * 100)
    assert caught.value.reason == "No space left on device"


def test_a_name_that_no_file_can_have_does_not_end_in_a_traceback(tmp_path: Path) -> None:
    with pytest.raises(ReportError):
        write_text_report(str(tmp_path / "report"), ["\ud800"])


def test_an_instance_with_a_lone_surrogate_in_its_name_has_its_block(tmp_path: Path) -> None:
    """Such names are those of files on Windows; the file gets the bytes that the name stands for."""
    odd = InputFile("caf\udce9\ud800.dcm")
    instance = Instance(odd, CT_CLASS, "1.2", transfer_syntax(EI), ReadMode.FILE_ONLY)
    outcome = StoreOutcome(1, instance, Result.STORED, 0, None)
    write_text_report(str(tmp_path / "r"), [format_outcome(outcome)])
    assert b"caf\xed\xb3\xa9\xed\xa0\x80.dcm\n" in (tmp_path / "r").read_bytes()


def test_a_name_keeps_its_bytes_under_a_locale_without_utf_8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsencode", lambda name: name.encode("latin-1"))
    names = {"R\xf6.dcm": b"R\xf6.dcm", "s3://store/\u65e5.dcm": b"s3://store/\xe6\x97\xa5.dcm"}
    for name, told in names.items():
        instance = Instance(InputFile(name), CT_CLASS, "1.2", transfer_syntax(EI), ReadMode.FILE_ONLY)
        outcome = StoreOutcome(1, instance, Result.STORED, 0, None)
        write_text_report(str(tmp_path / "r"), [format_outcome(outcome)])
        assert b"Filename      : " + told + b"\n" in (tmp_path / "r").read_bytes()
        fields = path_fields(name)
        assert fields["path"] == name
        assert base64.b64decode(fields.get("path_base64", "")) == (b"" if told == name.encode() else told)


def test_a_long_report_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    """It is written piece by piece, one for each instance."""
    (outcome,) = send_all(write_instances(tmp_path, 1)).outcomes
    alive = 0

    def outcomes() -> Iterator[StoreOutcome]:
        nonlocal alive
        for _ in range(1000):
            alive += 1
            yield outcome

    pieces = format_text_report(Peer("host", 104).facts, map(format_outcome, outcomes()), "summary", now=0.0)
    next(pieces)
    assert alive == 0
    next(pieces)
    assert alive == 1
    assert sum(1 for _ in pieces) == 1000


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_report_on_a_full_disk_is_not_left_half_written(tmp_path: Path) -> None:
    """A regular file is removed, a device is left alone."""
    report = tmp_path / "report.txt"

    def pieces() -> Iterator[str]:
        yield "x" * 100_000
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(ReportError, match="cannot write detailed report"):
        write_text_report(str(report), pieces())
    assert not report.exists()
    with pytest.raises(ReportError):
        write_text_report("/dev/full", ["x" * 100_000])
    assert os.path.exists("/dev/full")
