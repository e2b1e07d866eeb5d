"""The interface to the proofs in a journal: instances to be proven, questions that were asked, answers.

Every method that writes has committed when it returns.  A verdict counts only for the copy it was asked for: a row that
was sent again meanwhile, or holds another instance by now, is not changed.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import islice
from typing import Final

from dcmsend.transfer import Proof, ProofState, Verdict

from .database import open_second
from .proof_notes import (
    ProofNotes,
    add_transaction,
    current_transaction,
    end_transaction,
    find_transaction,
    hand_over,
    rows_of_transaction,
)
from .proof_rows import (
    ASKED,
    FROM_ROWS,
    PROOF_CODES,
    ROW_COLUMNS,
    STATES,
    OpenTransaction,
    StoredRow,
    TransactionState,
    row_of,
)
from .shared_uids import SharedUids, find_shared_uids
from .sqlite_errors import translated

__all__ = ["NOT_NAMED", "Proofs"]

NOT_NAMED: Final = "not_named"
"""Reason for an instance that an answer does not name."""

_PIECE: Final = 1000
_UNPROVEN: Final = (
    f"(proof IS NULL OR proof < 0 OR (SELECT state FROM proof WHERE id = instance.proof) = "
    f"{PROOF_CODES[ProofState.NO_ANSWER]})"
)
_REFUTED: Final = (
    f"proof > 0 AND (SELECT state IN ({PROOF_CODES[ProofState.DENIED]}, {PROOF_CODES[ProofState.MISSING]}) "
    "FROM proof WHERE id = instance.proof)"
)
_REPORTED: Final = (
    "proof BETWEEN {} AND {} AND (SELECT commitment IS NOT NULL AND due = 0 AND "
    f"state IN ({PROOF_CODES[ProofState.COMMITTED]}, {PROOF_CODES[ProofState.DENIED]}) "
    "FROM proof WHERE id = instance.proof)"
)
_GATHER_PROVEN: Final = (
    "INSERT OR IGNORE INTO temp.proven SELECT series FROM instance JOIN proof ON proof.id = instance.proof "
    f"WHERE proof.state IN ({PROOF_CODES[ProofState.COMMITTED]}, {PROOF_CODES[ProofState.VERIFIED]}) "
    "AND series IS NOT NULL"
)
_HAS_PROVEN: Final = (
    "SELECT 1 FROM study JOIN series ON series.study = study.id JOIN temp.proven ON proven.series = series.id "
    "WHERE study.uid = ? AND series.uid = ?"
)
_IS_LAST_COPY: Final = (
    "SELECT 1 FROM instance WHERE directory = ? AND name = ? AND outcome = 0 AND time = ? AND sop_instance_uid = ?"
)
_HAS_INSTANCE: Final = "SELECT 1 FROM instance WHERE directory = ? AND name = ? AND sop_instance_uid = ?"
_DIRECTORIES: Final = "SELECT path FROM directory WHERE path > ? AND path < ? ORDER BY path DESC LIMIT ?"
_SORTED: Final = (
    "CREATE TEMP TABLE wanted AS SELECT directory, name FROM instance LEFT JOIN series ON series.id = instance.series "
    "WHERE outcome = 0 AND {} ORDER BY series IS NULL, series.study, series, directory, name"
)
_NEXT: Final = (
    f"SELECT wanted.rowid, {ROW_COLUMNS} FROM temp.wanted CROSS JOIN instance "
    f"ON (instance.directory, instance.name) = (wanted.directory, wanted.name) {FROM_ROWS} "
    f"WHERE wanted.rowid > ? ORDER BY wanted.rowid LIMIT {_PIECE}"
)


class Proofs:
    """The proofs of a journal; used by one thread at a time, beside the run.  All methods raise JournalError."""

    def __init__(self, path: str, flush: Callable[[], None] | None = None) -> None:
        """``path`` is a journal that this process has open to write; ``flush`` writes the outcomes still waiting."""
        self._path = path
        self._flush = flush
        self._connection = open_second(path)
        self._gathered = -1

    def close(self) -> None:
        """Close the database."""
        with suppress(sqlite3.Error):
            self._connection.close()

    def unproven(self) -> Iterator[StoredRow]:
        """The stored rows that are neither proven nor refuted nor in an open transaction, by study and series.

        Series come in the order in which they were first sent; rows without a known series come last.  The list is of
        the moment of the first row, and is kept on the disk; each row has its values of the moment it is yielded.
        """
        return self._sorted(_UNPROVEN, lambda row: row.proof is None or row.proof.state is ProofState.NO_ANSWER)

    def refuted(self, *, sent_again: bool) -> Iterator[StoredRow]:
        """Rows of instances that the archive does not have: not yet sent again, or sent again and refuted once more."""
        return self._sorted(
            _REFUTED,
            lambda row: row.proof is not None and row.proof.state.is_refuted and (row.sent_again > 0) is sent_again,
        )

    def reported(self, after: int, until: int) -> Iterator[tuple[StoredRow, Proof]]:
        """Rows that reports have committed or denied: those whose mark is beyond ``after``, up to ``until``."""
        condition = _REPORTED.format(after + 1, until)
        for row in self._sorted(condition, lambda row: row.mark is not None and after < row.mark <= until):
            if row.proof is not None:
                yield row, row.proof

    def has_proven(self, study_uid: str, series_uid: str) -> bool:
        """Whether any stored instance of a series is proven; looks at the whole journal after something was written."""
        with translated(self._path):
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()  # others have written, too
            if version != self._gathered:
                self._connection.execute("CREATE TEMP TABLE IF NOT EXISTS proven (series INTEGER PRIMARY KEY)")
                self._connection.execute("DELETE FROM temp.proven")
                self._connection.execute(_GATHER_PROVEN)
                self._gathered = version
            return self._connection.execute(_HAS_PROVEN, (study_uid, series_uid)).fetchone() is not None

    def shared_uids(self) -> SharedUids:
        """The UIDs of refuted instances that the journal also has in another study or series."""
        self._write_first()
        with translated(self._path), closing(open_second(self._path)) as connection:
            return find_shared_uids(connection)

    def totals(self) -> dict[ProofState | None, int]:
        """The number of stored rows in each state; None: the archive was not asked since they were sent last."""
        self._write_first()
        found: dict[ProofState | None, int] = {}
        with translated(self._path):
            for code, count in self._connection.execute(
                "SELECT CASE WHEN instance.proof > 0 THEN state END, count(*) FROM instance "
                "LEFT JOIN proof ON proof.id = instance.proof WHERE outcome = 0 GROUP BY 1"
            ):
                state = None if code is None else STATES[code]
                found[state] = found.get(state, 0) + count
        return found

    def newest_mark(self) -> int:
        """The mark of the proof that was written last, 0 for none; those written later have greater ones."""
        with translated(self._path):
            (newest,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM proof").fetchone()
        return int(newest)

    def record(self, verdicts: Iterable[tuple[StoredRow, Verdict]]) -> int:
        """Keep the verdicts of an answer without a transaction; return how many rows took one.  Bounded memory."""
        self._gathered = -1
        taken = 0
        given = iter(verdicts)
        while piece := list(islice(given, _PIECE)):
            with self._transaction() as connection:
                notes = ProofNotes(connection, None)
                taken += sum(notes.set(row, PROOF_CODES[state], reason) for row, (state, reason) in piece)
        return taken

    def send_again(self, rows: Iterable[StoredRow]) -> int:
        """Let this run or the next one send refuted rows again; return how many.  The same copy counts only once."""
        taken = 0
        given = iter(rows)
        while piece := list(islice(given, _PIECE)):
            with self._transaction() as connection:
                notes = ProofNotes(connection, None)
                for row in piece:
                    if row.proof is not None and row.proof.state.is_refuted and not row.sent_again:
                        taken += notes.set_due(row)
        return taken

    def begin_transaction(self, uid: str, rows: Sequence[StoredRow], peer: str) -> list[StoredRow]:
        """Note that a commitment is about to be requested; return the rows that it may name.

        Raises ValueError for a Transaction UID that was used before.
        """
        with self._transaction() as connection:
            if find_transaction(connection, uid) is not None:
                raise ValueError("a Transaction UID is used once")
            number = add_transaction(connection, uid, peer)
            notes = ProofNotes(connection, number)
            taken = [row for row in rows if notes.set(row, ASKED, None)]
            connection.executemany("INSERT INTO requested VALUES (?, ?, ?)", [(number, *row.key) for row in taken])
            if not taken:
                connection.execute("DELETE FROM commitment WHERE id = ?", (number,))
        return taken

    def replace_transaction(self, old: str, new: str, peer: str) -> list[StoredRow]:
        """Note that all rows of an open transaction are requested under another UID; an answer to either UID counts.

        Raises ValueError if ``old`` is not open, or ``new`` was used before.
        """
        with self._transaction() as connection:
            found, known = find_transaction(connection, old), find_transaction(connection, new)
            if found is None or found[1] != TransactionState.OPEN.value or known is not None:
                raise ValueError("a Transaction UID is used once, and only an open one is replaced")
            number = add_transaction(connection, new, peer)
            values = (TransactionState.REPLACED.value, number, found[0])
            connection.execute("UPDATE commitment SET state = ?, replaced_by = ? WHERE id = ?", values)
            hand_over(connection, found[0], number)
            return rows_of_transaction(connection, number)

    def answer_transaction(
        self, uid: str, verdicts: Mapping[str, Verdict]
    ) -> list[tuple[StoredRow, Proof]] | None:
        """Keep the verdicts of a report, by SOP Instance UID; instances that it does not name have no answer.

        A report on a transaction that was replaced says nothing of those: they wait for that on the later one.
        Returns the rows that got a proof, none for a second answer; None for an unknown transaction.
        """
        self._gathered = -1
        with self._transaction() as connection:
            found = find_transaction(connection, uid)
            if found is None:
                return None
            named, current = found[0], current_transaction(connection, found[0])
            notes = ProofNotes(connection, named)
            silent = None if current != named else Verdict(ProofState.NO_ANSWER, NOT_NAMED)
            proven = []
            waits = False
            for row in rows_of_transaction(connection, current):
                verdict = verdicts.get(row.sop_instance_uid, silent)
                if verdict is None:
                    waits = True
                    continue
                state, reason = verdict
                if notes.set(row, PROOF_CODES[state], reason):
                    proven.append((row, Proof(state, reason, uid, notes.time / 1000)))
            if not waits:
                end_transaction(connection, current, named, TransactionState.ANSWERED)
        return proven

    def refuse_transaction(self, uid: str, reason: int | str | None) -> list[StoredRow]:
        """Note that an open transaction will not be answered; return its rows, which may be asked for again."""
        with self._transaction() as connection:
            found = find_transaction(connection, uid)
            if found is None or found[1] != TransactionState.OPEN.value:
                return []
            notes = ProofNotes(connection, found[0])
            proof = Proof(ProofState.NO_ANSWER, reason, uid, notes.time / 1000)
            rows = [
                row._replace(proof=proof, mark=notes.mark) for row in rows_of_transaction(connection, found[0])
                if notes.set(row, PROOF_CODES[proof.state], reason)
            ]  # fmt: skip
            end_transaction(connection, found[0], found[0], TransactionState.REFUSED)
        return rows

    def open_transactions(self) -> list[OpenTransaction]:
        """All transactions without an answer, the oldest first."""
        with translated(self._path):
            rows = self._connection.execute(
                "SELECT uid, requested, peer, (SELECT count(*) FROM requested WHERE commitment = commitment.id) "
                f"FROM commitment WHERE state = {TransactionState.OPEN.value} ORDER BY requested, id"
            ).fetchall()
        return [OpenTransaction(uid, requested / 1000, peer, count) for uid, requested, peer, count in rows]

    def rows_of(self, uid: str) -> list[StoredRow]:
        """The rows of an open transaction, except those sent again since and those that hold another instance now."""
        with translated(self._path):
            connection = self._connection
            found = find_transaction(connection, uid)
            return [] if found is None else rows_of_transaction(connection, current_transaction(connection, found[0]))

    def has_instance(self, row: StoredRow) -> bool:
        """Whether the row's file still is that of its instance, as far as the journal knows, whatever became of it."""
        self._write_first()
        with translated(self._path):
            return self._connection.execute(_HAS_INSTANCE, (*row.key, row.sop_instance_uid)).fetchone() is not None

    def directories_below(self, directory: str) -> list[bytes]:
        """The directories below another one in which files of this journal are or were; the last 1000 by name."""
        inner = os.fsencode(directory.rstrip(os.sep) + os.sep)
        with translated(self._path):
            found = self._connection.execute(_DIRECTORIES, (inner, inner[:-1] + bytes((inner[-1] + 1,)), _PIECE))
            return [bytes(path) for (path,) in found]

    def is_last_copy(self, row: StoredRow) -> bool:
        """Whether the row's instance is still stored, and was not sent again since the row was read."""
        self._write_first()
        with translated(self._path):
            values = (*row.key, row.time, row.sop_instance_uid)
            return self._connection.execute(_IS_LAST_COPY, values).fetchone() is not None

    def _write_first(self) -> None:
        if self._flush is not None:
            self._flush()

    def _sorted(self, condition: str, is_wanted: Callable[[StoredRow], bool]) -> Iterator[StoredRow]:
        """Rows in order, read on a connection of its own, so that others may use the journal between two pieces."""
        self._write_first()
        with translated(self._path), closing(open_second(self._path)) as connection:
            connection.execute("PRAGMA temp_store = FILE")
            connection.execute(_SORTED.format(condition))
            last = 0
            while found := connection.execute(_NEXT, (last,)).fetchall():
                last = found[-1][0]
                yield from filter(is_wanted, (row_of(values[1:]) for values in found))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        with translated(self._path):
            connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            if isinstance(error, ValueError):  # the caller's error, not the journal's
                raise
            with translated(self._path):
                raise
