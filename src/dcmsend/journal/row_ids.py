"""Numbers of directories and SOP Classes in a journal that is written."""

from __future__ import annotations

import sqlite3
from typing import Final

__all__ = ["RowIds"]

_MOST_KNOWN: Final = 4096


class RowIds:
    """Finds the number under which a directory or a SOP Class stands; makes one for what is new."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._directories: dict[bytes, int] = {}
        self._classes: dict[str, int] = {}

    def clear(self) -> None:
        """Forget them: the rows were taken back."""
        self._directories.clear()
        self._classes.clear()

    def directory(self, path: bytes) -> int:
        """The number of a directory."""
        known = self._directories.get(path)
        if known is None:
            known = self._id("directory", "path", path)
            if len(self._directories) >= _MOST_KNOWN:
                self._directories.clear()
            self._directories[path] = known
        return known

    def sop_class(self, uid: str) -> int:
        """The number of a SOP Class."""
        known = self._classes.get(uid)
        if known is None:
            known = self._id("sop_class", "uid", uid)
            if len(self._classes) >= _MOST_KNOWN:
                self._classes.clear()
            self._classes[uid] = known
        return known

    def _id(self, table: str, column: str, value: bytes | str) -> int:
        connection = self._connection
        connection.execute(f"INSERT INTO {table} ({column}) VALUES (?) ON CONFLICT DO NOTHING", (value,))
        row = connection.execute(f"SELECT id FROM {table} WHERE {column} = ?", (value,)).fetchone()
        return int(row[0])
