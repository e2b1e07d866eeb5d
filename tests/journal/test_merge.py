"""``dcmsend-journal merge``: one journal of many."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcmsend.errors import JournalError
from dcmsend.journal import merge_journals
from dcmsend.journal.database import open_database
from dcmsend.journal.lock import JournalLock
from dcmsend.transfer import PeerFacts
from support.examples import examples
from support.programs import installed_dcmsend
from support.run import Run, run
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances

PEER = PeerFacts("host", 104, "VNA", "")


class Row(NamedTuple):
    """One row, with the path instead of a number."""

    directory: bytes
    name: bytes
    size: int | bytes | None
    mtime_ns: int | bytes | None
    outcome: int
    status: int | None
    reason: str | None
    attempts: int
    time: int
    sop_class: str
    uid: str


def write_journal(path: Path, rows: Sequence[Row], peer: PeerFacts = PEER) -> Path:
    """A journal with these rows; the numbers of its directories and SOP Classes are its own."""
    connection = open_database(str(path), peer, resume=False)
    directories = {row.directory: number for number, row in enumerate(reversed(rows), 1)}
    classes = {row.sop_class: number for number, row in enumerate(rows, 1)}
    with contextlib.closing(connection):
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO directory (path, id) VALUES (?, ?)", directories.items())
        connection.executemany("INSERT INTO sop_class (uid, id) VALUES (?, ?)", classes.items())
        values = [(directories[row.directory], *row[1:9], classes[row.sop_class], row.uid) for row in rows]
        connection.executemany(f"INSERT INTO instance VALUES ({', '.join('?' * 11)}, NULL, NULL, NULL, NULL)", values)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = DELETE")
    return path


def rows_of(path: Path) -> set[Row]:
    """What a journal holds, read without our code."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return {
            Row(*row)
            for row in connection.execute(
                "SELECT directory.path, name, size, mtime_ns, outcome, status, reason, attempts, time, sop_class.uid, "
                "sop_instance_uid FROM instance JOIN directory ON directory.id = directory "
                "JOIN sop_class ON sop_class.id = sop_class"
            )
        }


def row(name: str = "a", outcome: int = 0, time: int = 1, size: int | None = 100, **more: object) -> Row:
    made = Row(b"/data", name.encode(), size, size, outcome, 0, None, 1, time, "1.2", "1.2.3")
    return made._replace(**more)  # type: ignore[arg-type]


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    """Outcomes of files that change only forwards, as real ones do, told at times of their own."""
    rows = []
    for directory, name in draw(st.sets(st.tuples(st.sampled_from([b"/a", b"/\xff"]), st.binary(max_size=2)))):
        size, time = draw(st.integers(0, 2)), draw(st.integers(-5, 5))
        for _ in range(draw(st.integers(1, 4))):
            outcome = draw(st.integers(0, 3))
            rows.append(Row(
                directory, name, size, draw(st.sampled_from([size, str(1 << 70).encode() + str(size).encode()])),
                outcome, draw(st.sampled_from([0, 0xA700, None])),
                None if outcome == 0 else draw(st.sampled_from(["timed_out", "timed_out*", "*", None])),
                draw(st.integers(1, 3)), time, draw(st.sampled_from(["1.2", "1.3"])), f"1.2.{size}",
            ))  # fmt: skip
            if draw(st.booleans()):
                size += 1
                time += 1
            time += draw(st.integers(0, 2))
    # A time of modification belongs to one content.
    seen: dict[tuple[bytes, bytes, object], object] = {}
    return [row._replace(mtime_ns=seen.setdefault(row[:3], row.mtime_ns)) for row in rows]  # type: ignore[arg-type]


def spread(rows: Sequence[Row], count: int, chance: random.Random) -> list[list[Row]]:
    """The rows over some journals, each of which holds one about a file."""
    journals: list[dict[tuple[bytes, bytes], Row]] = [{} for _ in range(count)]
    for row in rows:
        journals[chance.randrange(count)][row[:2]] = row
    return [list(journal.values()) for journal in journals]


@settings(max_examples=examples(60), deadline=None)
@given(histories(), st.integers(1, 4), st.randoms(use_true_random=False))
def test_union_in_any_order_as_often_as_you_like(rows: list[Row], count: int, chance: random.Random) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = spread(rows, count, chance)
        paths = [write_journal(folder / f"in{n}", part) for n, part in enumerate(parts)]
        merge_journals(str(folder / "once"), list(map(str, paths)))
        merged = rows_of(folder / "once")
        keys = [row[:2] for row in merged]
        assert len(keys) == len(set(keys))
        assert set(keys) == {row[:2] for part in parts for row in part}
        assert merged <= {row for part in parts for row in part}
        merge_journals(str(folder / "once"), [str(path) for path in paths + paths])
        assert rows_of(folder / "once") == merged
        chance.shuffle(paths)
        for path in paths:  # one by one, each into what is there already
            merge_journals(str(folder / "again"), [str(path)])
        assert rows_of(folder / "again") == merged


