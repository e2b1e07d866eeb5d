"""Reads a journal for people and programs: rows, filtered, and their totals.  Never writes, and waits for no run."""

from __future__ import annotations

import fnmatch
import os
import re
import sqlite3
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from dcmsend.dicom.record import Record
from dcmsend.transfer import Result

from .database import open_read_only
from .schema import CODES, RESULTS
from .sqlite_errors import translated
from .values import number

__all__ = ["JournalFilter", "JournalGroup", "JournalReader", "JournalRow"]

_PIECE: Final = 1000


class JournalRow(NamedTuple):
    """One instance.

    Attributes:
        path: full name of the file, without links; bytes that are not UTF-8 are surrogate escapes.
        size, mtime_ns: of the file that was sent; None if it could not be opened.
        result: what became of it at last.
        status: the peer's answer, None without one.
        reason: ours, such as ``connection_lost``, None where the peer has answered.
        attempts: of all runs.
        time: of the last outcome, seconds since the epoch.
        sop_class_uid, sop_instance_uid: as in the request.
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


class JournalGroup(NamedTuple):
    """How many instances came to the same end."""

    result: Result
    status: int | None
    reason: str | None
    instances: int


class JournalFilter(Record):
    """Which rows are wanted; empty values want all.

    Attributes:
        results: what became of them.
        statuses: answers of the peer.
        reasons: reasons of ours.
        paths: shell patterns for the full name of the file, one of which has to match; ``*`` matches a slash too.
    """

    results: tuple[Result, ...] = ()
    statuses: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


class JournalReader:
    """An open journal; a context manager.  All methods raise JournalError.

    Attributes:
        binding: whose journal it is.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection, self.binding = open_read_only(path)

    def __enter__(self) -> JournalReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def totals(self, wanted: JournalFilter) -> list[JournalGroup]:
        """The wanted rows by what became of them, the most frequent first."""
        where, values = self._where(wanted)
        text = (
            f"SELECT outcome, status, reason, count(*) FROM {_TABLES[bool(wanted.paths)]} {where} "
            "GROUP BY outcome, status, reason ORDER BY outcome, count(*) DESC"
        )
        with translated(self._path):
            rows = self._connection.execute(text, values).fetchall()
            for _, status, reason, _ in rows:
                _check(_NUMBER, status)
                _check(_TEXT, reason)
            return [JournalGroup(RESULTS[code], status, reason, count) for code, status, reason, count in rows]

    def rows(self, wanted: JournalFilter) -> Iterator[JournalRow]:
        """The wanted rows, lazily, directory by directory; between pieces the journal is free for everybody else.

        So it is no picture of one moment: a row that a run writes meanwhile may be there or not.
        """
        where, values = self._where(wanted)
        key = "instance.directory, name"
        text = (
            f"SELECT {key}, directory.path, size, mtime_ns, outcome, status, reason, attempts, time, sop_class.uid, "
            f"sop_instance_uid FROM {_TABLES[True]} CROSS JOIN sop_class ON sop_class.id = sop_class "
            f"{where or 'WHERE 1'} AND ({key}) > (?, ?) ORDER BY {key} LIMIT {_PIECE}"
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
        """Read all of it: what is wrong, or ``""``."""
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
            ("reason", wanted.reasons),
        ):
            if members:
                terms.append(f"{column} IN ({', '.join('?' * len(members))})")
                values += members
        if wanted.results and not any(result in CODES for result in wanted.results):
            terms.append("0")
        if wanted.paths:
            matches = re.compile("|".join(fnmatch.translate(pattern) for pattern in wanted.paths)).match
            self._connection.create_function(
                "is_wanted", 2, lambda directory, name: matches(_join(directory, name)) is not None, deterministic=True
            )
            terms.append("is_wanted(directory.path, name)")
        return f"WHERE {' AND '.join(terms)}" if terms else "", values


_TABLES: Final = {False: "instance", True: "instance CROSS JOIN directory ON directory.id = instance.directory"}


_NUMBER: Final = (int, type(None))
_TEXT: Final = (str, type(None))


def _check(kinds: type | tuple[type, ...], *values: object) -> None:
    for value in values:
        if not isinstance(value, kinds):
            raise TypeError(f"{value!r:.40} is not what belongs there")


def _row(
    name: bytes, directory: bytes, size: Any, mtime_ns: Any, code: int, status: Any, reason: Any, attempts: Any,
    time: Any, sop_class: Any, uid: Any,
) -> JournalRow:  # fmt: skip
    """Raises TypeError and IndexError for what cannot be."""
    size, mtime_ns, time = number(size), number(mtime_ns), number(time)
    _check(_NUMBER, size, mtime_ns, status)
    _check(int, attempts, time)
    _check(_TEXT, reason)
    _check(str, sop_class, uid)
    return JournalRow(
        _join(directory, name), size, mtime_ns, RESULTS[code], status, reason, attempts, time / 1000, sop_class, uid
    )


def _join(directory: bytes, name: bytes) -> str:
    return os.path.join(os.fsdecode(directory), os.fsdecode(name))
