"""The schema of a journal, which is a SQLite database.

Each instance has one row, about as long as its file name and its SOP Instance UID together.  The key is directory and
name, without a further index: rows of one directory lie together, in the order in which a later run asks for them.
Values that many rows share (a directory, a SOP Class, a series, a proof) are written once and referred to by number.
"""

from __future__ import annotations

from typing import Final

from dcmsend.transfer import Reason, Result

__all__ = [
    "APPLICATION_ID", "CODES", "COLUMNS", "CREATE", "CREATE_NEW", "IS_SAME", "LIST_STORED", "LOOK_UP",
    "LOOK_UP_BEFORE", "LOOK_UP_NEWS", "LOOK_UP_UNANSWERED", "NEW_COLUMNS", "NEW_TABLES", "OLDEST_VERSION",
    "PROOF_AFTER", "REASON", "RESULTS", "UNANSWERED", "VERSION", "upsert",
]  # fmt: skip

APPLICATION_ID: Final = 0x64736A6E
"""Number in the header of the database file that tells a journal from another database."""

VERSION: Final = 2
"""Version of the schema; raised when a reader of an older version would misread a journal."""

OLDEST_VERSION: Final = 1
"""Oldest version that can be read, and that ``--resume`` upgrades: see ``upgrade``."""

RESULTS: Final = (Result.STORED, Result.REFUSED, Result.FAILED, Result.UNCONFIRMED)
"""Results in the order of their numbers; instances that were not attempted are not in a journal."""

CODES: Final = {result: code for code, result in enumerate(RESULTS)}

NEW_COLUMNS: Final = {
    "etag": "TEXT",  # Source.etag, NULL for none
    "series": "INTEGER REFERENCES series",  # NULL if it was never read
    "options": "INTEGER REFERENCES options",  # under which it was sent, NULL if none of them changes the bytes sent
    "proof": "INTEGER",  # proof.id; negative once the row was sent again after that; NULL: never asked
}
"""Columns of an instance that version 2 adds; adding them changes no row."""

NEW_TABLES: Final = {
    "study": "id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE",
    "series": """id INTEGER PRIMARY KEY, study INTEGER NOT NULL REFERENCES study, uid TEXT NOT NULL,
        UNIQUE (study, uid)""",
    "options": "id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE",
    "proof": """id INTEGER PRIMARY KEY,
        state INTEGER NOT NULL,            -- proof_codes
        reason,                            -- a number is the archive's, a text is ours
        time INTEGER NOT NULL,             -- milliseconds since the epoch
        commitment INTEGER REFERENCES commitment,
        sent_again INTEGER NOT NULL,       -- how often the instance had been sent again before, because it was refuted
        due INTEGER NOT NULL DEFAULT 0     -- 1: it is to be sent again because of this""",
    "commitment": """id INTEGER PRIMARY KEY,
        uid TEXT NOT NULL UNIQUE,          -- Transaction UID
        requested INTEGER NOT NULL, peer TEXT NOT NULL,
        state INTEGER NOT NULL,            -- proof_codes
        answered INTEGER,                  -- milliseconds since the epoch
        replaced_by INTEGER REFERENCES commitment""",
    "requested": """commitment INTEGER NOT NULL REFERENCES commitment, directory INTEGER NOT NULL, name BLOB NOT NULL,
        PRIMARY KEY (commitment, directory, name)""",
}
"""Tables that version 2 adds; ``requested`` holds only rows of open transactions."""

CREATE_NEW: Final = tuple(
    f"CREATE TABLE {table} ({columns}\n){' WITHOUT ROWID' if table == 'requested' else ''}"
    for table, columns in NEW_TABLES.items()
)

CREATE: Final = (
    """
    CREATE TABLE peer (
        called_ae_title TEXT NOT NULL, host TEXT NOT NULL, port INTEGER NOT NULL,
        created INTEGER NOT NULL, opened INTEGER NOT NULL  -- milliseconds since the epoch
    )
    """,
    "CREATE TABLE directory (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE)",
    "CREATE TABLE sop_class (id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE)",
    f"""
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
        {", ".join(f"{name} {kind}" for name, kind in NEW_COLUMNS.items())},
        PRIMARY KEY (directory, name)
    ) WITHOUT ROWID
    """,
    *CREATE_NEW,
)

UNANSWERED: Final = "*"
"""The last character of a reason: the peer has refused the instance, or our side has failed, after an attempt with the
same instance of the same file that was sent completely and not answered.  It is not shown.
"""

_IS_UNANSWERED: Final = (
    f"(instance.outcome = {CODES[Result.UNCONFIRMED]} OR coalesce(instance.reason, '') LIKE '%{UNANSWERED}')"
)

REASON: Final = (
    f"CASE WHEN instance.reason LIKE '%{UNANSWERED}' THEN nullif(rtrim(instance.reason, '{UNANSWERED}'), '') "
    "ELSE instance.reason END"
)
"""Our reason for the last outcome of a row."""

