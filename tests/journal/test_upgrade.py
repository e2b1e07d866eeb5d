"""A journal of version 1 becomes one of this version on ``--resume`` only, and is one or the other at any moment."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import sqlite3
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcmsend import Peer
from dcmsend.errors import JournalError
from dcmsend.journal import JournalFilter, JournalReader, upgrade
from dcmsend.journal.database import open_database
from dcmsend.journal.own_files import COPY, PART
from dcmsend.journal.schema import VERSION
from support.examples import examples
from support.old_journal import OldRow, read_old_columns, write_old_journal
from support.programs import installed_dcmsend
from support.run import Run, run
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances

from .test_disk_full import small_disk
from .test_errors import as_nobody, shared

__all__ = ["shared"]

PEER = Peer("127.0.0.1", 104).facts
ROWS = [
    OldRow(f"/data/{number // 50}".encode(), f"{number}.dcm".encode(), sop_instance_uid=f"1.2.{number}")
    for number in range(300)
]

INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1)
UIDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NAMES = st.binary(min_size=1, max_size=12).filter(lambda name: b"\0" not in name and b"/" not in name)
NUMBERS = st.none() | INTEGERS | st.integers(1 << 63, 1 << 90).map(lambda number: str(number).encode())
OLD_ROWS = st.builds(
    OldRow,
    directory=st.lists(NAMES, max_size=2).map(lambda names: b"/" + b"/".join(names)),
    name=NAMES,
    size=NUMBERS,
    mtime_ns=NUMBERS,
    outcome=st.integers(0, 3),
    status=st.none() | st.integers(0, 0xFFFF),
    reason=st.none() | st.sampled_from(["connection_lost", "file_changed", "data_set_broken"]),
    attempts=st.integers(1, 1 << 20),
    time=INTEGERS,
    sop_class=UIDS,
    sop_instance_uid=UIDS,
)


def open_and_close(journal: Path, check: Callable[[], None] | None = None) -> None:
    """What a run with ``--resume`` does with its journal at its beginning and end."""
    connection = open_database(str(journal), PEER, resume=True, check=check)
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    connection.close()


def version(journal: Path) -> int:
    with closing(sqlite3.connect(journal)) as connection:
        number: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return number


def shape(journal: Path) -> dict[str, list[Any]]:
    """Tables with their columns and indexes."""
    with closing(sqlite3.connect(journal)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            table: [
                sorted(row[1:] for row in connection.execute(f"PRAGMA table_info({table})")),
                connection.execute(f"PRAGMA index_list({table})").fetchall(),
            ]
            for table in tables
        }


def listed(journal: Path) -> list[Any]:
    with JournalReader(str(journal)) as reader:
        return [reader.totals(JournalFilter()), *reader.rows(JournalFilter())]


def files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in sorted(os.listdir(folder)) if (folder / name).is_file()}


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(OLD_ROWS, max_size=30), st.sampled_from([512, 4096, 65536]), st.booleans())
def test_any_old_journal(rows: list[OldRow], page_size: int, is_cut_off: bool) -> None:
    """Reading it changes nothing and tells what is told after the upgrade, which loses nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal = folder / "journal"
        write_old_journal(journal, rows, page_size=page_size, is_cut_off=is_cut_off)
        shutil.copytree(folder, folder / "before")
        old = read_old_columns(folder / "before" / "journal")
        before = None if is_cut_off else files(folder)
        told = listed(journal)
        assert before is None or files(folder) == before
        open_and_close(journal)
        assert (version(journal), read_old_columns(journal), listed(journal)) == (2, old, told)
        open_database(str(folder / "new"), PEER, resume=False).close()
        assert shape(journal) == shape(folder / "new")
        assert sorted(os.listdir(folder)) == ["before", "journal", "new"]


def test_no_row_is_written_again(tmp_path: Path) -> None:
    """Tens of millions of rows are upgraded as fast as none: the file grows by its new tables."""
    journal = tmp_path / "journal"
    write_old_journal(journal, (row._replace(name=b"%06d" % number) for row in ROWS[:10] for number in range(1000)))
    before = journal.stat().st_size
    open_and_close(journal)
    assert journal.stat().st_size - before <= 16 * 4096
    with closing(sqlite3.connect(journal)) as connection:
        (unknown,) = connection.execute("SELECT count(*) FROM instance WHERE proof IS NULL AND etag IS NULL").fetchone()
    assert unknown == 1000


def test_a_journal_of_this_version_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_database(str(tmp_path / "journal"), PEER, resume=False).close()
    monkeypatch.setattr(upgrade.UpgradeCopy, "make", lambda *_: pytest.fail("it was copied"))
    open_and_close(tmp_path / "journal")


