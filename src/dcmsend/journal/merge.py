"""Merges many journals into one, such as those of several shards.

If two journals have a row about the same file, the merged journal has the row that a single journal would have after
both outcomes in the order of their times, but for the star of ``schema.UNANSWERED``: a newer row without an answer of
its own does not take it over from an older one.  So neither the order of the journals nor merging them again matters.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from itertools import product
from typing import Any, Final

from dcmsend.errors import JournalError
from dcmsend.transfer import Reason

from .database import Binding, check_for_damage, close_at_rest, open_database, open_read_only
from .lock import JournalLock
from .merge_proofs import MergedProofs, Said, SaidReader, has_proofs
from .row_ids import RowIds
from .schema import COLUMNS, RESULTS
from .sqlite_errors import translated
from .values import number

__all__ = ["merge_journals"]

_PIECE: Final = 1000
_LARGEST_VALUE: Final = 1 << 20
"""Longest name or text in bytes; a run writes no longer one."""

_READ: Final = (
    "SELECT directory.path, sop_class.uid, " + ", ".join(f"instance.{name}" for name in COLUMNS[:-2]) + ", "
    "coalesce(study.uid, ''), coalesce(series.uid, ''), coalesce(options.fingerprint, ''), instance.proof "
    "FROM instance LEFT JOIN directory ON directory.id = instance.directory "
    "LEFT JOIN sop_class ON sop_class.id = instance.sop_class "
    "LEFT JOIN series ON series.id = instance.series LEFT JOIN study ON study.id = series.study "
    "LEFT JOIN options ON options.id = instance.options ORDER BY instance.directory, instance.name"
)
_NONE: Final = type(None)
_TYPES: Final[tuple[tuple[type, ...], ...]] = (
    (bytes,), (str,), (int,), (bytes,), (int, _NONE), (int, _NONE), (int,), (int, _NONE), (str, _NONE), (int,), (int,),
    (int,), (str,), (str, _NONE), (str,), (str,), (str,), (int, _NONE),
)  # fmt: skip
"""Types of the values in the columns that are read."""
_LARGE: Final = (4, 5, 10)
"""Indices of sizes and times; a large number is stored as bytes."""
_USUAL: Final = frozenset(product(*_TYPES))
_OUTCOME: Final = 2 + COLUMNS.index("outcome")

_CHANGED: Final = "', '".join(reason.name.lower() for reason in (Reason.FILE_CHANGED, Reason.DATA_SET_BROKEN))


def _order(row: str) -> str:
    """A sort key that puts the newer of two rows last; the order of rows with the same time is arbitrary but fixed."""
    texts = ", ".join(f"coalesce({row}.{name}, '')" for name in ("size", "mtime_ns", "etag", "status", "reason"))
    # The number of a SOP Class depends on what was merged before, its UID does not.
    sop_class = f"(SELECT uid FROM sop_class WHERE id = {row}.sop_class)"
    return f"({row}.time, -{row}.outcome, {row}.attempts, {row}.sop_instance_uid, {texts}, {sop_class})"


def _stays(stored: str, other: str) -> str:
    """A stored row stays stored, unless the other row says that the file or its instance has changed."""
    return (
        f"({stored}.outcome = 0 AND {other}.outcome <> 0 AND {stored}.size IS {other}.size "
        f"AND {stored}.mtime_ns IS {other}.mtime_ns AND {stored}.etag IS {other}.etag "
        f"AND {stored}.sop_instance_uid = {other}.sop_instance_uid "
        f"AND coalesce({other}.reason, '') NOT IN ('{_CHANGED}'))"
    )


_WRITE: Final = (
    f"INSERT INTO instance ({', '.join(COLUMNS)}, proof) VALUES ({', '.join('?' * len(COLUMNS))}, ?) "
    "ON CONFLICT (directory, name) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in (*COLUMNS[2:], "proof"))
    # A row of a file that could not be opened says nothing about the file, so the other row counts.
    + " WHERE CASE WHEN (instance.size IS NULL) <> (excluded.size IS NULL) THEN instance.size IS NULL "
    f"WHEN {_order('excluded')} > {_order('instance')} THEN NOT {_stays('instance', 'excluded')} "
    f"ELSE {_stays('excluded', 'instance')} END"
)


def merge_journals(target: str, sources: Sequence[str]) -> None:
    """Merge the rows of ``sources`` into ``target``, which is made if it does not exist; all or nothing.

    A source is read as of one moment, even while a run writes it; the target must not be in use.  Memory does not
    grow with the number of rows.

    Raises:
        JournalError: a journal cannot be used or belongs to another peer, or a source is the target; the target is
            unchanged then.
        ValueError: there is no source.
    """
    if not sources:
        raise ValueError("no journals to merge")
    bindings = [_binding_of(source, target) for source in sources]
    peer = bindings[0]
    for source, binding in zip(sources, bindings, strict=True):
        _check_peer(source, binding, peer)
    lock = JournalLock(target)
    try:
        close_at_rest(open_database(target, peer.facts, resume=True, fill=partial(_fill, sources, peer)))
    finally:
        lock.release()


def _binding_of(source: str, target: str) -> Binding:
    connection, binding = open_read_only(source)
    connection.close()
    with suppress(OSError):
        if os.path.samefile(source, target):
            raise JournalError(source, "cannot be merged into itself")
    return binding


def _check_peer(source: str, found: Binding, wanted: Binding) -> None:
    if found[:3] != wanted[:3]:
        raise JournalError(source, f"belongs to another peer: {found}, not {wanted}")


def _fill(sources: Sequence[str], peer: Binding, target: sqlite3.Connection) -> None:
    try:
        _add_all(sources, peer, target)
    except BaseException:
        with suppress(sqlite3.Error):  # a closed journal is a single file
            target.execute("ROLLBACK")
            target.execute("PRAGMA journal_mode = DELETE").fetchone()
        raise


def _add_all(sources: Sequence[str], peer: Binding, target: sqlite3.Connection) -> None:
    """Add the rows of all sources.  The caller reports errors of the target, this function those of a source."""
    ids, proofs = RowIds(target), MergedProofs(target)
    for source in sources:
        connection, binding = open_read_only(source)
        with closing(connection):
            _check_peer(source, binding, peer)
            with translated(source):
                connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST_VALUE)
                connection.execute("BEGIN")  # from here on all reads see one moment, whatever a run writes
                check_for_damage(connection, source)
                is_plain = not has_proofs(connection)
            proofs.add_transactions(connection, source)
            rows = _rows(connection, source)
            if is_plain and not has_proofs(target):
                target.executemany(_WRITE, ((*_renumbered(row, ids), None) for row, _ in rows))
            else:
                for row, said in rows:
                    proofs.add(_WRITE, _renumbered(row, ids), said)
        target.execute("UPDATE peer SET created = min(created, ?)", (binding.created,))
    proofs.settle()


def _renumbered(row: tuple[Any, ...], ids: RowIds) -> tuple[Any, ...]:
    path, sop_class_uid, _, *values, _, uid, etag, study_uid, series_uid, fingerprint, _ = row
    shared = ids.series(study_uid, series_uid), ids.options(fingerprint)
    return ids.directory(path), *values, ids.sop_class(sop_class_uid), uid, etag, *shared


def _rows(connection: sqlite3.Connection, source: str) -> Iterator[tuple[tuple[Any, ...], Said]]:
    """Rows (path of the directory, UID of the SOP Class, the columns) and what is known of their proof.

    Raises JournalError.
    """
    with translated(source):
        proofs = SaidReader(connection)
        cursor = connection.execute(_READ)
        last: tuple[int, bytes] = (-1, b"")
        while found := cursor.fetchmany(_PIECE):
            for row in found:
                _check(row, last)
                last = row[2:4]
                yield row, proofs.said(row[-1])


def _check(row: tuple[Any, ...], last: tuple[int, bytes]) -> None:
    """Raise TypeError or IndexError for values that no run writes: SQLite lets any value stand in any column."""
    if tuple(map(type, row)) not in _USUAL:
        for place, value in enumerate(row):
            if type(number(value) if place in _LARGE else value) not in _TYPES[place]:
                raise TypeError(f"{value!r:.40} is not what belongs there")
    if not 0 <= row[_OUTCOME] < len(RESULTS):
        raise IndexError(f"there is no outcome {row[_OUTCOME]}")
    if row[2:4] <= last:
        raise IndexError("rows are not in order")