LOOK_UP_UNANSWERED: Final = (
    "SELECT size, mtime_ns, etag, sop_instance_uid FROM instance "
    f"WHERE directory = ? AND name = ? AND {_IS_UNANSWERED}"
)

LOOK_UP: Final = (
    "SELECT size, mtime_ns, etag, status, sop_instance_uid, proof.state, instance.time FROM instance "
    "LEFT JOIN proof ON proof.id = instance.proof "
    "WHERE directory = ? AND name = ? AND outcome = 0 AND coalesce(due, 0) = 0"
)
"""Finds a stored row, except one to be sent again because the archive does not have the instance."""

LIST_STORED: Final = (
    "SELECT directory.path, name, size, mtime_ns, etag FROM directory JOIN instance ON directory = directory.id "
    "LEFT JOIN proof ON proof.id = instance.proof "
    "WHERE (directory.path = ?1 OR (directory.path >= ?2 AND directory.path < ?3)) "
    "AND outcome = 0 AND coalesce(due, 0) = 0"
)
"""Lists the rows that ``LOOK_UP`` would find in a directory and, between two other values of the path, below it."""

LOOK_UP_NEWS: Final = (
    "SELECT outcome, time, size, mtime_ns, etag, sop_instance_uid FROM directory "
    "JOIN instance ON directory = directory.id WHERE path = ? AND name = ?"
)

LOOK_UP_BEFORE: Final = (
    "SELECT size, mtime_ns, sop_class.uid, sop_instance_uid FROM instance "
    "JOIN sop_class ON sop_class.id = sop_class WHERE directory = ? AND name = ? AND outcome = 0"
)

LOOK_UP_SUCCESS_SINCE: Final = (
    "SELECT sop_instance_uid FROM directory JOIN instance ON directory = directory.id "
    "LEFT JOIN proof ON proof.id = instance.proof "
    "WHERE path = ? AND name = ? AND outcome = 0 AND status = 0 AND instance.time >= ? AND coalesce(due, 0) = 0"
)

COLUMNS: Final = (
    "directory", "name", "size", "mtime_ns", "outcome", "status", "reason", "attempts", "time", "sop_class",
    "sop_instance_uid", "etag", "series", "options",
)  # fmt: skip
IS_SAME: Final = " AND ".join(
    f"excluded.{name} IS instance.{name}" for name in ("size", "mtime_ns", "etag", "sop_instance_uid")
)
"""Whether two rows of the same name belong to the same file with the same instance."""

PROOF_AFTER: Final = f"proof = CASE WHEN {IS_SAME} THEN -abs(instance.proof) END"
"""The archive has to be asked again; the count of how often the same instance was sent again is kept."""

_CHANGED: Final = f"IN ('{Reason.FILE_CHANGED.name.lower()}', '{Reason.DATA_SET_BROKEN.name.lower()}')"
"""The file was changed while it was sent."""

_IS_NO_ANSWER: Final = f"excluded.outcome IN ({CODES[Result.REFUSED]}, {CODES[Result.FAILED]})"

_STAYS_UNANSWERED: Final = (
    f"{_IS_UNANSWERED} AND {IS_SAME} AND coalesce(excluded.reason, '') NOT {_CHANGED} AND {_IS_NO_ANSWER}"
)
"""Whether what came after an attempt without an answer leaves it open what became of that."""

_TELLS_NOTHING: Final = (
    f"{_IS_UNANSWERED} AND {_IS_NO_ANSWER} AND instance.size IS NOT NULL AND excluded.size IS NULL"
)
"""Whether a file that was sent without an answer cannot be opened any more: that tells nothing of it."""

_MERGED: Final = {
    "reason": f"CASE WHEN {_STAYS_UNANSWERED} "
    f"THEN rtrim(coalesce(excluded.reason, ''), '{UNANSWERED}') || '{UNANSWERED}' ELSE excluded.reason END",
    "attempts": "instance.attempts + excluded.attempts",
}
"""What becomes of columns in which something of the row before may be kept."""

_CHANGES: Final = ", ".join(
    (*(f"{name} = {_MERGED.get(name, f'excluded.{name}')}" for name in COLUMNS[2:]), PROOF_AFTER)
)


def upsert(rows: int) -> str:
    """One statement that inserts or updates so many rows.

    A stored row stays stored, unless the file or the instance in it has changed, or the file was changed while it was
    sent again: a file may be named twice in one run, and the peer may refuse the second copy as a duplicate.  What the
    peer may have stored without an answer stays known as that.  A file that cannot be opened any more changes
    nothing that is known of either.
    """
    places = ", ".join(["(" + ", ".join("?" * len(COLUMNS)) + ")"] * rows)
    return (
        f"INSERT INTO instance ({', '.join(COLUMNS)}) VALUES {places} "
        f"ON CONFLICT (directory, name) DO UPDATE SET {_CHANGES} "
        f"WHERE (instance.outcome <> 0 AND NOT ({_TELLS_NOTHING})) "
        f"OR excluded.outcome = 0 OR (excluded.size IS NOT NULL AND (NOT ({IS_SAME}) OR excluded.reason {_CHANGED}))"
    )
