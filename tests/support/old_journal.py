"""Journals of schema version 1, as dcmsend made them before version 2.

The SQL is frozen here: it is what the old program executed, and must never follow the present one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["OldRow", "read_old_columns", "write_old_journal"]

_APPLICATION_ID = 0x64736A6E
_CREATE = (
    """
    CREATE TABLE peer (
        called_ae_title TEXT NOT NULL, host TEXT NOT NULL, port INTEGER NOT NULL,
        created INTEGER NOT NULL, opened INTEGER NOT NULL  -- milliseconds since the epoch
    )
    """,
    "CREATE TABLE directory (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE)",
    "CREATE TABLE sop_class (id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE)",
    """
    CREATE TABLE instance (
        directory INTEGER NOT NULL REFERENCES directory,
        name BLOB NOT NULL,
        size INTEGER, mtime_ns INTEGER,    -- of the file that was opened, else NULL; as ASCII digits beyond 64 bits
        outcome INTEGER NOT NULL,          -- 0 stored, 1 refused, 2 failed, 3 unconfirmed
        status INTEGER, reason TEXT,       -- the peer's answer, or our reason
        attempts INTEGER NOT NULL,         -- of all runs
        time INTEGER NOT NULL,             -- of the last outcome, milliseconds since the epoch
        sop_class INTEGER NOT NULL REFERENCES sop_class,
        sop_instance_uid TEXT NOT NULL,
        PRIMARY KEY (directory, name)
    ) WITHOUT ROWID
    """,
)
_CHANGED = ("size", "mtime_ns", "outcome", "status", "reason", "time", "sop_class", "sop_instance_uid")
_UPSERT = (
    "INSERT INTO instance (directory, name, size, mtime_ns, outcome, status, reason, attempts, time, sop_class, "
    "sop_instance_uid) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (directory, name) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _CHANGED)
    + ", attempts = instance.attempts + excluded.attempts "
    "WHERE instance.outcome <> 0 OR excluded.outcome = 0 OR (excluded.size IS NOT NULL AND ("
    "excluded.size IS NOT instance.size OR excluded.mtime_ns IS NOT instance.mtime_ns "
    "OR excluded.sop_instance_uid <> instance.sop_instance_uid "
    "OR excluded.reason IN ('file_changed', 'data_set_broken')))"
)


class OldRow(NamedTuple):
    """One outcome, in the words of the columns."""

    directory: bytes
    name: bytes
    size: int | bytes | None = 7
    mtime_ns: int | bytes | None = 1
    outcome: int = 0
    status: int | None = 0
    reason: str | None = None
    attempts: int = 1
    time: int = 1_700_000_000_000
    sop_class: str = "1.2.840.10008.5.1.4.1.1.2"
    sop_instance_uid: str = "1.2.3"


def write_old_journal(
    path: Path, rows: Iterable[OldRow], *, host: str = "127.0.0.1", port: int = 104, page_size: int = 4096,
    is_cut_off: bool = False,
) -> None:  # fmt: skip
    """A journal as the old program leaves it; with ``is_cut_off`` after a kill, with its log beside it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {page_size}")
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = OFF")  # the old program had FULL; it is the same file
        connection.execute("BEGIN IMMEDIATE")
        for statement in _CREATE:
            connection.execute(statement)
        connection.execute("INSERT INTO peer VALUES ('ANY-SCP', ?, ?, 1700000000000, 1700000000000)", (host, port))
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        connection.execute("COMMIT")
        if is_cut_off:
            connection.execute("PRAGMA wal_checkpoint").fetchone()
        connection.execute("BEGIN IMMEDIATE")
        for row in rows:
            directory = _id(connection, "directory", "path", row.directory)
            sop_class = _id(connection, "sop_class", "uid", row.sop_class)
            connection.execute(_UPSERT, (directory, *row[1:9], sop_class, row.sop_instance_uid))
        connection.execute("COMMIT")
        if not is_cut_off:
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()
            return
        kept = {name: Path(name).read_bytes() for name in (str(path), f"{path}-wal")}
    for name, content in kept.items():
        Path(name).write_bytes(content)


def _id(connection: sqlite3.Connection, table: str, column: str, value: bytes | str) -> int:
    connection.execute(f"INSERT INTO {table} ({column}) VALUES (?) ON CONFLICT DO NOTHING", (value,))
    number: int = connection.execute(f"SELECT id FROM {table} WHERE {column} = ?", (value,)).fetchone()[0]
    return number


def read_old_columns(path: Path) -> list[tuple[Any, ...]]:
    """All that version 1 knew, of a journal of any version, with its peer; read without our code."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        peer = connection.execute("SELECT called_ae_title, host, port, created FROM peer").fetchall()
        rows = connection.execute(
            "SELECT path, name, size, mtime_ns, outcome, status, reason, attempts, time, uid, sop_instance_uid "
            "FROM instance JOIN directory ON directory.id = directory JOIN sop_class ON sop_class.id = sop_class "
            "ORDER BY directory, name"
        ).fetchall()
    return peer + rows