def killed_at(step: int, action: Callable[[], None]) -> bool:
    """Whether a child is killed before that step of its ``action``: a statement, or a name that is changed."""
    child = os.fork()
    if child == 0:
        left = step

        def count(*_: object) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        connect = sqlite3.connect

        def traced(*names: Any, **options: Any) -> sqlite3.Connection:
            connection = connect(*names, **options)
            connection.set_trace_callback(count)
            return connection

        def heard(event: str, _: tuple[Any, ...]) -> None:
            if event in ("os.rename", "os.remove", "open", "sqlite3.connect"):
                count()

        try:
            sqlite3.connect = traced  # type: ignore[assignment]  # in the child only
            sys.addaudithook(heard)
            action()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code != 0


@pytest.mark.parametrize("is_cut_off", [False, True])
def test_killed_at_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_cut_off: bool) -> None:
    monkeypatch.setattr(upgrade, "_PAGES", 2)
    write_old_journal(tmp_path / "old", ROWS, is_cut_off=is_cut_off)
    shutil.copytree(tmp_path, tmp_path / "look")
    old = read_old_columns(tmp_path / "look" / "old")
    ends: list[int] = []
    while True:
        folder = tmp_path / f"{len(ends)}"
        folder.mkdir()
        for name in ("old", "old-wal"):
            if (tmp_path / name).exists():
                shutil.copy(tmp_path / name, folder / name)
        if not killed_at(len(ends), lambda: open_and_close(folder / "old")):  # noqa: B023
            break
        look = folder / "look"
        shutil.copytree(folder, look)  # SQLite mends what it reads, and that is the next run's to do
        assert read_old_columns(look / "old") == old
        ends.append(version(look / "old"))
        if (look / f"old{COPY}").exists():
            assert (version(look / f"old{COPY}"), read_old_columns(look / f"old{COPY}")) == (1, old)
        assert len(listed(folder / "old")) == len(old)
        open_and_close(folder / "old")
        assert (version(folder / "old"), read_old_columns(folder / "old")) == (VERSION, old)
        assert sorted(os.listdir(folder)) == ["look", "old"]
    assert ends == sorted(ends), "once it is new it stays so"
    assert ends.count(1) > 20
    assert ends.count(2) > 2


