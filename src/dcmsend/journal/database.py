"""Opens the database of a journal: creates it, upgrades it, checks its format and its peer.

The write-ahead log lets others read a journal while a run writes it.  With ``synchronous=FULL`` a commit is on the disk
when it returns, so that a power failure costs no more than a kill does (``docs/decisions``).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from dcmsend.dicom.ae_title import AE_TITLE_LENGTH
from dcmsend.errors import JournalError
from dcmsend.reasons import NoJournal
from dcmsend.transfer import PeerFacts

from .folder import sync_directory
from .own_files import check_places
from .schema import APPLICATION_ID, CREATE, OLDEST_VERSION, VERSION
from .sqlite_errors import journal_error, name_of, translated
from .upgrade import UpgradeCopy, read_as_new, upgrade

__all__ = [
    "Binding", "check_exists", "check_for_damage", "close_at_rest", "holds_nothing", "open_database", "open_read_only",
    "open_second", "size_of_existing",
]  # fmt: skip

_MODE: Final = 0o600
"""Private, because names of files may identify patients."""
_PATIENCE: Final = 60.0
"""Seconds to wait for a commit; a reader can only block it where there is no write-ahead log."""
_PATIENCE_AT_FIRST: Final = 600.0
_PAUSE: Final = 0.1
"""Seconds to wait for a program that reads the whole of a journal that no run has open, and between two tries."""
_CHECKED_AT_ONCE: Final = 32 << 20
"""Largest journal in bytes that is checked completely when opened; damage in a larger one is found when read."""
_CACHE: Final = "PRAGMA cache_size = -16384"  # KiB


class Binding(NamedTuple):
    """The peer to which a journal belongs.

    Attributes:
        called_ae_title: as sent on the wire; ``""`` for a web service.
        host: as given, in lower case; the URL of a web service.
        port: TCP port; 0 for a web service, which no DIMSE peer has.
        created, opened: when the journal was made and last used by a run, in milliseconds since the epoch; 0: not yet.
    """

    called_ae_title: str
    host: str
    port: int
    created: int = 0
    opened: int = 0

    @classmethod
    def of(cls, peer: PeerFacts) -> Binding:
        """The binding of a journal for ``peer``."""
        if peer.url:
            return cls("", _text(peer.url), 0)
        return cls(_text(peer.called_ae_title.strip()[:AE_TITLE_LENGTH]), _text(peer.host.lower()), peer.port)

    @property
    def url(self) -> str:
        """The URL of a web service; ``""`` for a DIMSE peer."""
        return "" if self.port else self.host

    @property
    def facts(self) -> PeerFacts:
        """What the binding tells of the peer: ``Binding.of`` makes the same binding of it."""
        return PeerFacts(self.host, self.port, self.called_ae_title, "", url=self.url)

    def __str__(self) -> str:
        return self.url or f"{self.called_ae_title}@{self.host}:{self.port}"


def _text(text: str) -> str:
    """Text that SQLite can store: undecodable bytes of a command line are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def open_database(
    path: str,
    peer: PeerFacts,
    *,
    resume: bool,
    check: Callable[[], None] | None = None,
    fill: Callable[[sqlite3.Connection], None] | None = None,
) -> sqlite3.Connection:
    """Make a journal, or open an existing one with ``resume``; then it has this version and is known to be writable.

    One in which nothing was ever written is taken as a new one.

    Waits while someone reads a journal that no run has open; ``check`` may raise to end the wait.
    Everything that ``fill`` writes, and a new journal's tables, are written in one transaction: all or nothing.
    The caller holds its lock.  The connection may be handed from thread to thread, and begins no transaction by itself.
    Raises JournalError.
    """
    with translated(path):
        check_places(path)
        is_new = _make_file(path, resume=resume)
        connection = _connect(path, "mode=rw")
        copy = UpgradeCopy(path)
        try:
            wanted = Binding.of(peer)
            binds = not resume and not is_new  # one that holds nothing belongs to whom it is used for
            _patiently(connection, partial(_set_up, connection, path, wanted, copy, check, fill, binds), check)
        except BaseException:
            _take_back(connection, copy)
            connection.close()
            if is_new:
                _remove(path)
            raise
        copy.remove()
    return connection


