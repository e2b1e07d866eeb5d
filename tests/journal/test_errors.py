"""A journal that cannot be used is told before anything is sent."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.peer_script import Script, Silence
from support.processes import wait_until
from support.programs import installed_dcmsend
from support.run import Run, run
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

from .archive import Sender
from .runs import send


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One file, and a journal that says it is stored."""
    write_instances(tmp_path / "in", 1)
    with ScriptedPeer() as peer:
        done = run(
            installed_dcmsend(), "--journal", tmp_path / "journal", "+sd", "localhost", peer.port, tmp_path / "in"
        )
    assert done.exit_code == 0, done.stderr
    (tmp_path / "port").write_text(str(peer.port))
    return tmp_path


def resume(folder: Path, *options: str | Path, host: str = "localhost", port: int = 0) -> Run:
    """A run that fails with 61 if the journal lets it get so far as to send a second file."""
    write_instances(folder / "in", 1, first=2)
    port = port or int((folder / "port").read_text())
    return run(
        installed_dcmsend(), "--journal", folder / "journal", "--resume", *options, "+sd", host, port, folder / "in"
    )


def reason(done: Run, folder: Path) -> str:
    """The reason in the one line that is told."""
    assert done.exit_code == 104, done.stderr
    (line,) = done.stderr.splitlines()
    start = f"F: cannot use journal '{folder}/journal': "
    assert line.startswith(start)
    return line[len(start) :]


def test_the_same_peer_in_another_spelling(folder: Path) -> None:
    assert resume(folder, "-to", "5", host="LocalHost").exit_code == 61


@pytest.mark.parametrize(
    ("options", "host", "port"), [(("-aec", "OTHER"), "localhost", 0), ((), "127.0.0.1", 0), ((), "localhost", 4)]
)
def test_another_peer(folder: Path, options: tuple[str, ...], host: str, port: int) -> None:
    told = reason(resume(folder, *options, host=host, port=port), folder)
    was = (folder / "port").read_text()
    now = f"{options[1] if options else 'ANY-SCP'}@{host}:{port or was}"
    assert told == f"belongs to another peer: ANY-SCP@localhost:{was}, not {now}"


def test_a_text_file(folder: Path) -> None:
    (folder / "journal").write_text("dear diary\n" * 100)
    assert reason(resume(folder), folder).startswith("is not a journal of dcmsend")
    assert (folder / "journal").read_text() == "dear diary\n" * 100


def test_another_database(folder: Path) -> None:
    (folder / "journal").unlink()
    connection = sqlite3.connect(folder / "journal")
    connection.execute("CREATE TABLE instance (a)")
    connection.close()
    before = (folder / "journal").read_bytes()
    assert reason(resume(folder), folder) == "is not a journal of dcmsend"
    assert (folder / "journal").read_bytes() == before


def test_a_journal_of_a_later_version(folder: Path) -> None:
    connection = sqlite3.connect(folder / "journal")
    connection.execute("PRAGMA user_version = 3")
    connection.close()
    assert reason(resume(folder), folder) == "has version 3, made by a newer dcmsend; this one knows up to 2"


@pytest.mark.parametrize("damage", ["cut", "zeros", "noise"])
def test_damage(folder: Path, damage: str) -> None:
    journal = folder / "journal"
    content = bytearray(journal.read_bytes())
    page = 4096
    assert len(content) > 3 * page
    if damage == "cut":
        del content[-page:]
    else:
        content[-page:] = bytes(page) if damage == "zeros" else os.urandom(page)
    journal.write_bytes(content)
    assert reason(resume(folder), folder).startswith("is damaged")


@pytest.mark.parametrize("kind", ["directory", "pipe", "missing directory", "name with a line end"])
def test_what_is_no_file(folder: Path, kind: str) -> None:
    journal = folder / "journal"
    journal.unlink()
    if kind == "directory":
        journal.mkdir()
        assert reason(resume(folder), folder) == "is not a regular file"
    elif kind == "pipe":
        os.mkfifo(journal)
        assert reason(resume(folder), folder) == "is not a regular file"
    elif kind == "missing directory":
        done = resume(folder, "--journal", folder / "no" / "where")
        assert done.exit_code == 104
        assert "No such file or directory" in done.stderr
    else:
        with ScriptedPeer() as peer:
            done = resume(folder, "--journal", folder / "a\nb?#%", host="127.0.0.1", port=peer.port)
        assert done.exit_code == 0
        assert (folder / "a\nb?#%").exists()


