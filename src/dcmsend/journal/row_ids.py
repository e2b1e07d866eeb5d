"""Numbers of values that many rows of a journal share, while it is written."""

from __future__ import annotations

import sqlite3
from typing import Final, TypeVar

from .values import storable_text

__all__ = ["RowIds"]

_MOST_KNOWN: Final = 4096
_Key = TypeVar("_Key", bytes, str, tuple[str, str])


class RowIds:
    """Finds the number of a directory, a SOP Class or a series; adds new ones."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._directories: dict[bytes, int] = {}
        self._classes: dict[str, int] = {}
        self._series: dict[tuple[str, str], int] = {}
        self._options: dict[str, int] = {}

    def clear(self) -> None:
        """Forget the known numbers, because the transaction was rolled back."""
        for known in (self._directories, self._classes, self._series, self._options):
            known.clear()

    def directory(self, path: bytes) -> int:
        """The number of a directory."""
        known = self._directories.get(path)
        if known is None:
            known = _keep(self._directories, path, self._id("directory", "path", path))
        return known

    def sop_class(self, uid: str) -> int:
        """The number of a SOP Class."""
        known = self._classes.get(uid)
        if known is None:
            known = _keep(self._classes, uid, self._id("sop_class", "uid", uid))
        return known

    def series(self, study_uid: str, series_uid: str) -> int | None:
        """The number of a series in its study; None unless both UIDs are known, as a query needs both."""
        if not study_uid or not series_uid:
            return None
        known = self._series.get((study_uid, series_uid))
        if known is None:
            study = self._id("study", "uid", storable_text(study_uid))
            number = self._id("series", "study, uid", study, storable_text(series_uid))
            known = _keep(self._series, (study_uid, series_uid), number)
        return known

    def options(self, fingerprint: str) -> int | None:
        """The number of the options that have this fingerprint, None for none."""
        if not fingerprint:
            return None
        known = self._options.get(fingerprint)
        if known is None:
            number = self._id("options", "fingerprint", storable_text(fingerprint))
            known = _keep(self._options, fingerprint, number)
        return known

    def _id(self, table: str, columns: str, *values: bytes | str | int) -> int:
        connection = self._connection
        places = ", ".join("?" * len(values))
        connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({places}) ON CONFLICT DO NOTHING", values)
        row = connection.execute(f"SELECT id FROM {table} WHERE ({columns}) = ({places})", values).fetchone()
        return int(row[0])


def _keep(known: dict[_Key, int], key: _Key, number: int) -> int:
    """Remember a number, within a limit."""
    if len(known) >= _MOST_KNOWN:
        known.clear()
    known[key] = number
    return number