def open_second(path: str) -> sqlite3.Connection:
    """Open a second connection that writes, after ``open_database``.  Raises JournalError."""
    with translated(path):
        connection = _connect(path, "mode=rw")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(_CACHE)
    return connection


def open_read_only(path: str) -> tuple[sqlite3.Connection, Binding]:
    """Open a journal without ever writing to it, also while a run does.  Raises JournalError."""
    with translated(path):
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise JournalError(path, "is not a regular file")
        connection = _connect_read_only(path)
        try:
            binding = _read_binding(connection, path)
            if _pragma(connection, "user_version") < VERSION:
                read_as_new(connection)
            connection.execute("PRAGMA query_only = 1")
            return connection, binding
        except BaseException:
            connection.close()
            raise


def _make_file(path: str, *, resume: bool) -> bool:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), _MODE))
    except FileExistsError:
        if not resume and not holds_nothing(path):
            raise JournalError(path, "exists already", NoJournal.EXISTS) from None
        if not size_of_existing(path):
            os.chmod(path, _MODE)
        return False
    sync_directory(os.path.dirname(os.path.abspath(path)))
    return True


def holds_nothing(path: str) -> bool:
    """Whether a file is a journal in which no run has written an instance.  Raises JournalError, OSError, SQLite's.

    A run that has found nothing leaves such a one, and so does one that was killed before its first answer.
    """
    if not size_of_existing(path):
        return False  # somebody else's
    connection = _connect(path, "mode=ro")
    try:
        return (
            _pragma(connection, "application_id") == APPLICATION_ID
            and OLDEST_VERSION <= _pragma(connection, "user_version") <= VERSION
            and connection.execute("SELECT 1 FROM instance LIMIT 1").fetchone() is None
        )
    except sqlite3.DatabaseError:  # what it is, a run with --resume tells
        return False
    finally:
        connection.close()


def check_exists(path: str) -> None:
    """Raise JournalError where there is no journal, or an empty file; what else is wrong is told when it is opened."""
    try:
        is_absent = not os.stat(path).st_size
    except OSError as error:
        is_absent = isinstance(error, FileNotFoundError)
    if is_absent:
        raise JournalError(path, "there is none")


def size_of_existing(path: str) -> int:
    """Size in bytes of a file that a run can continue, 0 for an empty one.  Raises JournalError, OSError."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise JournalError(path, "is not a regular file")
    if status.st_nlink > 1:  # lock and log go by the name: a run that uses the other name would not be noticed
        raise JournalError(path, "has another name (a hard link); use a copy of it")
    return status.st_size


def _remove(path: str) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(OSError):
            os.unlink(path + suffix)


def _connect(path: str, mode: str) -> sqlite3.Connection:
    uri = f"{Path(os.path.realpath(path)).as_uri()}?{mode}"
    return sqlite3.connect(uri, uri=True, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)


def _connect_read_only(path: str) -> sqlite3.Connection:
    connection = _connect(path, "mode=ro")
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        is_at_rest = not any(os.path.exists(f"{os.path.realpath(path)}{suffix}") for suffix in ("-wal", "-journal"))
        if name_of(error) not in ("SQLITE_CANTOPEN", "SQLITE_READONLY_DIRECTORY") or not is_at_rest:
            raise
        # SQLite may not write to this directory or medium, so nobody can be writing the journal.
        connection = _connect(path, "immutable=1")
    connection.execute(_CACHE)
    return connection


def _patiently(
    connection: sqlite3.Connection, action: Callable[[], None], check: Callable[[], None] | None
) -> None:
    """Repeat ``action`` while the database is busy; SQLite's own busy handler would not notice a signal."""
    connection.execute("PRAGMA busy_timeout = 0")
    connection.execute(_CACHE)
    deadline = time.monotonic() + _PATIENCE_AT_FIRST
    while True:
        try:
            action()
            break
        except sqlite3.OperationalError as error:
            if not name_of(error).startswith("SQLITE_BUSY") or time.monotonic() > deadline:
                raise
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        if check is not None:
            check()
        time.sleep(_PAUSE)
    connection.execute(f"PRAGMA busy_timeout = {_PATIENCE * 1000:.0f}")


