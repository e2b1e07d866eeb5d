"""Journals with noise in them: an error that says so, or what is left of it, and never anything else."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from dcmsend import Peer
from dcmsend.cli.journal_command import main
from dcmsend.errors import JournalError
from dcmsend.inputs import InputFile
from dcmsend.journal import JournalFilter, JournalReader
from dcmsend.journal.database import open_database, open_read_only
from dcmsend.journal.resume import StoredFiles
from dcmsend.journal.writer import GroupWriter

from .test_writer import outcome_of

PEER = Peer("host", 104).facts
ROWS = 1000


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "journal"
    connection = open_database(str(path), PEER, resume=False)
    writer = GroupWriter(connection, str(path), lambda _: None, lambda: None)
    for number in range(ROWS):
        writer.add(outcome_of(number))
    writer.close()
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    return path.read_bytes()


def use(path: Path) -> int:
    """Everything that is done with a journal; how much of it was possible."""
    done = 0
    try:
        with JournalReader(str(path)) as reader:
            reader.totals(JournalFilter())
            for _ in reader.rows(JournalFilter(paths=("*",))):
                done += 1
            reader.find_damage()
    except JournalError:
        pass
    try:
        stored = StoredFiles(open_read_only(str(path))[0], str(path))
        try:
            for number in range(0, ROWS, 50):
                stored.find(InputFile(f"/nowhere/{number}"))
                done += 1
        finally:
            stored.close()
    except JournalError:
        pass
    try:
        connection = open_database(str(path), PEER, resume=True)
    except JournalError:
        return done
    writer = GroupWriter(connection, str(path), lambda _: None, lambda: None)
    for number in range(0, 2 * ROWS, 7):
        writer.add(outcome_of(number))
        done += 1
    writer.close()
    assert writer.error is None or isinstance(writer.error, JournalError)
    assert "Error:" not in str(writer.error)
    connection.close()
    return done


def test_sound(sound: bytes, tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(sound)
    assert use(tmp_path / "journal") > ROWS


@pytest.mark.parametrize("seed", range(8))
def test_noise(sound: bytes, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    path = tmp_path / "journal"
    for _ in range(25):
        content = bytearray(sound)
        for _ in range(chance.choice((1, 3, 30))):
            start = chance.randrange(chance.choice((200, 4096, len(content))))
            length = chance.choice((1, 1, 4, 100))
            content[start : start + length] = chance.randbytes(length)
        path.write_bytes(content)
        use(path)
        for left in tmp_path.iterdir():
            left.unlink()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE instance SET outcome = 99", "UPDATE instance SET outcome = 'x'", "UPDATE instance SET time = 'x'",
        "UPDATE instance SET size = 'x', mtime_ns = x'00'",
        "UPDATE instance SET sop_instance_uid = CAST(x'ff' AS TEXT)",
        "UPDATE instance SET status = 'x'", "UPDATE directory SET path = 5", "UPDATE peer SET port = 'x'",
        "UPDATE peer SET created = 1e300", "DELETE FROM peer", "DELETE FROM directory", "DROP TABLE instance",
        "UPDATE instance SET name = name || x'00'", "DROP TABLE sop_class", "ALTER TABLE instance RENAME reason TO x",
        "UPDATE instance SET time = 9e18", "UPDATE sop_class SET uid = x'ffff'",
    ],
)  # fmt: skip
def test_strange_values(sound: bytes, tmp_path: Path, statement: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "journal"
    path.write_bytes(sound)
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    for arguments in ((), ("--list",), ("--format", "json"), ("--format", "csv"), ("--check",)):
        assert main([str(path), *arguments]) in (0, 104), capfd.readouterr().err
    use(path)
