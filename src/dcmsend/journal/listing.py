"""Reads a journal for people and programs: filtered rows and totals.  Never writes, and never waits for a run."""

from __future__ import annotations

import fnmatch
import os
import re
import sqlite3
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from dcmsend.dicom.record import Record
from dcmsend.transfer import Proof, ProofState, Result

from .database import open_read_only
from .proof_rows import ASKED, FROM_ROWS, SENT_AGAIN, STATES, TransactionState, proof_of
from .schema import CODES, REASON, RESULTS
from .sqlite_errors import translated
from .values import number

__all__ = ["JournalFilter", "JournalGroup", "JournalReader", "JournalRow", "WaitingTransactions"]

_PIECE: Final = 1000


class JournalRow(NamedTuple):
    """The row of one instance.

    Attributes:
        path: full name of the file, without links; bytes that are not UTF-8 are surrogate escapes.
        size, mtime_ns: of the file that was sent; None if it could not be opened.
        result: of the last attempt.
        status: the peer's answer, None without one.
        reason: our reason, such as ``connection_lost``, None if the peer has answered.
        attempts: number of attempts in all runs.
        time: of the last outcome, seconds since the epoch.
        sop_class_uid, sop_instance_uid: as in the request.
        study_uid, series_uid: of the data set, ``""`` if they were never read.
        etag: a mark, beside size and time, by which a change is recognised, ``""`` for a file.
        options: fingerprint of the options under which it was sent, ``""`` if none of them changes the bytes sent.
        proof: the archive's confirmation since the last time it was sent, None if the archive was not asked.
        sent_again: how often it was sent again because the archive did not have it.
    """

    path: str
    size: int | None
    mtime_ns: int | None
    result: Result
    status: int | None
    reason: str | None
    attempts: int
    time: float
    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str = ""
    series_uid: str = ""
    etag: str = ""
    options: str = ""
    proof: Proof | None = None
    sent_again: int = 0


class JournalGroup(NamedTuple):
    """The number of instances with the same result, status and reason."""

    result: Result
    status: int | None
    reason: str | None
    instances: int


class WaitingTransactions(NamedTuple):
    """Open transactions: commitments of the archive that were requested and are not answered.

    Attributes:
        number: how many transactions.
        instances: how many instances wait for them.
        oldest: when the oldest one was requested, seconds since the epoch; None if there is none.
    """

    number: int
    instances: int
    oldest: float | None


class JournalFilter(Record):
    """Selects rows; an empty value selects all.

    Attributes:
        results: results of the last attempt.
        statuses: answers of the peer.
        reasons: our reasons.
        paths: shell patterns for the full name of the file, one of which has to match; ``*`` matches a slash too.
        proofs: the archive's confirmations; None stands for rows of which the archive was not asked.
    """

    results: tuple[Result, ...] = ()
    statuses: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    proofs: tuple[ProofState | None, ...] = ()