def _set_up(
    connection: sqlite3.Connection,
    path: str,
    wanted: Binding,
    copy: UpgradeCopy,
    check: Callable[[], None] | None,
    fill: Callable[[sqlite3.Connection], None] | None,
    binds: bool,
) -> None:
    now = time.time_ns() // 1_000_000
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    is_new = not tables and not _pragma(connection, "application_id")
    is_old = not is_new and _check(connection, path, None if binds else wanted, copy)
    if is_old:
        copy.make(connection, check)
    connection.execute("PRAGMA journal_mode = WAL").fetchone()  # has no effect where the file system forbids it
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    if is_new:
        for statement in CREATE:
            connection.execute(statement)
        connection.execute("INSERT INTO peer VALUES (?, ?, ?, ?, ?)", (*wanted[:3], now, now))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
    else:
        if is_old:
            upgrade(connection)
        if binds:
            columns = "called_ae_title = ?, host = ?, port = ?, created = ?"
            connection.execute(f"UPDATE peer SET {columns}", (*wanted[:3], now))
        connection.execute("UPDATE peer SET opened = ?", (now,))
    if fill is not None:
        fill(connection)
    connection.execute("COMMIT")


def check_for_damage(connection: sqlite3.Connection, path: str) -> None:
    """Raise JournalError for a damaged journal; a large one is not checked."""
    if os.path.getsize(path) <= _CHECKED_AT_ONCE:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise JournalError(path, f"is damaged: {' '.join(str(verdict).split())}", NoJournal.DAMAGED)


def close_at_rest(connection: sqlite3.Connection) -> None:
    """Close a written journal so that it is a single file; if someone reads it, its log stays beside it."""
    with contextlib.suppress(sqlite3.Error):
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    with contextlib.suppress(sqlite3.Error):
        connection.close()


def _check(connection: sqlite3.Connection, path: str, wanted: Binding | None, copy: UpgradeCopy) -> bool:
    """Whether a journal has an earlier version.  Raises JournalError for one that cannot be used, or not for this peer.

    Without ``wanted`` it may belong to any peer.
    """
    try:
        found = _read_binding(connection, path)
        if wanted is not None and found[:3] != wanted[:3]:
            raise JournalError(path, f"belongs to another peer: {found}, not {wanted}")
        check_for_damage(connection, path)
    except (JournalError, sqlite3.DatabaseError) as error:
        known = journal_error(path, error) if isinstance(error, sqlite3.Error) else error
        if known.why is not NoJournal.DAMAGED or not copy.is_there:
            raise
        reason = f"{known.reason}; '{copy.path}' is a copy from before its upgrade"
        raise JournalError(path, reason, NoJournal.DAMAGED) from error
    return _pragma(connection, "user_version") < VERSION


def _take_back(connection: sqlite3.Connection, copy: UpgradeCopy) -> None:
    """Restore the journal after an error; remove the copy only if the journal is seen to have a valid version."""
    with contextlib.suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if copy.is_made and OLDEST_VERSION <= _pragma(connection, "user_version") <= VERSION:
            copy.remove()
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()


def _read_binding(connection: sqlite3.Connection, path: str) -> Binding:
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise JournalError(path, "is not a journal of dcmsend")
    version = _pragma(connection, "user_version")
    if version > VERSION:
        raise JournalError(path, f"has version {version}, made by a newer dcmsend; this one knows up to {VERSION}")
    if version < OLDEST_VERSION:
        raise JournalError(path, f"has version {version}; this dcmsend knows {OLDEST_VERSION} to {VERSION}")
    row = connection.execute("SELECT called_ae_title, host, port, created, opened FROM peer").fetchone()
    if row is None or [type(value) for value in row] != [str, str, int, int, int]:
        raise JournalError(path, "is damaged: it belongs to no peer")
    return Binding(*row)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value = connection.execute(f"PRAGMA {name}").fetchone()[0]
    assert isinstance(value, int)
    return value
