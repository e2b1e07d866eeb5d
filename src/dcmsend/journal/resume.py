"""Finds inputs that need not be sent again."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from dcmsend.errors import JournalError
from dcmsend.index import Instance, ReadMode, instance_uids
from dcmsend.inputs import InputFile, Source
from dcmsend.reasons import NoJournal
from dcmsend.transfer import Reason, Result, StoreOutcome

from .path_key import Directories
from .proof_rows import STATES
from .schema import (
    CODES,
    LIST_STORED,
    LOOK_UP,
    LOOK_UP_BEFORE,
    LOOK_UP_NEWS,
    LOOK_UP_SUCCESS_SINCE,
    LOOK_UP_UNANSWERED,
)  # fmt: skip
from .sqlite_errors import journal_error
from .values import number, storable_text

__all__ = ["Stored", "StoredFiles"]

_MOST_KNOWN: Final = 4096
_SEPARATOR: Final = os.fsencode(os.sep)
_AFTER_IT: Final = bytes((_SEPARATOR[0] + 1,))
"""What stands between the names of a path, and the character that comes after it when paths are sorted."""


class Stored:
    """The record of a file that is stored and has not changed since.

    Attributes:
        stamp: size in bytes and time of modification in nanoseconds.
        status: the peer's answer, 0 or a warning.
        sop_instance_uid: of the instance in the file, as stored in the column.
        is_proven: whether the archive has confirmed the instance.
        is_refuted: whether the archive does not have the instance.
        time: of the outcome, milliseconds since the epoch on the clock of the host that sent it.
    """

    __slots__ = ("is_proven", "is_refuted", "sop_instance_uid", "stamp", "status", "time")

    def __init__(
        self, stamp: tuple[int, int], status: int, sop_instance_uid: str, proof: int | None, time: int
    ) -> None:
        """``proof`` is the number of the proof's state."""
        self.stamp = stamp
        self.status = status
        self.sop_instance_uid = sop_instance_uid
        self.time = time
        self.is_proven = proof is not None and STATES[proof].is_proven
        self.is_refuted = proof is not None and STATES[proof].is_refuted

    def identity_of(self, path: str) -> tuple[int, int] | None:
        """Open the file; return its device and inode, None if it holds another instance now.  Raises OSError."""
        flags = os.O_RDONLY
        for further in ("O_BINARY", "O_CLOEXEC", "O_NONBLOCK"):
            flags |= getattr(os, further, 0)
        descriptor = os.open(path, flags)
        try:
            if self.sop_instance_uid not in map(storable_text, instance_uids(descriptor)):
                return None
            status = os.fstat(descriptor)
            return status.st_dev, status.st_ino
        finally:
            os.close(descriptor)


