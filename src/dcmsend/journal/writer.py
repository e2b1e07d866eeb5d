"""Writes outcomes to the journal in groups, on a thread of its own, so that the transfer waits for no disk."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from dcmsend.errors import JournalError
from dcmsend.loggers import get_logger
from dcmsend.transfer import Result, StoreOutcome

from .path_key import Directories
from .row_ids import RowIds
from .schema import CODES, COLUMNS, UNANSWERED, upsert
from .sqlite_errors import translated
from .values import storable, storable_text

__all__ = ["GROUP_ROWS", "GROUP_SECONDS", "GroupWriter", "time_of_row"]

GROUP_ROWS: Final = 256
GROUP_SECONDS: Final = 0.2
"""A group is written when it has so many rows, or when its first one has this age."""

_UNFIT: Final = (
    sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError, ValueError,
    OverflowError, TypeError,
)  # fmt: skip
"""Errors for a value that does not fit its column; the journal itself is intact."""

_log = get_logger("dcmsend.app")


class GroupWriter:
    """Takes outcomes from any thread and commits them on one of its own.

    At most two groups wait for a commit, one that is being written and one that is being filled; ``add`` holds one more
    outcome of each thread.  After a crash, or with a full disk, the peer may therefore have these instances without the
    journal knowing, and for each association the requests that were sent and not answered.

    Attributes:
        error: why nothing more is written; None while the journal works.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: str,
        on_commit: Callable[[Sequence[StoreOutcome]], None],
        on_error: Callable[[], None],
        *,
        fingerprint: str = "",
    ) -> None:
        """``on_commit`` gets the committed outcomes, ``on_error`` is called once if writing fails; both on the thread.

        ``fingerprint`` stands for the options that change the bytes sent, ``""`` for none.
        """
        self._connection = connection
        self._path = path
        self._on_commit = on_commit
        self._on_error = on_error
        self._names = Directories()
        self._ids = RowIds(connection)
        self._fingerprint = fingerprint
        limit = connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)  # 999 before SQLite 3.32
        self._rows = min(GROUP_ROWS, limit // len(COLUMNS))
        self._statement = upsert(self._rows)
        self._gathered: list[StoreOutcome] = []
        self._since = 0.0
        self._stopping = False
        self._hurry = False
        self._is_writing = False
        self._changed = threading.Condition()
        self.error: JournalError | None = None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # a limit of processes
            raise JournalError(path, str(error)) from error

    def add(self, outcome: StoreOutcome) -> None:
        """Queue an outcome to be written soon; waits only while one group is being written and the next is full."""
        with self._changed:
            while len(self._gathered) >= GROUP_ROWS and self.error is None:
                self._changed.wait()
            self._gathered.append(outcome)
            if len(self._gathered) == 1:
                self._since = time.monotonic()
                self._changed.notify_all()
            elif len(self._gathered) == GROUP_ROWS:
                self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all added outcomes are written, or writing has failed."""
        with self._changed:
            while (self._gathered or self._is_writing) and self.error is None and self._thread.is_alive():
                self._hurry = True
                self._changed.notify_all()
                self._changed.wait(GROUP_SECONDS)

    def close(self) -> None:
        """Write the remaining outcomes; after an error try once more, because the disk may have room again."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        failed: list[StoreOutcome] = []
        while group := self._next_group():
            try:
                if self.error is None:
                    self._commit(group)
                else:
                    failed += group
            except JournalError as error:
                failed += group
                self._fail(error)
            except BaseException as error:  # a bug: reported when the run ends, not lost with this thread
                failed += group
                self._fail(JournalError(self._path, f"{type(error).__name__}: {error}"))
        for start in range(0, len(failed), GROUP_ROWS):
            with suppress(Exception):
                self._commit(failed[start : start + GROUP_ROWS])

    def _next_group(self) -> list[StoreOutcome]:
        """The next group, as soon as it is due; empty at the end."""
        with self._changed:
            self._is_writing = False
            self._changed.notify_all()
            while not self._gathered and not self._stopping:
                self._changed.wait()
            rest = self._since + GROUP_SECONDS - time.monotonic()
            self._changed.wait_for(self._is_due, max(0.0, rest))
            group, self._gathered = self._gathered, []
            self._is_writing = bool(group)
            self._hurry = False
            self._changed.notify_all()
        return group

    def _is_due(self) -> bool:
        return len(self._gathered) >= GROUP_ROWS or self._stopping or self._hurry

    def _fail(self, error: JournalError) -> None:
        """Ask the run to end first: threads that wait in ``add`` must not go on to send."""
        try:
            self._on_error()
        finally:
            with self._changed:
                self.error = error
                self._changed.notify_all()

    def _commit(self, group: list[StoreOutcome]) -> None:
        connection = self._connection
        with translated(self._path):
            try:
                connection.execute("BEGIN IMMEDIATE")
                rows = self._make_rows(group)
                for start in range(0, len(rows), self._rows):
                    self._write(rows[start : start + self._rows])
                connection.execute("COMMIT")
            except BaseException:
                self._ids.clear()
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
        self._on_commit(group)

    def _make_rows(self, group: list[StoreOutcome]) -> list[tuple[Any, ...]]:
        now = time.time_ns() // 1_000_000
        rows = []
        for outcome in group:
            try:
                rows.append(self._row(outcome, now))
            except _UNFIT as error:
                _log_unfit(outcome.instance.input.path, error)
        return rows

    def _write(self, rows: list[tuple[Any, ...]]) -> None:
        """Write all rows in one statement: SQLite then works without the interpreter's lock, which the transfer needs.

        If SQLite refuses a row, only that row is lost.
        """
        if not rows:
            return
        statement = self._statement if len(rows) == self._rows else upsert(len(rows))
        try:
            self._connection.execute(statement, [value for row in rows for value in row])
        except _UNFIT as error:
            if len(rows) == 1:
                _log_unfit(os.fsdecode(rows[0][1]), error)
                return
            for row in rows:
                self._write([row])

    def _row(self, outcome: StoreOutcome, now: int) -> tuple[Any, ...]:
        item, ids = outcome.instance.input, self._ids
        directory, name = item.key(self._names.resolve)
        facts, etag = outcome.facts or outcome.instance.facts, item.etag
        size, mtime_ns = outcome.file_stamp or (None, None)
        return (
            ids.directory(directory),
            name,
            storable(size),
            storable(mtime_ns),
            CODES[outcome.result],
            outcome.status,
            _reason(outcome),
            len(outcome.earlier) + 1,
            storable(time_of_row(outcome) if outcome.started else now),
            ids.sop_class(storable_text(outcome.sop_class_uid or outcome.instance.sop_class_uid)),
            storable_text(outcome.sop_instance_uid or outcome.instance.sop_instance_uid),
            storable_text(etag) if etag else None,
            None if facts is None else ids.series(facts.study_uid, facts.series_uid),
            ids.options(self._fingerprint) if self._fingerprint else None,
        )


def _reason(outcome: StoreOutcome) -> str | None:
    """Our reason, as it stands in the column."""
    name = "" if outcome.reason is None else outcome.reason.name.lower()
    return (name + UNANSWERED if outcome.earlier_unanswered else name) or None


def _log_unfit(path: str, error: Exception) -> None:
    _log.warning("the journal cannot keep the outcome of a file, it will be sent again: %s: %s", path, error)


def time_of_row(outcome: StoreOutcome) -> int:
    """When an instance that was begun got its outcome: milliseconds since the epoch, on the clock of its sender."""
    return int((outcome.started + outcome.seconds) * 1000)


def is_kept(outcome: StoreOutcome) -> bool:
    """Whether a journal keeps an outcome: it is of a lasting file, and the instance was begun."""
    return outcome.result is not Result.NOT_ATTEMPTED and outcome.instance.input.is_lasting