def test_rows_that_differ_in_their_class_alone(tmp_path: Path) -> None:
    """Which one stays does not depend on the order in which journals and classes come."""
    ends = []
    for turn, order in enumerate(permutations((row(sop_class="1.2"), row(sop_class="1.3"), row("b", sop_class="1.3")))):
        target = tmp_path / f"{turn}"
        for number, each in enumerate(order):
            merge_journals(str(target), [str(write_journal(tmp_path / f"{turn}-{number}", [each]))])
        ends.append(rows_of(target))
    assert all(end == ends[0] for end in ends)


@pytest.mark.parametrize(
    ("older", "newer", "which"),
    [
        (row(outcome=1), row(outcome=2), "newer"),
        (row(outcome=1), row(outcome=0), "newer"),
        (row(outcome=0), row(outcome=0, status=0xB000), "newer"),
        (row(outcome=0), row(outcome=1, status=0x0111), "older"),
        (row(outcome=0), row(outcome=3), "older"),
        (row(outcome=0), row(outcome=1, size=101), "newer"),
        (row(outcome=0), row(outcome=2, uid="1.2.4"), "newer"),
        (row(outcome=0), row(outcome=2, reason="file_changed"), "newer"),
        (row(outcome=0), row(outcome=2, reason="data_set_broken"), "newer"),
        (row(outcome=0), row(outcome=2, size=None, reason="file_unreadable"), "older"),
        (row(outcome=1), row(outcome=2, size=None, reason="file_unreadable"), "older"),
        (row(outcome=2, size=None), row(outcome=3, size=None), "newer"),
        (row(outcome=2, size=None), row(outcome=1), "newer"),
    ],
    ids=str,
)
def test_which_row_counts(tmp_path: Path, older: Row, newer: Row, which: str) -> None:
    """As a journal decides that hears of both; and of a file that was not opened no more is known than before."""
    newer = newer._replace(time=2)
    wanted = newer if which == "newer" else older
    for number, (first, second) in enumerate(((older, newer), (newer, older))):
        paths = [
            str(write_journal(tmp_path / f"{number}{side}", [side_row]))
            for side, side_row in (("first", first), ("second", second))
        ]
        merge_journals(str(tmp_path / f"out{number}"), paths)
        assert rows_of(tmp_path / f"out{number}") == {wanted}


def test_two_rows_of_the_same_moment(tmp_path: Path) -> None:
    variants = [row(outcome=1, status=status, attempts=attempts) for status in (1, None) for attempts in (1, 2)]
    found = set()
    for number, some in enumerate(itertools.permutations(variants)):
        paths = [str(write_journal(tmp_path / f"{number}-{n}", [one])) for n, one in enumerate(some)]
        merge_journals(str(tmp_path / f"out{number}"), paths)
        found |= rows_of(tmp_path / f"out{number}")
    assert len(found) == 1


def command(*arguments: str | Path) -> Run:
    return run(str(Path(installed_dcmsend()).with_name("dcmsend-journal")), *arguments)


def test_the_journals_of_shards(tmp_path: Path) -> None:
    """What was sent in shares is known as if one run had sent it: the next run over all of it has nothing to do."""
    write_instances(tmp_path / "in", 20)
    with ScriptedPeer() as peer:
        where = ("+sd", "127.0.0.1", peer.port, tmp_path / "in")
        for number in (1, 2, 3):
            done = run(
                installed_dcmsend(), "--shard", f"{number}/3", "--journal", tmp_path / f"{number}.journal", *where
            )
            assert done.exit_code == 0, done.stderr
        merged = command("merge", tmp_path / "all.journal", *sorted(tmp_path.glob("?.journal")))
        assert merged.exit_code == 0, merged.stderr
        assert ["stored", "20"] in [line.split() for line in merged.stdout.splitlines()]
        done = run(installed_dcmsend(), "-v", "--journal", tmp_path / "all.journal", "--resume", *where)
        assert done.exit_code == 0, done.stderr
        assert "20 files are already stored according to the journal" in done.stderr
        uids = sorted(store.sop_instance_uid or "" for store in peer.stores)
    assert uids == sorted(instance_uid(number) for number in range(1, 21))
    assert sorted(path.name for path in tmp_path.glob("*.journal*")) == [
        "1.journal", "2.journal", "3.journal", "all.journal",
    ]  # fmt: skip
    assert (tmp_path / "all.journal").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("arguments", [["merge"], ["merge", "out"], ["merge", "out", "in", "--list"]], ids=str)
