"""Translates the errors of SQLite and of the system into JournalError."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Final

from dcmsend.errors import JournalError
from dcmsend.reasons import NoJournal

__all__ = ["journal_error", "name_of", "translated"]


@contextlib.contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn errors of SQLite and of the system into JournalError."""
    try:
        yield
    except sqlite3.Error as error:
        raise journal_error(path, error) from error
    except OSError as error:
        raise JournalError(path, error.strerror or str(error)) from error
    except (TypeError, IndexError, OverflowError) as error:  # SQLite lets any value stand in any column
        raise JournalError(path, f"is damaged: {error}") from error
    except ValueError as error:  # a NUL in the name
        raise JournalError(path, str(error)) from error


_WHY: Final = {
    "SQLITE_READONLY_ROLLBACK": NoJournal.NOT_CLOSED,
    "SQLITE_CORRUPT": NoJournal.DAMAGED,
    "SQLITE_NOTADB": NoJournal.DAMAGED,
}
_REASONS: Final = {
    "SQLITE_NOTADB": "is not a journal of dcmsend",
    "SQLITE_CORRUPT": "is damaged",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY_ROLLBACK": "was not closed in order",
    "SQLITE_READONLY": "cannot be written to",
    "SQLITE_CANTOPEN": "cannot be opened",
    "SQLITE_BUSY": "in use by another program",
    "SQLITE_PERM": "cannot be opened",
    "SQLITE_IOERR": "the disk fails",
}


def journal_error(path: str, error: sqlite3.Error) -> JournalError:
    """The error in words for a person."""
    name = name_of(error)
    known = next((text for prefix, text in _REASONS.items() if name.startswith(prefix)), "")
    why = next((why for prefix, why in _WHY.items() if name.startswith(prefix)), NoJournal.OTHER)
    return JournalError(path, f"{known} ({error})" if known else str(error), why)


def name_of(error: sqlite3.Error) -> str:
    """SQLite's name of an error, ``""`` for those of Python's module."""
    return getattr(error, "sqlite_errorname", "")
