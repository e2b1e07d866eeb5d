"""How outcomes get into the journal: in groups, soon, and never more than two groups late."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from dcmsend import Peer, Reason, Result, StoreOutcome
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.index import Instance, ReadMode
from dcmsend.inputs import InputFile
from dcmsend.journal.database import open_database
from dcmsend.journal.writer import GROUP_ROWS, GroupWriter
from support.fixture_files import CT_CLASS, EI
from support.processes import wait_until
from support.sending import instance_uid


def outcome_of(number: int, result: Result = Result.STORED) -> StoreOutcome:
    instance = Instance(
        InputFile(f"/nowhere/{number}"), CT_CLASS, instance_uid(number), transfer_syntax(EI), ReadMode.FILE_ONLY
    )
    status, reason = (0, None) if result is Result.STORED else (None, Reason.CONNECTION_LOST)
    return StoreOutcome(number, instance, result, status, reason, started=1.0, file_stamp=(7, number))


class Kept:
    """A writer, and what it has told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.groups: list[int] = []
        self.failures = 0
        self.connection = open_database(str(path), Peer("host", 104).facts, resume=False)
        self.writer = GroupWriter(self.connection, str(path), self._on_commit, self._on_error)

    def _on_commit(self, outcomes: Sequence[StoreOutcome]) -> None:
        self.groups.append(len(outcomes))

    def _on_error(self) -> None:
        self.failures += 1

    def count(self) -> int:
        """Rows that others can see."""
        connection = sqlite3.connect(self.path)
        try:
            number: int = connection.execute("SELECT count(*) FROM instance").fetchone()[0]
            return number
        finally:
            connection.close()


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path / "journal")
    yield made
    made.writer.close()
    made.connection.close()


def test_one_outcome_does_not_wait_for_others(kept: Kept) -> None:
    kept.writer.add(outcome_of(1))
    wait_until(lambda: kept.groups == [1], 30, "the commit")
    assert kept.count() == 1


def test_groups(kept: Kept) -> None:
    for number in range(2000):
        kept.writer.add(outcome_of(number))
    kept.writer.close()
    assert sum(kept.groups) == kept.count() == 2000
    assert max(kept.groups) <= GROUP_ROWS
    assert len(kept.groups) < 100, "hardly anything was written together"


def test_an_old_sqlite_takes_fewer_values_at_a_time(tmp_path: Path) -> None:
    connection = open_database(str(tmp_path / "journal"), Peer("host", 104).facts, resume=False)
    connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)
    groups: list[int] = []
    writer = GroupWriter(connection, "journal", lambda outcomes: groups.append(len(outcomes)), lambda: None)
    for number in range(600):
        writer.add(outcome_of(number))
    writer.close()
    assert writer.error is None
    assert sum(groups) == connection.execute("SELECT count(*) FROM instance").fetchone()[0] == 600
    connection.close()


def test_never_more_than_two_groups_are_without_a_commit(kept: Kept) -> None:
    blocker = sqlite3.connect(kept.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    added = 0

    def add_many() -> None:
        nonlocal added
        for number in range(5 * GROUP_ROWS):
            kept.writer.add(outcome_of(number))
            added += 1

    thread = threading.Thread(target=add_many)
    thread.start()
    wait_until(lambda: added >= GROUP_ROWS, 30, "the first group")
    thread.join(1.0)
    assert thread.is_alive()
    assert added <= 2 * GROUP_ROWS
    blocker.execute("COMMIT")
    blocker.close()
    thread.join(60)
    assert not thread.is_alive()
    kept.writer.close()
    assert kept.count() == 5 * GROUP_ROWS
    assert kept.failures == 0


def test_a_group_with_the_same_file_twice(kept: Kept) -> None:
    kept.writer.add(outcome_of(1))
    kept.writer.add(outcome_of(1, Result.UNCONFIRMED))
    kept.writer.add(outcome_of(2, Result.UNCONFIRMED))
    kept.writer.add(outcome_of(2))
    kept.writer.close()
    connection = sqlite3.connect(kept.path)
    assert connection.execute("SELECT outcome, reason FROM instance ORDER BY name").fetchall() == [(0, None)] * 2
    connection.close()
    connection.close()


def test_what_could_not_be_written_is_tried_once_more_at_the_end(kept: Kept) -> None:
    connection = kept.writer._connection
    connection.execute("PRAGMA max_page_count = 8")
    number = 0
    while kept.writer.error is None:
        number += 1
        kept.writer.add(outcome_of(number))
        assert number < 100_000
    assert "the disk is full" in str(kept.writer.error)
    assert kept.failures == 1
    kept.writer.add(outcome_of(number + 1))  # an answer to what was in flight
    connection.execute("PRAGMA max_page_count = 100000")
    kept.writer.close()
    assert kept.count() == number + 1


def test_the_run_is_ended_before_anybody_goes_on(tmp_path: Path) -> None:
    """However long it takes to end it: what the journal does not know of is bounded for any number of associations."""
    ended = threading.Event()
    committed = 0

    def on_commit(outcomes: Sequence[StoreOutcome]) -> None:
        nonlocal committed
        committed += len(outcomes)

    def end() -> None:
        ended.wait(0.5)
        ended.set()

    connection = open_database(str(tmp_path / "journal"), Peer("host", 104).facts, resume=False)
    writer = GroupWriter(connection, "journal", on_commit, end)
    connection.execute("PRAGMA max_page_count = 8")
    added = [0, 0, 0]

    def answer(line: int) -> None:
        while not ended.is_set():
            writer.add(outcome_of(line + 3 * added[line]))
            added[line] += 1

    threads = [threading.Thread(target=answer, args=(line,)) for line in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(added) - committed <= 2 * GROUP_ROWS + 3
    writer.close()
    connection.close()