def test_usage(arguments: list[str]) -> None:
    done = command(*arguments)
    assert done.exit_code == 1
    assert "dcmsend-journal merge: error:" in done.stderr


def test_a_journal_called_merge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_journal(tmp_path / "merge", [row()])
    assert "stored" in command("./merge").stdout


def contents(folder: Path, target: str) -> dict[str, object]:
    """The bytes of the journals, and the rows of the one that is written."""
    found: dict[str, object] = {path.name: path.read_bytes() for path in folder.iterdir()}
    with contextlib.suppress(sqlite3.Error):
        found[target] = rows_of(folder / target)
    return found


def refuse(tmp_path: Path, *sources: Path, target: str = "out") -> str:
    """What merging says that cannot be done; nothing of the target has changed."""
    before = contents(tmp_path, target)
    done = command("merge", tmp_path / target, *sources)
    assert done.exit_code == 104, done.stderr
    assert done.stderr.count("\n") == 1
    assert contents(tmp_path, target) == before
    return done.stderr


@pytest.mark.parametrize(
    "other", [PEER.replace(host="other"), PEER.replace(port=105), PEER.replace(called_ae_title="X")], ids=str
)
def test_another_peer(tmp_path: Path, other: PeerFacts) -> None:
    one = write_journal(tmp_path / "one", [row()])
    two = write_journal(tmp_path / "two", [row("b")], other)
    assert "two': belongs to another peer" in refuse(tmp_path, one, two)
    write_journal(tmp_path / "out", [row("c")])
    assert "out': belongs to another peer" in refuse(tmp_path, two)
    assert rows_of(tmp_path / "out") == {row("c")}


def test_what_is_no_journal(tmp_path: Path) -> None:
    one = write_journal(tmp_path / "one", [row()])
    (tmp_path / "text").write_text("no journal")
    assert "is not a journal of dcmsend" in refuse(tmp_path, one, tmp_path / "text")
    assert "No such file" in refuse(tmp_path, one, tmp_path / "gone")
    assert "is not a journal of dcmsend" in refuse(tmp_path, one, target="text")
    assert "No such file" in refuse(tmp_path, one, target="gone/out")


def test_a_journal_and_itself(tmp_path: Path) -> None:
    one = write_journal(tmp_path / "one", [row()])
    (tmp_path / "link").symlink_to(one)
    assert "cannot be merged into itself" in refuse(tmp_path, one, target="one")
    assert "cannot be merged into itself" in refuse(tmp_path, tmp_path / "link", target="one")


def test_a_target_in_use(tmp_path: Path) -> None:
    one = write_journal(tmp_path / "one", [row()])
    write_journal(tmp_path / "out", [])
    lock = JournalLock(str(tmp_path / "out"))
    try:
        assert "in use by another run" in refuse(tmp_path, one)
    finally:
        lock.release()


