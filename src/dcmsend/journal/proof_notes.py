"""Writes proofs and transactions into a journal, within a transaction of the caller."""

from __future__ import annotations

import sqlite3
import time
from typing import Any, Final

from .proof_rows import ASKED, FROM_ROWS, ROW_COLUMNS, StoredRow, TransactionState, row_of

__all__ = [
    "ProofNotes", "add_transaction", "current_transaction", "end_transaction", "find_transaction", "hand_over", "now",
    "rows_of_transaction",
]  # fmt: skip

_SET: Final = (
    "UPDATE instance SET proof = ? WHERE directory = ? AND name = ? AND outcome = 0 AND time = ? "
    "AND sop_instance_uid = ? AND proof IS ?"
)
_OF_TRANSACTION: Final = (
    f"SELECT {ROW_COLUMNS} FROM requested CROSS JOIN instance "
    f"ON (instance.directory, instance.name) = (requested.directory, requested.name) {FROM_ROWS} "
    f"WHERE requested.commitment = ? AND outcome = 0 AND instance.proof > 0 AND proof.state = {ASKED} "
    "AND proof.commitment = requested.commitment ORDER BY requested.directory, requested.name"
)
_HAND_OVER: Final = (
    "UPDATE proof SET commitment = ?1, time = ?2 WHERE id IN (SELECT instance.proof FROM requested CROSS JOIN instance "
    "ON (instance.directory, instance.name) = (requested.directory, requested.name) WHERE requested.commitment = ?3) "
    f"AND commitment = ?3 AND state = {ASKED}"
)


class ProofNotes:
    """Writes proofs within one transaction; rows with the same verdict share one proof.

    Attributes:
        time: of all proofs, milliseconds since the epoch.
        mark: the number in the column ``proof`` of the row that was set last.
    """

    def __init__(self, connection: sqlite3.Connection, commitment: int | None) -> None:
        self.time = now()
        self.mark = 0
        self._connection = connection
        self._commitment = commitment
        self._known: dict[tuple[Any, ...], int] = {}

    def set(self, row: StoredRow, code: int, reason: int | str | None) -> bool:
        """Set the proof of a row; return whether the row is still the one that was asked for."""
        key = (code, reason, self.time, self._commitment, row.sent_again, 0)
        return self._point(row, key)

    def set_due(self, row: StoredRow) -> bool:
        """Mark a row to be sent again, with its proof unchanged; return as ``set`` does."""
        known = self._connection.execute(
            "SELECT state, reason, time, commitment, sent_again FROM proof WHERE id = ?", (row.mark,)
        ).fetchone()
        return known is not None and self._point(row, (*known, 1))

    def _point(self, row: StoredRow, key: tuple[Any, ...]) -> bool:
        number = self._known.get(key)
        if number is None:
            added = self._connection.execute(
                "INSERT INTO proof (state, reason, time, commitment, sent_again, due) VALUES (?, ?, ?, ?, ?, ?)", key
            )
            number = self._known[key] = int(added.lastrowid or 0)
        self.mark = number
        values = (number, *row.key, row.time, row.sop_instance_uid, row.mark)
        return self._connection.execute(_SET, values).rowcount == 1


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def find_transaction(connection: sqlite3.Connection, uid: str) -> tuple[int, int] | None:
    """Number and state of a transaction, None for an unknown one."""
    row = connection.execute("SELECT id, state FROM commitment WHERE uid = ?", (uid,)).fetchone()
    return None if row is None else (int(row[0]), int(row[1]))


def current_transaction(connection: sqlite3.Connection, number: int) -> int:
    """The transaction that has replaced another one in the end; a later one has a greater number."""
    while True:
        (later,) = connection.execute("SELECT replaced_by FROM commitment WHERE id = ?", (number,)).fetchone()
        if later is None or later <= number:
            return number
        number = later


def add_transaction(connection: sqlite3.Connection, uid: str, peer: str) -> int:
    """Add an open transaction; return its number."""
    added = connection.execute(
        "INSERT INTO commitment (uid, requested, peer, state) VALUES (?, ?, ?, ?)",
        (uid, now(), peer, TransactionState.OPEN.value),
    )
    return int(added.lastrowid or 0)


def rows_of_transaction(connection: sqlite3.Connection, number: int) -> list[StoredRow]:
    """The rows that still wait for the answer of a transaction."""
    return [row_of(values) for values in connection.execute(_OF_TRANSACTION, (number,))]


def hand_over(connection: sqlite3.Connection, old: int, new: int) -> None:
    """Let the rows of one transaction wait for another one; finds them by key, as proofs have no index."""
    connection.execute(_HAND_OVER, (new, now(), old))
    connection.execute("UPDATE requested SET commitment = ? WHERE commitment = ?", (new, old))


def end_transaction(connection: sqlite3.Connection, current: int, named: int, state: TransactionState) -> None:
    """Record that no row waits for the transaction any more, under whichever of its UIDs it was answered."""
    connection.execute("DELETE FROM requested WHERE commitment = ?", (current,))
    replaced = TransactionState.REPLACED.value
    if current != named:
        values = (replaced, current, TransactionState.OPEN.value)
        connection.execute("UPDATE commitment SET state = ? WHERE id = ? AND state = ?", values)
    connection.execute("UPDATE commitment SET state = ?, answered = ? WHERE id = ?", (state.value, now(), named))