class JournalReader:
    """An open journal; a context manager.  All methods raise JournalError.

    Attributes:
        binding: the peer to which the journal belongs.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection, self.binding = open_read_only(path)

    def __enter__(self) -> JournalReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def totals(self, wanted: JournalFilter) -> list[JournalGroup]:
        """The selected rows, counted by result, the most frequent first."""
        where, values = self._where(wanted)
        text = (
            f"SELECT outcome, status, {REASON} AS ours, count(*) FROM {_tables(wanted)} {where} "
            "GROUP BY outcome, status, ours ORDER BY outcome, count(*) DESC"
        )
        with translated(self._path):
            rows = self._connection.execute(text, values).fetchall()
            for _, status, reason, _ in rows:
                _check(_NUMBER, status)
                _check(_TEXT, reason)
            return [JournalGroup(RESULTS[code], status, reason, count) for code, status, reason, count in rows]

    def proofs(self, wanted: JournalFilter) -> dict[ProofState | None, int]:
        """The selected rows that are stored, counted by proof; empty if the archive was never asked.

        In the order of the states; None, for rows of which the archive was not asked, comes last.
        """
        where, values = self._where(wanted)
        text = (
            f"SELECT CASE WHEN instance.proof > 0 THEN proof.state END, count(*) FROM {_tables(wanted, True)} "
            f"{where or 'WHERE 1'} AND outcome = 0 GROUP BY 1"
        )
        totals: dict[ProofState | None, int] = {}
        with translated(self._path):
            if self._connection.execute("SELECT 1 FROM proof LIMIT 1").fetchone() is None:
                return {}
            for code, count in self._connection.execute(text, values):
                state = None if code is None else STATES[code]
                totals[state] = totals.get(state, 0) + count
        return {state: totals[state] for state in (*ProofState, None) if state in totals}

    def incomplete_studies(self, most: int) -> list[tuple[str, int]]:
        """UID and number of instances that are not stored, of the ``most`` studies with most of them.

        The UID is ``""`` for instances of which the study was never read.
        """
        text = (
            "SELECT coalesce(study.uid, ''), count(*) FROM instance LEFT JOIN series ON series.id = instance.series "
            f"LEFT JOIN study ON study.id = series.study WHERE outcome <> {CODES[Result.STORED]} "
            "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?"
        )
        with translated(self._path):
            rows = self._connection.execute(text, (most,)).fetchall()
            for uid, _ in rows:
                _check(str, uid)
        return rows

    def waiting_transactions(self) -> WaitingTransactions:
        """The open transactions of the whole journal."""
        with translated(self._path):
            number, oldest = self._connection.execute(
                f"SELECT count(*), min(requested) FROM commitment WHERE state = {TransactionState.OPEN.value}"
            ).fetchone()
            (instances,) = self._connection.execute(
                "SELECT count(*) FROM requested CROSS JOIN instance CROSS JOIN proof WHERE outcome = 0 "
                "AND (instance.directory, instance.name) = (requested.directory, requested.name) "
                f"AND proof.id = instance.proof AND proof.state = {ASKED} AND proof.commitment = requested.commitment"
            ).fetchone()
            _check((int, type(None)), oldest)
        return WaitingTransactions(number, instances, None if oldest is None else oldest / 1000)

    def rows(self, wanted: JournalFilter) -> Iterator[JournalRow]:
        """The selected rows, lazily, directory by directory; others may use the journal between two pieces.

        The rows are therefore not of one moment: a row that a run writes meanwhile may be there or not.
        """
        where, values = self._where(wanted)
        key = "instance.directory, name"
        text = (
            f"SELECT {key}, directory.path, size, mtime_ns, outcome, status, {REASON}, attempts, instance.time, "
            "sop_class.uid, sop_instance_uid, coalesce(study.uid, ''), coalesce(series.uid, ''), coalesce(etag, ''), "
            f"coalesce(fingerprint, ''), {SENT_AGAIN}, instance.proof, proof.state, proof.reason, commitment.uid, "
            f"proof.time FROM instance {_JOINED} {where or 'WHERE 1'} AND ({key}) > (?, ?) "
            f"ORDER BY {key} LIMIT {_PIECE}"
        )
        last: tuple[int, bytes] = (-1, b"")
        with translated(self._path):
            while found := self._connection.execute(text, (*values, *last)).fetchall():
                for row in found:
                    if row[:2] <= last:
                        raise IndexError("rows are not in order")
                    last = row[:2]
                    yield _row(*row[1:])

    def find_damage(self) -> str:
        """Read the whole journal; return what is wrong with it, or ``""``."""
        with translated(self._path):
            try:
                verdict = str(self._connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
            except sqlite3.DatabaseError as error:
                verdict = str(error)
        return "" if verdict == "ok" else " ".join(verdict.split())

    def _where(self, wanted: JournalFilter) -> tuple[str, list[Any]]:
        terms: list[str] = []
        values: list[Any] = []
        for column, members in (
            ("outcome", [CODES[result] for result in wanted.results if result in CODES]),
            ("status", wanted.statuses),
            (REASON, wanted.reasons),
        ):
            if members:
                terms.append(f"{column} IN ({', '.join('?' * len(members))})")
                values += members
        if wanted.results and not any(result in CODES for result in wanted.results):
            terms.append("0")
        if wanted.proofs:
            codes = [code for code, state in enumerate(STATES) if state in wanted.proofs]
            unasked = "instance.proof IS NULL OR instance.proof < 0" if None in wanted.proofs else "0"
            terms.append(f"({unasked} OR (instance.proof > 0 AND proof.state IN ({', '.join('?' * len(codes))})))")
            values += codes
        if wanted.paths:
            matches = re.compile("|".join(fnmatch.translate(pattern) for pattern in wanted.paths)).match
            self._connection.create_function(
                "is_wanted", 2, lambda directory, name: matches(_join(directory, name)) is not None, deterministic=True
            )
            terms.append("is_wanted(directory.path, name)")
        return f"WHERE {' AND '.join(terms)}" if terms else "", values


_JOINED: Final = f"{FROM_ROWS} LEFT JOIN options ON options.id = instance.options"


def _tables(wanted: JournalFilter, has_proof: bool = False) -> str:
    """The tables from which rows are counted."""
    tables = "instance"
    if wanted.paths:
        tables += " CROSS JOIN directory ON directory.id = instance.directory"
    if wanted.proofs or has_proof:
        tables += " LEFT JOIN proof ON proof.id = abs(instance.proof)"
    return tables


_NUMBER: Final = (int, type(None))
_TEXT: Final = (str, type(None))


def _check(kinds: type | tuple[type, ...], *values: object) -> None:
    for value in values:
        if not isinstance(value, kinds):
            raise TypeError(f"{value!r:.40} is not what belongs there")


def _row(
    name: bytes, directory: bytes, size: Any, mtime_ns: Any, code: int, status: Any, reason: Any, attempts: Any,
    time: Any, sop_class: Any, uid: Any, study: Any, series: Any, etag: Any, options: Any, sent_again: Any, *proof: Any,
) -> JournalRow:  # fmt: skip
    """Make a row.  Raises TypeError and IndexError for impossible values."""
    size, mtime_ns, time = number(size), number(mtime_ns), number(time)
    _check(_NUMBER, size, mtime_ns, status)
    _check(int, attempts, time, sent_again)
    _check(_TEXT, reason)
    _check(str, sop_class, uid, study, series, etag, options)
    return JournalRow(
        _join(directory, name), size, mtime_ns, RESULTS[code], status, reason, attempts, time / 1000, sop_class, uid,
        study, series, etag, options, proof_of(*proof), sent_again,
    )  # fmt: skip


def _join(directory: bytes, name: bytes) -> str:
    return os.path.join(os.fsdecode(directory), os.fsdecode(name))
