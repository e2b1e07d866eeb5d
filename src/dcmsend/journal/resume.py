"""Which inputs need not be sent again."""

from __future__ import annotations

import os
import sqlite3
from typing import Final

from dcmsend.errors import JournalError
from dcmsend.inputs import InputFile

from .database import reason_of
from .path_key import PathKeys
from .schema import LOOK_UP, LOOK_UP_UNANSWERED

__all__ = ["Stored", "StoredFiles"]

_MOST_KNOWN: Final = 4096


class Stored:
    """What the journal says of a file that is stored and has not changed since.

    Attributes:
        stamp: size in bytes and time of modification in nanoseconds.
        status: the peer's answer, 0 or a warning.
    """

    __slots__ = ("stamp", "status")

    def __init__(self, stamp: tuple[int, int], status: int) -> None:
        self.stamp = stamp
        self.status = status


class StoredFiles:
    """Asks the journal, file by file: nothing of it is kept in memory.  For one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path
        self._keys = PathKeys()
        self._ids: dict[bytes, int | None] = {}

    def find(self, item: InputFile) -> Stored | None:
        """What is known of a file that is stored already, None for any other.  The file is not opened.

        Raises JournalError.
        """
        if item.data_set is not None:
            return None
        directory, name = self._keys.split(item.path)
        try:
            number = self._directory_id(directory)
            row = None if number is None else self._connection.execute(LOOK_UP, (number, name)).fetchone()
        except sqlite3.Error as error:
            raise JournalError(self._path, reason_of(error)) from error
        if row is None:
            return None
        size, mtime_ns, status = row
        try:
            found = os.stat(item.path)
        except (OSError, ValueError):
            return None  # who wants to read it says what is wrong
        if (found.st_size, found.st_mtime_ns) != (size, mtime_ns):
            return None
        return Stored((size, mtime_ns), status or 0)

    def is_unanswered(self, item: InputFile) -> bool:
        """Whether it was completely sent and not answered when it was sent last.  Raises JournalError."""
        if item.data_set is not None:
            return False
        directory, name = self._keys.split(item.path)
        try:
            number = self._directory_id(directory)
            row = number is not None and self._connection.execute(LOOK_UP_UNANSWERED, (number, name)).fetchone()
        except sqlite3.Error as error:
            raise JournalError(self._path, reason_of(error)) from error
        return bool(row)

    def key_of(self, item: InputFile) -> tuple[bytes, bytes]:
        """The directory that a file is in, without links, and its name there."""
        return self._keys.split(item.path)

    def _directory_id(self, path: bytes) -> int | None:
        if path in self._ids:
            return self._ids[path]
        row = self._connection.execute("SELECT id FROM directory WHERE path = ?", (path,)).fetchone()
        if len(self._ids) >= _MOST_KNOWN:
            self._ids.clear()
        self._ids[path] = number = None if row is None else int(row[0])
        return number

    def close(self) -> None:
        """Give the journal back."""
        self._connection.close()