def test_every_statement_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal is the old one, and nothing is left beside it; the next run upgrades it."""
    journal = tmp_path / "journal"
    write_old_journal(journal, ROWS)
    old = read_old_columns(journal)
    connect = sqlite3.connect
    left = 0

    class Failing(sqlite3.Connection):
        def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            nonlocal left
            left -= 1
            if left == 0:
                raise sqlite3.OperationalError(f"no luck with {sql}")
            return super().execute(sql, *arguments)

    monkeypatch.setattr(sqlite3, "connect", lambda *names, **options: connect(*names, **options, factory=Failing))
    told: list[str] = []
    while True:
        left = len(told) + 1
        try:
            connection = open_database(str(journal), PEER, resume=True)
        except JournalError as error:
            told.append(error.reason)
        else:
            connection.close()
            break
        left = -1
        assert os.listdir(tmp_path) == ["journal"]
        assert version(journal) == (1 if "busy_timeout = 60000" not in told[-1] else VERSION)
        assert read_old_columns(journal) == old
    assert len(told) > 20
    assert all("no luck with" in reason for reason in told)
    left = -1
    assert (version(journal), read_old_columns(journal)) == (VERSION, old)


def limited(size: int, action: Callable[[], None]) -> str:
    """What is told where no file can grow beyond ``size``; ``""`` for nothing."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            action()
        except JournalError as error:
            os.write(writing, error.reason.encode())
        except BaseException as error:
            os.write(writing, f"not expected: {error!r}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with open(reading) as told:
        return told.read()


def test_a_disk_that_is_full_at_every_size(tmp_path: Path) -> None:
    """Each limit fails another write: of the copy, of the log, of the journal when the log comes into it."""
    journal = tmp_path / "journal"
    write_old_journal(journal, ROWS)
    old, size = read_old_columns(journal), journal.stat().st_size
    kept = journal.read_bytes()
    told = set()
    for limit in range(0, size + 40 * 4096, 4096 + 1024):  # within a page, at its end, and after it
        journal.write_bytes(kept)
        reason = limited(limit, lambda: open_and_close(journal))
        told.add(reason)
        assert "not expected" not in reason
        assert not reason or version(journal) == 1
        assert read_old_columns(journal) == old
        assert sorted(os.listdir(tmp_path)) == ["journal"]
    assert "" in told
    assert any(reason.startswith("is of an earlier version and was not upgraded: a copy of 1 MiB") for reason in told)


def test_no_room_for_the_copy(tmp_path: Path) -> None:
    with small_disk(tmp_path) as place:
        journal = place / "journal"
        many = [row._replace(name=b"%d" % number + row.name) for row in ROWS[:100] for number in range(35)]
        write_old_journal(tmp_path / "made", many)
        shutil.copy(tmp_path / "made", journal)
        assert 128 << 10 < journal.stat().st_size < 240 << 10
        before = files(place)
        with pytest.raises(JournalError, match=r"a copy of 1 MiB that is kept .* cannot be made: the disk is full"):
            open_and_close(journal)
        assert files(place) == before


def test_no_room_for_the_copy_where_nothing_may_be_written(shared: Path) -> None:
    """A lock that a killed run has left lets it get so far."""
    journal = shared / "journal"
    write_old_journal(journal, ROWS, port=104)
    (shared / "journal-lock").touch()
    write_instances(shared / "in", 1)
    for path in (journal, shared / "journal-lock"):
        if os.getuid() == 0:
            os.chown(path, 65534, 65534)
    before = files(shared)
    shared.chmod(0o555)
    done = as_nobody("--journal", journal, "--resume", "127.0.0.1", "104", shared / "in" / "000001.dcm")
    shared.chmod(0o755)
    assert done.exit_code == 104, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.endswith("was not upgraded: a copy of 1 MiB that is kept beside it until that is done cannot be made: "
                         f"{os.strerror(errno.EACCES)}")  # fmt: skip
    assert {**files(shared), "journal-lock": b""} == before


def test_a_signal_ends_the_copying(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    write_old_journal(journal, ROWS)
    before = files(tmp_path)

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(JournalError):
        open_and_close(journal, stop)
    assert files(tmp_path) == before


def test_what_lies_where_the_copy_is_to_be(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    write_old_journal(journal, ROWS)
    for suffix in (COPY, PART):
        other = tmp_path / f"journal{suffix}"
        other.write_text("a holiday picture, as it were\n" * 10)
        before = files(tmp_path)
        with pytest.raises(JournalError, match=f"'{other}' is in the way"):
            open_and_close(journal)
        assert files(tmp_path) == before
        other.unlink()


def test_a_damaged_journal_names_its_copy(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    write_old_journal(journal, ROWS)
    shutil.copy(journal, tmp_path / f"journal{COPY}")
    content = journal.read_bytes()
    journal.write_bytes(content[:4096] + os.urandom(len(content) - 4096))
    with pytest.raises(JournalError, match=f"is damaged.*; '{journal}{COPY}' is a copy from before its upgrade"):
        open_and_close(journal)
    assert (tmp_path / f"journal{COPY}").read_bytes() == content


def command(journal: Path, *options: str) -> Run:
    return run(str(Path(installed_dcmsend()).with_name("dcmsend-journal")), journal, *options)


def test_runs(tmp_path: Path) -> None:
    """Looking changes nothing; ``--resume`` leaves out what is stored; and a newer journal is left to its program."""
    place = tmp_path / "there"
    place.mkdir()
    journal = place / "journal"
    paths = write_instances(tmp_path / "in", 3)
    with ScriptedPeer() as peer:
        stamps = [(path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
        directory = os.fsencode(tmp_path / "in")
        rows = [
            OldRow(directory, os.fsencode(path.name), *stamp, sop_instance_uid=instance_uid(number + 1))
            for number, (path, stamp) in enumerate(zip(paths, stamps, strict=True))
        ]
        write_old_journal(journal, [rows[0], rows[1]._replace(outcome=2, status=None)], port=peer.port)
        before = files(place)
        argv = ("--journal", journal, "-v")
        end = ("+sd", "127.0.0.1", str(peer.port), tmp_path / "in")
        dry = run(installed_dcmsend(), *argv, "--resume", "--dry-run", *end)
        assert dry.exit_code == 0, dry.stderr
        assert dry.stdout.startswith("2 SOP instances to be sent, 0 files ignored, 1 stored already")
        assert run(installed_dcmsend(), *argv, *end).exit_code == 104, "it exists already"
        for options in ((), ("--list",), ("--check",), ("--format", "csv"), ("--path", "*/000001.dcm")):
            assert command(journal, *options).exit_code == 0
        assert (files(place), len(peer.stores)) == (before, 0)
        done = run(installed_dcmsend(), *argv, "--resume", *end)
        assert (done.exit_code, len(peer.stores), version(journal)) == (0, 2, VERSION), done.stderr
        with closing(sqlite3.connect(journal)) as connection:
            connection.execute(f"PRAGMA user_version = {VERSION + 1}")
        before = files(place)
        newer = run(installed_dcmsend(), *argv, "--resume", *end)
        reason = f"has version {VERSION + 1}, made by a newer dcmsend; this one knows up to {VERSION}"
        assert (newer.exit_code, newer.lines("F")) == (104, [f"cannot use journal '{journal}': {reason}"])
        told = command(journal)
        assert (told.exit_code, told.stderr) == (104, f"dcmsend-journal: cannot use journal '{journal}': {reason}\n")
    assert (files(place), len(peer.stores)) == (before, 2)
