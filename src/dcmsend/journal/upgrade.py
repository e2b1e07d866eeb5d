"""Upgrades a journal of an earlier version, and reads one that must not be changed.

The upgrade is one transaction that changes no row, so a kill leaves the old journal or the new one.  A copy beside the
journal is kept until the upgrade is done, for disks that lose data they have reported as written.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from dcmsend.errors import JournalError

from .folder import sync_directory
from .own_files import COPY, PART
from .schema import APPLICATION_ID, CREATE_NEW, NEW_COLUMNS, NEW_TABLES, VERSION
from .sqlite_errors import journal_error

__all__ = ["UpgradeCopy", "read_as_new", "upgrade"]

_MODE: Final = 0o600
_PAGES: Final = 4096
"""Number of pages copied before ``check`` is called."""
_OLD_COLUMNS: Final = (
    "directory", "name", "size", "mtime_ns", "outcome", "status", "reason", "attempts", "time", "sop_class",
    "sop_instance_uid",
)  # fmt: skip


def upgrade(connection: sqlite3.Connection) -> None:
    """Upgrade version 1 to 2, within a transaction of the caller."""
    for statement in CREATE_NEW:
        connection.execute(statement)
    for name, kind in NEW_COLUMNS.items():
        connection.execute(f"ALTER TABLE instance ADD COLUMN {name} {kind}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def read_as_new(connection: sqlite3.Connection) -> None:
    """Let a journal of version 1 answer queries as one of this version would, without changing it.

    Columns that it lacks are NULL, and tables that it lacks are empty.
    """
    connection.execute("PRAGMA temp_store = MEMORY")  # it holds only the views
    columns = ", ".join((*_OLD_COLUMNS, *(f"NULL AS {name}" for name in NEW_COLUMNS)))
    connection.execute(f"CREATE TEMP VIEW instance AS SELECT {columns} FROM main.instance")
    scratch = sqlite3.connect(":memory:")
    try:
        for statement in CREATE_NEW:
            scratch.execute(statement)
        for table in NEW_TABLES:
            names = [str(row[1]) for row in scratch.execute(f"PRAGMA table_info({table})")]
            empty = ", ".join(f"NULL AS {name}" for name in names)
            connection.execute(f"CREATE TEMP VIEW {table} AS SELECT {empty} WHERE 0")
    finally:
        scratch.close()


class UpgradeCopy:
    """The copy of a journal beside it while it is upgraded.

    Attributes:
        path: its full name; a file with that name is complete.
        is_made: whether this run has made it.
    """

    def __init__(self, journal: str) -> None:
        self._journal = journal
        self.path = os.path.realpath(journal) + COPY
        self._part = os.path.realpath(journal) + PART
        self.is_made = False

    @property
    def is_there(self) -> bool:
        """Whether the copy exists: an upgrade was not finished, or has left a damaged journal."""
        return os.path.exists(self.path)

    def make(self, connection: sqlite3.Connection, check: Callable[[], None] | None) -> None:
        """Copy an open journal once; ``check`` may raise to end it.  Raises JournalError; the journal is unchanged."""
        if self.is_made:
            return
        try:
            self._copy(connection, check)
            os.replace(self._part, self.path)
            sync_directory(os.path.dirname(self.path))
        except (OSError, sqlite3.Error) as error:
            self._discard(self._part)
            raise JournalError(self._journal, self._why(error)) from error
        except BaseException:
            self._discard(self._part)
            raise
        self.is_made = True

    def remove(self) -> None:
        """Remove the copy: the upgrade is done, or the journal is unchanged."""
        self._discard(self._part)
        self._discard(self.path)

    def _copy(self, connection: sqlite3.Connection, check: Callable[[], None] | None) -> None:
        self._discard(self._part)
        os.close(os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), _MODE))
        copy = sqlite3.connect(f"{Path(self._part).as_uri()}?mode=rw", uri=True, isolation_level=None)
        try:
            copy.execute("PRAGMA journal_mode = OFF").fetchone()
            copy.execute("PRAGMA synchronous = OFF")
            copy.execute(f"PRAGMA application_id = {APPLICATION_ID}")  # marks the file as ours at once: own_files
            connection.backup(copy, pages=_PAGES, progress=lambda *_: None if check is None else check())
        finally:
            copy.close()
        descriptor = os.open(self._part, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _why(self, error: OSError | sqlite3.Error) -> str:
        if isinstance(error, sqlite3.Error):
            reason = journal_error(self._journal, error).reason
        else:
            reason = error.strerror or str(error)
        megabytes = (os.path.getsize(self._journal) >> 20) + 1
        return (
            f"is of an earlier version and was not upgraded: a copy of {megabytes} MiB that is kept beside it until "
            f"that is done cannot be made: {reason}"
        )

    @staticmethod
    def _discard(path: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(path)
