"""A file that is sent is opened to be scanned and to be sent, and never again, whatever is asked for beside.

Files that are not kept from the scan until they are sent are opened twice, among them small ones that have just been
written; the others once.
"""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest
from pydicom import dcmread

from dcmsend import IndexOptions, KeepTogether
from dcmsend.inputs import pydicom_data_set
from support.archive import commitment_archive
from support.corpus import DATA
from support.data_set_bytes import EXPLICIT_BIG
from support.fixture_files import CT_CLASS
from support.media_files import dicomdir, record
from support.peer_script import Respond, Script
from support.ports import free_port
from support.programs import installed_dcmsend
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import send_all
from support.series_files import write_series
from support.system_calls import file_calls

REPORTS = ("--report-csv", "--report-json", "--report-jsonl", "--report-html", "+crf")


def names_of(count: int) -> list[tuple[str, str]]:
    """Studies of three series of five instances."""
    return [(f"1.2.{n // 15}", f"1.2.{n // 15}.{n // 5}") for n in range(count)]


def write_now(folder: Path, count: int) -> list[Path]:
    """Small files that have just been written, however long it takes until they are looked at: they are not kept."""
    paths = write_series(folder, names_of(count))
    for path in paths:
        os.utime(path, (4_000_000_000, 4_000_000_000))
    return paths


def all_reports(folder: Path) -> list[str | Path]:
    return [part for number, option in enumerate(REPORTS) for part in (option, folder / f"report{number}")]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.peer("strace")
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("reports",),
        ("reports", "--report-patient", "--send-while-scanning"),
        ("reports", "--journal", "@/journal", "--move-sent", "@/sent", "--parallel-associations", "3"),
        ("--keep-together", "series", "--parallel-associations", "2"),
        ("reports", "--keep-together", "study", "--parallel-associations", "2", "+f"),
        ("reports", "--retry", "2"),
    ],
    ids=lambda options: " ".join(options) or "plain",
)
def test_opens(tmp_path: Path, options: tuple[str, ...]) -> None:
    paths = write_now(tmp_path / "in", 12)
    arguments = [option.replace("@", str(tmp_path)) for option in options if option != "reports"]
    if "reports" in options:
        arguments += map(str, all_reports(tmp_path))
    with ScriptedPeer() as peer:
        done, calls = file_calls(
            tmp_path, {path.name for path in paths}, installed_dcmsend(), *arguments, "+sd", "127.0.0.1", peer.port,
            tmp_path / "in",
        )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert len(peer.stores) == 12
    moves = "--move-sent" in options
    for path in paths:
        of_file = calls[path.name]
        assert of_file.count("open") == 2
        first_move = of_file.index("rename") if moves else len(of_file)
        assert "open" not in of_file[first_move:]
        if not moves:
            assert set(of_file) == {"open"}


@pytest.mark.peer("strace")
@pytest.mark.peer("pynetdicom")
@pytest.mark.parametrize("options", [
    (), ("--journal", "@/journal"), ("--parallel-associations", "3"),
    ("--journal", "@/journal", "--move-sent", "@/sent"),
])  # fmt: skip
def test_opens_of_what_is_proven(tmp_path: Path, options: tuple[str, ...]) -> None:
    """What the archive is asked about, and what the reports tell of it, is known from the file when it was sent."""
    paths = write_now(tmp_path / "in", 12)
    arguments = [option.replace("@", str(tmp_path)) for option in options] + list(map(str, all_reports(tmp_path)))
    with commitment_archive() as archive:
        done, calls = file_calls(
            tmp_path, {path.name for path in paths}, installed_dcmsend(), "--verify", *arguments, "-aec", "ARCHIVE",
            "+sd", "127.0.0.1", archive.port, tmp_path / "in",
        )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert [row["proof"] for row in rows_of(tmp_path / "report0")] == ["verified"] * 12
    assert [calls[path.name].count("open") for path in paths] == [2] * 12
    assert not any((tmp_path / "in").iterdir()) or "--move-sent" not in options


