"""What lies where a journal and its companions are to be: it is neither overwritten nor removed."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.programs import installed_dcmsend
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

from .runs import send, stored_names

Linker = Callable[[Path, Path], None]
DIARY = b"dear diary\n" * 100


@pytest.fixture
def peer() -> Iterator[ScriptedPeer]:
    with ScriptedPeer() as peer:
        yield peer


@pytest.fixture
def folder(tmp_path: Path, peer: ScriptedPeer) -> Path:
    """One file, and a journal that says it is stored."""
    write_instances(tmp_path / "in", 1)
    assert send(tmp_path, peer)[0].exit_code == 0
    return tmp_path


def refused(folder: Path, *options: str | Path) -> str:
    """The message of a run that does not begin."""
    done = run(installed_dcmsend(), "--journal", folder / "journal", *options, "127.0.0.1", 104, folder / "in")
    assert done.exit_code == 1, done.stderr
    return done.stderr.splitlines()[-2]


@pytest.mark.parametrize("option", ["--report-json", "--report-jsonl", "--report-csv", "--report-html", "+crf"])
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_report_is_not_written_over_the_journal(folder: Path, option: str, link: Linker) -> None:
    link(folder / "journal", folder / "link")
    before = (folder / "journal").read_bytes()
    long = "--create-report-file" if option == "+crf" else option
    expected = f"error: --journal not allowed with {long} for the same file"
    assert refused(folder, "--resume", option, folder / "link") == expected
    assert (folder / "journal").read_bytes() == before


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal", "-lock"])
def test_a_report_does_not_take_a_name_of_the_journal(folder: Path, suffix: str) -> None:
    """Also not by another way to the directory, and before the file is there."""
    (folder / "way").symlink_to(folder)
    message = refused(folder, "--resume", "--report-csv", folder / "way" / f"journal{suffix}")
    assert message == "error: --journal not allowed with --report-csv for the same file"


def test_the_part_of_a_report_is_not_written_over_the_journal(folder: Path) -> None:
    """An incomplete text report is named ``FILE.partial``."""
    message = refused(folder, "--journal", folder / "report.partial", "+crf", folder / "report")
    assert message == "error: --journal not allowed with --create-report-file for the same file"


def test_reports_are_not_written_over_each_other(folder: Path) -> None:
    (folder / "link").symlink_to("not-there-yet")
    options = ("--report-json", folder / "not-there-yet", "--report-csv", folder / "link")
    message = refused(folder, "--resume", *options)
    assert message == "error: --report-json not allowed with --report-csv for the same file"
    assert not (folder / "not-there-yet").exists()


def test_a_device_is_no_file_that_could_be_lost(folder: Path, peer: ScriptedPeer) -> None:
    done = run(
        installed_dcmsend(), "--report-json", "/dev/null", "--report-csv", "/dev/null", "+crf", "/dev/null",
        "127.0.0.1", peer.port, folder / "in" / "000001.dcm",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal", "-lock"])
@pytest.mark.parametrize("mode", [(), ("--dry-run",)])
def test_beside_a_new_journal(tmp_path: Path, peer: ScriptedPeer, suffix: str, mode: tuple[str, ...]) -> None:
    stranger = tmp_path / f"journal{suffix}"
    stranger.write_bytes(DIARY)
    write_instances(tmp_path / "in", 1)
    done, sent = send(tmp_path, peer, *mode)
    assert (done.exit_code, sent) == (104, [])
    message = f"cannot use journal '{tmp_path}/journal': '{stranger}' is in the way; move it to another place"
    assert done.lines("F") == [message]
    assert stranger.read_bytes() == DIARY
    assert sorted(os.listdir(tmp_path)) == sorted(["in", stranger.name])
    stranger.rename(tmp_path / "diary")
    assert send(tmp_path, peer)[0].exit_code == 0
    assert (tmp_path / "diary").read_bytes() == DIARY


@pytest.mark.parametrize("suffix", ["-wal", "-journal", "-lock"])
def test_beside_a_journal(folder: Path, peer: ScriptedPeer, suffix: str) -> None:
    """SQLite would take the place of all of them."""
    stranger = folder / f"journal{suffix}"
    stranger.write_bytes(DIARY)
    before = (folder / "journal").read_bytes()
    done, sent = send(folder, peer, "--resume")
    assert (done.exit_code, sent) == (104, [])
    assert f"'{stranger}' is in the way" in done.stderr
    assert stranger.read_bytes() == DIARY
    assert (folder / "journal").read_bytes() == before


@pytest.mark.parametrize("kind", ["link", "directory", "pipe"])
def test_a_lock_that_is_no_file(tmp_path: Path, peer: ScriptedPeer, kind: str) -> None:
    """A link would lead the number of the process into a file of somebody else."""
    write_instances(tmp_path / "in", 1)
    lock = tmp_path / "journal-lock"
    if kind == "link":
        lock.symlink_to("empty")
        (tmp_path / "empty").touch()
    elif kind == "directory":
        lock.mkdir()
    else:
        os.mkfifo(lock)
    done, sent = send(tmp_path, peer)
    assert (done.exit_code, sent) == (104, [])
    assert lock.is_symlink() if kind == "link" else lock.exists()
    assert not (tmp_path / "journal").exists()
    if kind == "link":
        assert (tmp_path / "empty").read_bytes() == b""


def test_the_lock_of_a_killed_run_is_taken_over(folder: Path, peer: ScriptedPeer) -> None:
    (folder / "journal-lock").write_text("4194303\n")
    write_instances(folder / "in", 1, first=2)
    done, sent = send(folder, peer, "--resume")
    assert (done.exit_code, len(sent)) == (0, 1), done.stderr
    assert not (folder / "journal-lock").exists()


def test_what_a_killed_run_has_left_is_not_in_the_way(folder: Path, peer: ScriptedPeer) -> None:
    """A write-ahead log with what the database does not hold yet."""
    connection = sqlite3.connect(folder / "journal", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL").fetchone()
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("UPDATE instance SET outcome = 1")
    copy = folder / "copy"
    copy.mkdir()
    for suffix in ("", "-wal", "-shm"):
        (copy / f"journal{suffix}").write_bytes((folder / f"journal{suffix}").read_bytes())
    connection.close()
    (folder / "in").rename(copy / "in")
    done, sent = send(copy, peer, "--resume", "--dry-run")
    assert done.exit_code == 0, done.stderr
    done, sent = send(copy, peer, "--resume")
    assert (done.exit_code, len(sent)) == (0, 1), done.stderr
    assert stored_names(copy / "journal") == {"000001.dcm"}


def test_a_journal_with_two_names(folder: Path, peer: ScriptedPeer) -> None:
    """Under the other one a run could be using it."""
    os.link(folder / "journal", folder / "other")
    done, sent = send(folder, peer, "--resume")
    assert (done.exit_code, sent) == (104, [])
    assert "has another name (a hard link); use a copy of it" in done.stderr
    (folder / "other").unlink()
    assert send(folder, peer, "--resume")[0].exit_code == 0