DAMAGES = {
    "no directory": "DELETE FROM directory",
    "no class": "DELETE FROM sop_class",
    "outcome": "UPDATE instance SET outcome = 17",
    "negative outcome": "UPDATE instance SET outcome = -1",
    "text for a number": "UPDATE instance SET size = 'x'",
    "name": "UPDATE instance SET name = 'text'",
    "path": "UPDATE directory SET path = 'text'",
    "time": "UPDATE instance SET time = 1.5",
    "reason": "UPDATE instance SET reason = x'00'",
    "long": "UPDATE instance SET sop_instance_uid = printf('%.*c', 2000000, '1')",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_no_run_has_written(tmp_path: Path, damage: str) -> None:
    """It does not get into the other journal, nor does what was read before it."""
    one = write_journal(tmp_path / "one", [row()])
    bad = write_journal(tmp_path / "bad", [row("b")])
    with contextlib.closing(sqlite3.connect(bad)) as connection:
        connection.execute(DAMAGES[damage])
        connection.commit()
    message = refuse(tmp_path, one, bad)
    assert "bad" in message
    write_journal(tmp_path / "out", [row("c")])
    refuse(tmp_path, one, bad)
    assert rows_of(tmp_path / "out") == {row("c")}


def test_a_source_that_a_run_writes(tmp_path: Path) -> None:
    """It is read as it is at one moment, and the run goes on."""
    path = tmp_path / "in"
    lock = JournalLock(str(path))
    connection = open_database(str(path), PEER, resume=True)
    with contextlib.closing(connection):
        connection.execute("INSERT INTO directory VALUES (1, x'2f')")
        connection.execute("INSERT INTO sop_class VALUES (1, '1.2')")
        row = "1, CAST(? AS BLOB), 1, 1, 0, 0, NULL, 1, 1, 1, '1.2.3', NULL, NULL, NULL, NULL"
        add = f"INSERT INTO instance VALUES ({row})"
        connection.execute(add, ("a",))
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(add, ("b",))
        assert command("merge", tmp_path / "out", path).exit_code == 0
        assert {row.name for row in rows_of(tmp_path / "out")} == {b"a"}
        connection.execute("COMMIT")
        assert command("merge", tmp_path / "out", path).exit_code == 0
        assert {row.name for row in rows_of(tmp_path / "out")} == {b"a", b"b"}
    lock.release()


def test_a_source_that_may_only_be_read(tmp_path: Path) -> None:
    source = write_journal(tmp_path / "in", [row()])
    source.chmod(0o400)
    before = source.read_bytes()
    assert command("merge", tmp_path / "out", source).exit_code == 0
    assert rows_of(tmp_path / "out") == {row()}
    assert source.read_bytes() == before


def write_many(path: str, count: int) -> None:
    """A journal with so many rows, 100 in a directory."""
    connection = open_database(path, PEER, resume=False)
    with contextlib.closing(connection):
        connection.execute("BEGIN")
        connection.execute("INSERT INTO sop_class VALUES (1, '1.2')")
        connection.executemany(
            "INSERT INTO directory VALUES (?, ?)", ((n + 1, b"/data/%d" % n) for n in range(count // 100))
        )
        connection.executemany(
            "INSERT INTO instance VALUES (?, ?, 1000, 1, 0, 0, NULL, 1, 1, 1, ?, NULL, NULL, NULL, NULL)",
            ((n // 100 + 1, b"IM%08d" % n, f"1.2.3.{n:030d}") for n in range(count)),
        )
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = DELETE")


def test_a_kill_at_any_moment(tmp_path: Path) -> None:
    """All of it or nothing; and the next one does what is to be done."""
    write_many(str(tmp_path / "in"), 10_000)
    chance = random.Random(16)
    program = str(Path(installed_dcmsend()).with_name("dcmsend-journal"))
    begun = time.monotonic()
    subprocess.run([program, "merge", tmp_path / "whole", tmp_path / "in"], stdout=subprocess.DEVNULL, check=True)
    seconds = time.monotonic() - begun
    ends = set()
    for number in range(6):
        out = tmp_path / f"out{number}"
        if number % 2:
            write_journal(out, [row()])
        process = subprocess.Popen(
            [program, "merge", out, tmp_path / "in"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds * (number + chance.random()) / 6)
        process.kill()
        ends.add(process.wait())
        before = count_rows(out, tmp_path / "copy")
        assert before in (number % 2, 10_000 + number % 2)
        assert command("merge", out, tmp_path / "in").exit_code == 0
        assert len(rows_of(out)) == 10_000 + number % 2
    assert -signal.SIGKILL in ends


def count_rows(path: Path, copy: Path) -> int:
    """The rows of what a killed process has left, in a copy: SQLite mends it, and here the program shall."""
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for suffix in ("", "-wal", "-journal"):
        if os.path.exists(f"{path}{suffix}"):
            shutil.copy(f"{path}{suffix}", copy / f"j{suffix}")
    with contextlib.closing(sqlite3.connect(copy / "j")) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'instance'").fetchone():
            return 0
        return int(connection.execute("SELECT count(*) FROM instance").fetchone()[0])


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    peaks = []
    for count in (1_000, 100_000):
        write_many(str(tmp_path / f"in{count}"), count)
        script = (
            "import resource, sys; from dcmsend.journal import merge_journals; merge_journals(*sys.argv[1:2], "
            "sys.argv[2:]); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        done = run(
            sys.executable, "-c",
            f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {script!r}, *sys.argv[1:]]))",
            tmp_path / f"out{count}", tmp_path / f"in{count}",
        )  # fmt: skip
        assert done.exit_code == 0, done.stderr
        peaks.append(int(done.stdout) / 1024)
    assert peaks[1] - peaks[0] < 24, peaks


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    write_many(str(tmp_path / "in"), 20_000)
    write_journal(tmp_path / "out", [row()])

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    program = str(Path(installed_dcmsend()).with_name("dcmsend-journal"))
    for out, rows in (("out", {row()}), ("new", set())):
        done = subprocess.run(
            [program, "merge", tmp_path / out, tmp_path / "in"], preexec_fn=limit, capture_output=True, check=False
        )
        assert done.returncode == 104, done.stderr
        assert b"Traceback" not in done.stderr
        assert not rows or rows_of(tmp_path / out) == rows
    assert not (tmp_path / "new").exists()


def test_no_sources(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no journals"):
        merge_journals(str(tmp_path / "out"), [])
    assert not list(tmp_path.iterdir())


def test_a_directory_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalError):
        merge_journals(str(tmp_path / "out"), [str(tmp_path)])