@pytest.mark.peer("strace")
@pytest.mark.parametrize("size", [500, 60_000])
@pytest.mark.parametrize(
    ("count", "options"),
    [
        (1, ()),
        (10, ("reports", "--report-patient")),
        (10, ("reports", "--journal", "@/journal", "--move-sent", "@/sent", "--parallel-associations", "3")),
        (10, ("reports", "--keep-together", "study", "--parallel-associations", "2", "--send-while-scanning")),
    ],
    ids=["one file", "reports", "moves", "groups"],
)
def test_one_open(tmp_path: Path, count: int, options: tuple[str, ...], size: int) -> None:
    paths = write_series(tmp_path / "in", names_of(count))
    for path in paths:
        with path.open("ab") as file:
            file.write(b"\xe0\x7f\x10\0OW\0\0" + size.to_bytes(4, "little") + bytes(size))
        os.utime(path, (1_600_000_000, 1_600_000_000))
    arguments = [option.replace("@", str(tmp_path)) for option in options if option != "reports"]
    if "reports" in options:
        arguments += map(str, all_reports(tmp_path))
    with ScriptedPeer() as peer:
        done, calls = file_calls(
            tmp_path, {path.name for path in paths}, installed_dcmsend(), *arguments, "+sd", "127.0.0.1", peer.port,
            tmp_path / "in",
        )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert len(peer.stores) == count
    moves = "--move-sent" in options
    for path in paths:
        assert calls[path.name].count("open") == 1
        if not moves:
            assert calls[path.name] == ["open", "stat"]


@pytest.mark.peer("strace")
def test_opens_of_a_dicomdir(tmp_path: Path) -> None:
    paths = write_now(tmp_path / "in", 4)
    records = [record("IMAGE", path.name, number) for number, path in enumerate(paths, start=1)]
    (tmp_path / "in" / "DICOMDIR").write_bytes(dicomdir(*records))
    arguments = ("--report-csv", tmp_path / "csv", "--keep-together", "series", "--journal", tmp_path / "journal")
    with ScriptedPeer() as peer:
        done, calls = file_calls(
            tmp_path, {path.name for path in paths}, installed_dcmsend(), *arguments, "+rd", "127.0.0.1", peer.port,
            tmp_path / "in" / "DICOMDIR",
        )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert [calls[path.name].count("open") for path in paths] == [2] * 4
    assert [row["series_uid"] for row in rows_of(tmp_path / "csv")] == [series for _, series in names_of(4)]


@pytest.mark.parametrize("keep", [KeepTogether.NONE, KeepTogether.SERIES])
def test_data_sets_in_memory_are_encoded_at_most_twice(monkeypatch: pytest.MonkeyPatch, keep: KeepTogether) -> None:
    """Once to be sent, and where groups are made of values that only the data set has, once for them."""
    encodings = []
    encode = pydicom_data_set.encode_data_set

    def counted(data_set: object, *arguments: object) -> bytes:
        encodings.append(data_set)
        return encode(data_set, *arguments)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(pydicom_data_set, "encode_data_set", counted)
    items = [dcmread(DATA / "pydicom" / "CT_small.dcm") for _ in range(3)]
    sent = send_all(items, index=IndexOptions(keep_together=keep))
    assert sent.results == ["stored"] * 3
    assert len(encodings) == (3 if keep is KeepTogether.NONE else 6)
    assert [outcome.facts and outcome.facts.study_uid for outcome in sent.outcomes] == [
        str(item.StudyInstanceUID) for item in items
    ]