class StoredFiles:
    """Looks files up in the journal one by one, without keeping rows in memory.  For one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path
        self._directories = Directories()
        self._ids: dict[bytes, int | None] = {}

    def find(self, item: Source) -> Stored | None:
        """The record of a file that is stored already, None for any other.  The file is not opened.

        Raises JournalError.
        """
        if not item.is_lasting:
            return None
        row = self._row(LOOK_UP, item)
        if row is None:
            return None
        size, mtime_ns, etag, status, uid, proof, time = row
        stamp = item.look()
        if stamp is None:
            return None  # reading the file reports the error
        if stamp != (number(size), number(mtime_ns)) or (etag or "") != storable_text(item.etag):
            return None
        try:
            return Stored(stamp, status or 0, str(uid), proof, time if isinstance(time, int) else 0)
        except (TypeError, IndexError) as error:  # SQLite lets anything stand in any column
            raise JournalError(self._path, f"is damaged: {error}", NoJournal.DAMAGED) from error

    def broken_since(self, item: Source) -> StoreOutcome | None:
        """The outcome of a stored file that cannot be read as an instance any more; None if the file is unchanged.

        Raises JournalError.
        """
        row = self._row(LOOK_UP_BEFORE, item)
        if row is None:
            return None
        size, mtime_ns, sop_class_uid, uid = row
        stamp = item.look()
        if stamp is None or stamp == (number(size), number(mtime_ns)):
            return None
        instance = Instance(item, str(sop_class_uid), str(uid), EXPLICIT_VR_LITTLE_ENDIAN, ReadMode.FILE_ONLY)
        return StoreOutcome(0, instance, Result.FAILED, reason=Reason.DATA_SET_BROKEN, file_stamp=stamp)

    def is_unanswered(self, outcome: StoreOutcome) -> bool:
        """Whether an attempt with this file sent the same instance completely and got no answer.

        The name alone does not tell: another instance may have the name now.  Raises JournalError.
        """
        item = outcome.instance.input
        if not item.is_lasting or outcome.file_stamp is None:
            return False
        row = self._row(LOOK_UP_UNANSWERED, item)
        if row is None:
            return False
        size, mtime_ns, etag, uid = row
        if uid != storable_text(outcome.sop_instance_uid) or (etag or "") != storable_text(item.etag):
            return False
        return bool(outcome.file_stamp == (number(size), number(mtime_ns)))

    def is_overtaken(self, outcome: StoreOutcome, time: int) -> bool:
        """Whether the journal has an outcome already, or knows of a newer one; ``time`` is that of the outcome.

        What was stored counts where the same file was not stored later.  Times may be of several clocks: at worst a
        file is sent again.  Raises JournalError.
        """
        item = outcome.instance.input
        try:
            row = self._connection.execute(LOOK_UP_NEWS, item.key(self._directories.resolve)).fetchone()
        except sqlite3.Error as error:
            raise journal_error(self._path, error) from error
        if row is None:
            return False
        known, since, size, mtime_ns, etag, uid = row
        own_uid = outcome.sop_instance_uid or outcome.instance.sop_instance_uid
        if outcome.result is Result.STORED and known != CODES[Result.STORED]:
            stamp = number(size), number(mtime_ns)
            is_same = stamp == outcome.file_stamp and (etag or "") == storable_text(item.etag)
            # A file that could not be opened has neither size nor time: nothing is known of it.
            if size is None or (is_same and uid == storable_text(own_uid)):
                return False
        since = number(since)
        return isinstance(since, int) and since >= time

    def stored_in(self, directory: bytes, *, deep: bool) -> Iterator[tuple[bytes, bytes, tuple[object, object], str]]:
        """What is stored of a directory, with ``deep`` of those below it too: directory, name, stamp and mark of each.

        Raises JournalError.
        """
        inner = directory.rstrip(_SEPARATOR) + _SEPARATOR
        below = (inner, inner[:-1] + _AFTER_IT) if deep else (b"", b"")
        try:
            for path, name, size, mtime_ns, etag in self._connection.execute(LIST_STORED, (directory, *below)):
                yield bytes(path), bytes(name), (number(size), number(mtime_ns)), etag or ""
        except sqlite3.Error as error:
            raise journal_error(self._path, error) from error

    def _row(self, query: str, item: Source) -> tuple[Any, ...] | None:
        """The row that a query for directory and name finds."""
        directory, name = item.key(self._directories.resolve)
        try:
            key = self._directory_id(directory)
            row = None if key is None else self._connection.execute(query, (key, name)).fetchone()
        except sqlite3.Error as error:
            raise journal_error(self._path, error) from error
        return None if row is None else tuple(row)

    def was_stored(self, item: Source, since: int, *, sop_instance_uid: str = "", follow: bool = False) -> bool:
        """Whether a file that no longer exists was stored with status 0, not before ``since`` (ms since the epoch).

        With a SOP Instance UID only that instance counts: another file may have taken the name before it was sent.
        With ``follow`` the item may be a link to the file.  Raises JournalError.
        """
        if not item.is_lasting:
            return False
        path = os.path.realpath(item.path) if follow and os.path.islink(item.path) else item.path
        directory, name = InputFile(path).key(self._directories.resolve)
        try:
            key = (directory, name, since)  # the directory may be known since this run has noted the file
            row = self._connection.execute(LOOK_UP_SUCCESS_SINCE, key).fetchone()
        except sqlite3.Error as error:
            raise journal_error(self._path, error) from error
        if row is None or (sop_instance_uid and row[0] != storable_text(sop_instance_uid)):
            return False
        return not os.path.exists(path)

    def key_of(self, item: Source) -> tuple[bytes, bytes]:
        """The directory of a file, without links, and its name there."""
        return item.key(self._directories.resolve)

    def root_of(self, item: Source) -> bytes:
        """The searched directory in which a file was found, without links; empty if the file was named."""
        return self._directories.root_of(item.root)

    def forget_unknown(self) -> None:
        """Look directories up again that the journal did not have."""
        self._ids = {path: key for path, key in self._ids.items() if key is not None}

    def _directory_id(self, path: bytes) -> int | None:
        if path in self._ids:
            return self._ids[path]
        row = self._connection.execute("SELECT id FROM directory WHERE path = ?", (path,)).fetchone()
        if len(self._ids) >= _MOST_KNOWN:
            self._ids.clear()
        self._ids[path] = key = None if row is None else int(row[0])
        return key

    def close(self) -> None:
        """Close the database."""
        self._connection.close()
