"""Times, sizes, names and UIDs that no column was made for: each is kept, or costs its own row only."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import sys
from pathlib import Path

import pytest

from dcmsend import JournalOptions, Peer, StoreOutcome, send
from dcmsend.index import Instance
from dcmsend.inputs import InputFile
from dcmsend.journal import JournalFilter, JournalReader
from dcmsend.journal.values import MOST_TEXT
from dcmsend.report import file_fields, format_time
from support.programs import installed_dcmsend
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

from .runs import run_with_journal, stored_names
from .runs import send as send_run
from .test_writer import Kept, outcome_of

LAST, FIRST = (1 << 63) - 1, -(1 << 63)
STAMPS = [
    (7, -1), (7, 0), (7, LAST), (7, FIRST), (7, LAST + 1), (7, FIRST - 1), (7, 10**28), (7, -(10**28)), (1 << 63, 1),
    (1 << 70, 1 << 90),
]  # fmt: skip


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "journal")


def rows_of(kept: Kept) -> list[tuple[str, int | None, int | None]]:
    kept.writer.close()
    assert kept.writer.error is None
    kept.connection.close()
    with JournalReader(str(kept.path)) as reader:
        return sorted((os.path.basename(row.path), row.size, row.mtime_ns) for row in reader.rows(JournalFilter()))


def test_any_size_and_time_is_kept(kept: Kept) -> None:
    for number, stamp in enumerate(STAMPS):
        kept.writer.add(outcome_of(number)._replace(file_stamp=stamp))
    assert rows_of(kept) == [(str(number), *stamp) for number, stamp in enumerate(STAMPS)]


@pytest.mark.parametrize("started", [1e30, -1e30, 253402300800.0, -62135596801.0])
def test_any_clock_is_kept(kept: Kept, started: float) -> None:
    kept.writer.add(outcome_of(1)._replace(started=started))
    assert len(rows_of(kept)) == 1


@pytest.mark.parametrize(
    "uid", ["", "1.2\0.3", "\ud800", "\udcff1.2", "1.2\n3", "'; DROP TABLE instance; --", "9" * 100_000, "\U0001f600"]
)
def test_any_uid_is_kept(kept: Kept, uid: str) -> None:
    made = outcome_of(1)
    instance = Instance(
        made.instance.input, uid or "1.2", uid, made.instance.transfer_syntax, made.instance.read_mode
    )
    kept.writer.add(made._replace(instance=instance))
    kept.writer.add(outcome_of(2))
    kept.writer.close()
    assert kept.writer.error is None
    with JournalReader(str(kept.path)) as reader:
        found = {os.path.basename(row.path): row.sop_instance_uid for row in reader.rows(JournalFilter())}
    assert len(found) == 2
    assert len(found["1"]) <= MOST_TEXT


@pytest.mark.parametrize("name", [b"a\xff\xfe", b"a\nb", b"\x1b[31m", b"x" * 255])
def test_any_name_is_kept_and_found_again(tmp_path: Path, name: bytes) -> None:
    (path,) = write_instances(tmp_path / "in", 1)
    os.rename(os.fsencode(path), os.path.join(os.fsencode(path.parent), name))
    with ScriptedPeer() as peer:
        first, sent = send_run(tmp_path, peer)
        assert (first.exit_code, len(sent)) == (0, 1), first.stderr
        second, sent = send_run(tmp_path, peer, "--resume")
        assert (second.exit_code, len(sent)) == (0, 0), second.stderr


def test_name_that_cannot_be_encoded(tmp_path: Path) -> None:
    """A NUL is another matter: that is no name at all; see tests/system/test_no_values_in_logs.py."""
    journal = JournalOptions(str(tmp_path / "journal"), resume=True)
    files = write_instances(tmp_path / "in", 1)
    with ScriptedPeer() as peer:
        transfer = send(["\ud800", *map(str, files)], Peer("127.0.0.1", peer.port), journal=journal)
        assert [outcome.result.value for outcome in transfer] == ["stored"]


def test_a_row_that_cannot_be_written_costs_that_row(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    def impossible(number: int) -> StoreOutcome:
        made = outcome_of(number)
        return made._replace(status=1 << 80) if number % 2 else made._replace(started=float("nan"))

    for number in range(1, 301):
        kept.writer.add(impossible(number) if number in (3, 4, 290) else outcome_of(number))
    assert len(rows_of(kept)) == 297
    assert sum(kept.groups) == 300
    lost = [record.getMessage() for record in caplog.records if "cannot keep" in record.getMessage()]
    assert len(lost) == 3
    assert any(": 3:" in text or "/3:" in text for text in lost)


TIMES = {
    "before 1678": -(10**19),
    "1 BC": -63_000_000_000 * 10**9,
    "after 2262": 10**19,
    "year 3000": 32_503_680_000 * 10**9,
    "year 12000": 316_516_377_600 * 10**9,
}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems clamp such times")
@pytest.mark.parametrize("moment", TIMES.values(), ids=TIMES)
def test_file_from_another_age(tmp_path: Path, moment: int) -> None:
    """All are stored, nothing is sent again, and every list and report can be made."""
    paths = write_instances(tmp_path / "in", 3)
    os.utime(paths[1], ns=(moment, moment))
    found = paths[1].stat().st_mtime_ns
    reports = ["--report-json", tmp_path / "r.json", "--report-csv", tmp_path / "r.csv", "--report-html",
               tmp_path / "r.html", "--report-jsonl", tmp_path / "r.jsonl"]  # fmt: skip
    with ScriptedPeer() as peer:
        first = run_with_journal(tmp_path, peer.port, *reports)
        assert first.exit_code == 0, first.stderr
        assert stored_names(tmp_path / "journal") == {path.name for path in paths}
        done, sent = send_run(tmp_path, peer, "--resume")
        assert (done.exit_code, sent) == (0, []), done.stderr
    with JournalReader(str(tmp_path / "journal")) as reader:
        assert found in {row.mtime_ns for row in reader.rows(JournalFilter())}
    command = Path(installed_dcmsend()).with_name("dcmsend-journal")
    for style in ("text", "json", "csv", "paths"):
        shown = run(command, tmp_path / "journal", "--list", "--format", style)
        assert (shown.exit_code, shown.stderr) == (0, ""), style
        if style == "json":
            assert len(json.loads(shown.stdout)) == 3
        if style == "csv":
            assert len(list(csv.reader(io.StringIO(shown.stdout)))) == 4


def test_times_as_text() -> None:
    assert format_time(-62135596800.0) == "0001-01-01T00:00:00.000Z"
    assert format_time(-62135596801.0) is format_time(253402300800.0) is format_time(1e30) is None
    assert format_time(float("nan")) is None
    assert format_time(0.5) == "1970-01-01T00:00:00.500Z"


def test_a_time_of_zero_is_one_of_files_only() -> None:
    """A store may tell no time of an object, or of the archive that a member lies in."""
    assert file_fields("/in/a", 1, 0)["mtime"] == "1970-01-01T00:00:00.000Z"
    assert file_fields("s3://bucket/a.zip!/a", 1, 0)["mtime"] is file_fields("/in/a", None, None)["mtime"] is None


def test_a_journal_of_today_reads_the_same_in_sqlite(kept: Kept) -> None:
    """What is beyond 64 bits is no rounded number."""
    kept.writer.add(outcome_of(1)._replace(file_stamp=(7, LAST + 1)))
    kept.writer.close()
    connection = sqlite3.connect(kept.path)
    assert connection.execute("SELECT typeof(mtime_ns), mtime_ns FROM instance").fetchall() == [
        ("blob", b"9223372036854775808")
    ]
    connection.close()


def test_input_file_is_what_the_test_takes_it_for() -> None:
    assert outcome_of(1).instance.input == InputFile("/nowhere/1")
