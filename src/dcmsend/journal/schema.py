"""What a journal looks like inside: a SQLite database of four tables.

One row an instance, about as long as its file name and its SOP Instance UID together.  The key is directory and name,
without a further index: rows of one directory lie side by side, in the order in which a later run asks for them, and a
directory's path is written once.
"""

from __future__ import annotations

from typing import Final

from dcmsend.transfer import Reason, Result

__all__ = [
    "APPLICATION_ID", "CODES", "COLUMNS", "CREATE", "LOOK_UP", "LOOK_UP_BEFORE", "LOOK_UP_UNANSWERED", "RESULTS",
    "VERSION", "upsert",
]

APPLICATION_ID: Final = 0x64736A6E
"""In the header of the database file, so that another database is never taken for a journal."""

VERSION: Final = 1
"""Raised when a reader of an older version would go wrong."""

RESULTS: Final = (Result.STORED, Result.REFUSED, Result.FAILED, Result.UNCONFIRMED)
"""By the number that stands for each; what was not attempted is not in a journal."""

CODES: Final = {result: code for code, result in enumerate(RESULTS)}

CREATE: Final = (
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

LOOK_UP_UNANSWERED: Final = (
    "SELECT size, mtime_ns, sop_instance_uid FROM instance "
    f"WHERE directory = ? AND name = ? AND outcome = {CODES[Result.UNCONFIRMED]}"
)

LOOK_UP: Final = (
    "SELECT size, mtime_ns, status, sop_instance_uid FROM instance WHERE directory = ? AND name = ? AND outcome = 0"
)

LOOK_UP_BEFORE: Final = (
    "SELECT size, mtime_ns, sop_class.uid, sop_instance_uid FROM instance "
    "JOIN sop_class ON sop_class.id = sop_class WHERE directory = ? AND name = ? AND outcome = 0"
)

LOOK_UP_SUCCESS_SINCE: Final = (
    "SELECT 1 FROM instance WHERE directory = ? AND name = ? AND outcome = 0 AND status = 0 AND time >= ?"
)

COLUMNS: Final = (
    "directory", "name", "size", "mtime_ns", "outcome", "status", "reason", "attempts", "time", "sop_class",
    "sop_instance_uid",
)  # fmt: skip
_CHANGES: Final = ", ".join(
    f"{name} = excluded.{name}" if name != "attempts" else "attempts = instance.attempts + excluded.attempts"
    for name in COLUMNS[2:]
)


def upsert(rows: int) -> str:
    """One statement for so many rows.

    What is stored stays stored, unless the file or the instance in it is another one by now, or the file was changed
    while it was sent again: it may be named twice in one run, and the peer may refuse the second as a duplicate.  Of a
    file that cannot be opened any more nothing new is known.
    """
    places = ", ".join(["(" + ", ".join("?" * len(COLUMNS)) + ")"] * rows)
    return (
        f"INSERT INTO instance ({', '.join(COLUMNS)}) VALUES {places} "
        f"ON CONFLICT (directory, name) DO UPDATE SET {_CHANGES} "
        "WHERE instance.outcome <> 0 OR excluded.outcome = 0 OR (excluded.size IS NOT NULL AND ("
        "excluded.size IS NOT instance.size OR excluded.mtime_ns IS NOT instance.mtime_ns "
        "OR excluded.sop_instance_uid <> instance.sop_instance_uid "
        f"OR excluded.reason IN ('{Reason.FILE_CHANGED.name.lower()}', '{Reason.DATA_SET_BROKEN.name.lower()}')))"
    )