def as_nobody(*arguments: str | Path, program: str = installed_dcmsend()) -> Run:
    """The command without the rights of root, who may write everywhere."""
    setpriv = shutil.which("setpriv")
    if os.getuid() != 0:
        return run(program, *arguments)
    if setpriv is None:
        pytest.skip("PEER MISSING: setpriv: it is not installed, and root may write everywhere")
    return run(setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", program, *arguments)


def can_run_as_nobody() -> bool:
    return as_nobody("--version").exit_code == 0


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory that everybody may enter; those of pytest are for their owner only."""
    if not can_run_as_nobody():
        pytest.skip("PEER MISSING: a user without rights: the command cannot be run as one")
    folder = Path(tempfile.mkdtemp(prefix="dcmsend-test-")).resolve()
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("protected", ["journal", "directory"])
def test_read_only(shared: Path, protected: str) -> None:
    """Told before anything is sent; a directory that cannot be written to leaves no place for the lock."""
    write_instances(shared / "in", 1)
    place = shared / "there"
    place.mkdir()
    place.chmod(0o777)
    arguments = ("--journal", place / "journal", "--resume", "127.0.0.1")
    with ScriptedPeer() as peer:
        assert as_nobody(*arguments, peer.port, shared / "in" / "000001.dcm").exit_code == 0
        (place / "journal" if protected == "journal" else place).chmod(0o555)
        more = write_instances(shared / "in", 1, first=2)
        ends = [as_nobody(*dry_run, *arguments, peer.port, *more) for dry_run in ((), ("--dry-run",))]
        place.chmod(0o755)
        assert len(peer.stores) == 1
    expected = "cannot be written to" if protected == "journal" else "cannot be locked: Permission denied"
    for done in ends:
        assert done.exit_code == 104, done.stderr
        assert expected in done.stderr


def test_reading_where_nothing_may_be_written(shared: Path) -> None:
    """Also a journal that its last run could not turn into a single file, because somebody was reading it."""
    write_instances(shared / "in", 1)
    with ScriptedPeer() as peer:
        assert send(shared, peer)[0].exit_code == 0
    connection = sqlite3.connect(shared / "journal")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    (shared / "journal").chmod(0o444)
    before = sorted(os.listdir(shared))
    command = Path(installed_dcmsend()).with_name("dcmsend-journal")
    done = as_nobody(shared / "journal", "--list", program=str(command))
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 1), done.stderr
    assert sorted(os.listdir(shared)) == before


def test_in_use(tmp_path: Path) -> None:
    """The second run says which process is in the way; when that is killed the journal is free at once."""
    write_instances(tmp_path / "in", 1)
    with ScriptedPeer(Script(other_stores=Silence()), Script()) as peer:
        first = Sender(tmp_path, peer.port)
        wait_until(lambda: len(peer.stores) == 1, 30, "the first instance")
        second, sent = send(tmp_path, peer, "--resume")
        assert (second.exit_code, sent) == (104, [])
        (line,) = second.lines("F")
        assert line == f"cannot use journal '{tmp_path}/journal': in use by another run (process {first.pid})"
        dry = run(
            installed_dcmsend(), "--journal", tmp_path / "journal", "--resume", "--dry-run", "+sd", "127.0.0.1",
            peer.port, tmp_path / "in",
        )  # fmt: skip
        assert dry.exit_code == 0, dry.stderr
        assert first.kill()
        third, sent = send(tmp_path, peer, "--resume")
    assert (third.exit_code, len(sent)) == (0, 1)


def test_in_use_and_its_growing_report_too(tmp_path: Path) -> None:
    """The second run says that the journal is in use, and takes nothing from the report that the first writes."""
    write_instances(tmp_path / "in", 2)
    growing = ("-to", "120", "--report-jsonl", tmp_path / "report")
    with ScriptedPeer(Script(other_stores=Silence()), Script()) as peer:
        first = Sender(tmp_path, peer.port, *growing)
        wait_until(lambda: len(peer.stores) == 1, 30, "the first instance")
        told = (tmp_path / "report").read_bytes()
        second, sent = send(tmp_path, peer, "--resume", *growing)
        assert (second.exit_code, sent) == (104, []), second.stderr
        (line,) = second.lines("F")
        assert line == f"cannot use journal '{tmp_path}/journal': in use by another run (process {first.pid})"
        assert (tmp_path / "report").read_bytes() == told
        assert first.kill()
        third, sent = send(tmp_path, peer, "--resume", *growing)
    assert (third.exit_code, len(sent)) == (0, 2)
    assert b"summary" in (tmp_path / "report").read_bytes()


def test_the_lock_survives_runs_that_come_and_go(tmp_path: Path) -> None:
    """Many runs at the same time: at any moment one has it, and each file is sent once."""
    write_instances(tmp_path / "in", 3)
    with ScriptedPeer() as peer:
        argv = [
            installed_dcmsend(), "--journal", tmp_path / "journal", "--resume", "+sd", "127.0.0.1", str(peer.port),
            tmp_path / "in",
        ]  # fmt: skip
        runs = [subprocess.Popen(argv, stderr=subprocess.PIPE) for _ in range(8)]
        codes = []
        for each in runs:
            each.communicate(timeout=60)
            codes.append(each.returncode)
    assert set(codes) <= {0, 104}
    assert 0 in codes
    assert len(peer.stores) == 3
    assert sorted(os.listdir(tmp_path)) == ["in", "journal"]


def test_signal_and_resume(tmp_path: Path) -> None:
    """After Ctrl-C everything that was answered is in the journal."""
    write_instances(tmp_path / "in", 40)
    with ScriptedPeer() as peer:
        first = Sender(tmp_path, peer.port, "--max-instances-rate", "5")
        wait_until(lambda: len(peer.stores) >= 3, 30, "the first instances")
        first.signal(signal.SIGINT)
        assert first.wait() == 130, first.stderr
        before = len(peer.stores)
        assert before < 40
        done, sent = send(tmp_path, peer, "--resume")
    assert done.exit_code == 0
    assert len(sent) == 40 - before
