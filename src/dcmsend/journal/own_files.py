"""The files that a journal is made of, and what stands in their place."""

from __future__ import annotations

import os
import stat
from typing import Final

from dcmsend.errors import JournalError
from dcmsend.inputs import InputFile

from .path_key import Directories

__all__ = ["LOCK_LENGTH", "OwnFiles", "check_places", "is_lock", "journal_files"]

LOCK_LENGTH: Final = 32
"""Bytes that the content of a lock may have."""
_MARKS: Final = {
    "-wal": (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83", bytes(4)),
    "-shm": (),
    "-journal": (b"\xd9\xd5\x05\xf9", bytes(4)),
}
"""How SQLite's files beside a database begin (https://www.sqlite.org/fileformat2.html); shared memory has no rule, and
may not be opened: that would take away the locks which this process has on it.
"""
_LOCK: Final = "-lock"
_SUFFIXES: Final = ("", *_MARKS, _LOCK)


class OwnFiles:
    """The files of a journal.  They may lie where is searched, and are neither inputs nor to be opened by anybody else:
    to close one would take SQLite's locks away.
    """

    def __init__(self, journal: str) -> None:
        self._directory, name = InputFile(os.path.realpath(journal)).key(Directories().resolve)
        self._names = {name + os.fsencode(suffix) for suffix in _SUFFIXES}

    def hold(self, directory: bytes, name: bytes) -> bool:
        """Whether a file is one of them."""
        return name in self._names and directory == self._directory


def journal_files(journal: str) -> tuple[str, ...]:
    """The names of all files of a journal, the ones that come and go with a run among them."""
    real = os.path.realpath(journal)
    return tuple(real + suffix for suffix in _SUFFIXES)


def check_places(journal: str) -> None:
    """See that neither SQLite nor we would take somebody else's files for our own, which are overwritten and removed.

    Beside a journal that is not there yet only a lock may lie; beside another one what a killed run has left.

    Raises:
        JournalError: something is in the way.
        OSError: it cannot be looked at.
    """
    real = os.path.realpath(journal)
    is_new = not os.path.lexists(real)
    for suffix in (*_MARKS, _LOCK):
        place = real + suffix
        try:
            status = os.lstat(place)
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(status.st_mode) or not _is_ours(place, suffix, status.st_size, is_new):
            raise JournalError(journal, f"'{place}' is in the way; move it to another place")


def _is_ours(place: str, suffix: str, size: int, is_new: bool) -> bool:
    if size == 0:
        return True
    if is_new and suffix != _LOCK:
        return False
    if suffix == "-shm":
        return True
    try:
        with open(place, "rb") as file:
            start = file.read(LOCK_LENGTH + 1)
    except FileNotFoundError:  # its run has just ended
        return True
    return is_lock(start) if suffix == _LOCK else start.startswith(_MARKS[suffix])


def is_lock(content: bytes) -> bool:
    """Whether the content of a file is that of a lock: nothing yet, or the number of a process."""
    return len(content) <= LOCK_LENGTH and (not content or content.strip().isdigit())