def test_every_row_is_complete_when_files_are_moved_meanwhile(tmp_path: Path) -> None:
    """600 files over several associations: the reports come after the moves, and know everything all the same."""
    names = names_of(600)
    paths = write_series(tmp_path / "in", names)
    expected = {
        str(path): [study, series, str(path.stat().st_size)] for path, (study, series) in zip(paths, names, strict=True)
    }
    slow = Script(stores={1: Respond(delay=1)})  # what is in front is answered last
    with ScriptedPeer(slow, Script()) as peer:
        done = run(
            installed_dcmsend(), *all_reports(tmp_path), "--journal", tmp_path / "journal", "--move-sent",
            tmp_path / "sent", "--parallel-associations", 4, "+sd", "127.0.0.1", peer.port, tmp_path / "in",
        )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert not any((tmp_path / "in").iterdir())
    rows = rows_of(tmp_path / "report0")
    assert {row["path"]: [row["study_uid"], row["series_uid"], row["size"]] for row in rows} == expected
    assert all(row["mtime"] for row in rows)
    report = json.loads((tmp_path / "report1").read_text())
    assert {study: counts["stored"] for study, counts in report["by_study"].items()} == {
        f"1.2.{number}": 15 for number in range(40)
    }


def test_a_row_of_a_file_that_was_not_sent_has_what_the_scan_has_seen(tmp_path: Path) -> None:
    (path,) = write_series(tmp_path, [("1.2.3", "1.2.3.4")])
    broken = tmp_path / "broken"
    broken.write_bytes(path.read_bytes()[:-2] + b"\x28\0\x10\0US\2")
    nothing = tmp_path / "nothing"
    nothing.write_bytes(b"no DICOM at all")
    report = tmp_path / "csv"
    options = ("--no-halt", "--report-patient", "--report-csv", report)
    done = run(installed_dcmsend(), *options, "127.0.0.1", free_port(), path, nothing)
    assert done.exit_code
    by_path = {row["path"]: row for row in rows_of(report)}
    assert [by_path[str(nothing)][name] for name in ("size", "study_uid", "patient_name")] == ["15", "", ""]
    row = by_path[str(path)]
    expected = ["not_attempted", "1.2.3", "1.2.3.4", "Test^Transfer", str(path.stat().st_size)]
    assert [row[name] for name in ("outcome", "study_uid", "series_uid", "patient_name", "size")] == expected
    assert row["mtime"]
    with ScriptedPeer() as peer:
        run(installed_dcmsend(), *options, "127.0.0.1", peer.port, broken)
    (row,) = rows_of(report)
    assert [row[name] for name in ("outcome", "study_uid")] == ["failed", "1.2.3"]


def test_headers_are_read_with_the_dictionary_of_the_user(tmp_path: Path) -> None:
    """A data set without meta header begins with an element that only this dictionary knows: so it is big endian."""
    (tmp_path / "file").write_bytes(
        b"".join(
            EXPLICIT_BIG.element(tag, vr, value)
            for tag, vr, value in (
                (0x00080003, "LO", b"ours"), (0x00080016, "UI", CT_CLASS.encode() + b"\0"),
                (0x00080018, "UI", b"1.2.3.4.5\0"), (0x0020000D, "UI", b"1.2.3\0"), (0x0020000E, "UI", b"1.2.3.4\0"),
            )
        )
    )  # fmt: skip
    (tmp_path / "dictionary").write_text("(0008,0003)\tLO\tOurs\t1\tDICOM\n")
    with ScriptedPeer() as peer:
        done = run(
            installed_dcmsend(), "-f", "--report-csv", tmp_path / "csv", "127.0.0.1", peer.port, tmp_path / "file",
            environment={"DCMDICTPATH": str(tmp_path / "dictionary")},
        )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    (row,) = rows_of(tmp_path / "csv")
    assert (row["study_uid"], row["series_uid"]) == ("1.2.3", "1.2.3.4")


def test_patient_values_are_noted_only_where_they_are_shown(tmp_path: Path) -> None:
    (path,) = write_series(tmp_path, [("1.2.3", "1.2.3.4")])
    sent = send_all([path], index=IndexOptions(keep_together=KeepTogether.STUDY))
    (outcome,) = sent.outcomes
    assert outcome.facts is not None
    assert (outcome.facts.study_uid, outcome.facts.series_uid, outcome.facts.others) == ("1.2.3", "1.2.3.4", ())
    assert "1.2.3" not in repr(outcome.facts)
    assert outcome.instance.facts == outcome.facts
