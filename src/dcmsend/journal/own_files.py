"""The files of a journal, and the check that no other file stands in their place."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Final

from dcmsend.errors import JournalError
from dcmsend.inputs import InputFile

from .path_key import Directories
from .schema import APPLICATION_ID

__all__ = [
    "COPY", "LOCK_LENGTH", "PART", "OwnFiles", "check_owner", "check_places", "is_lock", "is_ours", "journal_files",
]  # fmt: skip

LOCK_LENGTH: Final = 32
"""Longest content of a lock, in bytes."""
_MARKS: Final = {
    "-wal": (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83", bytes(4)),
    "-shm": (),
    "-journal": (b"\xd9\xd5\x05\xf9", bytes(4)),
}
"""First bytes of SQLite's files beside a database (https://www.sqlite.org/fileformat2.html).  Shared memory has no
fixed beginning, and may not be opened: closing it would release the locks that this process has on it.
"""
_LOCK: Final = "-lock"
COPY: Final = "-upgrade-copy"
"""Suffix of the copy of a journal from before an upgrade that is going on."""
PART: Final = "-upgrade-copy-part"
"""Suffix of that copy while it is incomplete."""
_SUFFIXES: Final = ("", *_MARKS, _LOCK, COPY, PART)
_HEADER: Final = 100
_ID_AT: Final = 68
_DATABASE: Final = b"SQLite format 3\0"
"""First bytes of a database, and the position of its application id."""


class OwnFiles:
    """The files of a journal.  They may lie in a searched directory, but are no inputs.  No other code may open them:
    closing one would release SQLite's locks.
    """

    def __init__(self, journal: str) -> None:
        self._directory, name = InputFile(os.path.realpath(journal)).key(Directories().resolve)
        self._names = {name + os.fsencode(suffix) for suffix in _SUFFIXES}
        self._folded = {_folded(each): each for each in self._names}

    def hold(self, directory: bytes, name: bytes) -> bool:
        """Whether a file is one of the journal's; only for a name that differs in case the system is asked."""
        if name in self._names and directory == self._directory:
            return True
        ours = self._folded.get(_folded(name))
        if ours is None:
            return False
        with suppress(OSError, ValueError):
            return os.path.samefile(os.path.join(self._directory, ours), os.path.join(directory, name))
        return False


def _folded(name: bytes) -> bytes:
    return name.decode("utf-8", "surrogateescape").casefold().encode("utf-8", "surrogateescape")


def journal_files(journal: str) -> tuple[str, ...]:
    """The names of all files of a journal, also of those that exist only during a run."""
    real = os.path.realpath(journal)
    return tuple(real + suffix for suffix in _SUFFIXES)


def check_places(journal: str) -> None:
    """Check that no file of anyone else has a name that SQLite or this program would overwrite or remove.

    Beside a new journal only a lock may lie; beside an existing one also the files that a killed run has left.  All of
    them, the journal included, must belong to this user: their owner could read and change what the run relies on.

    Raises:
        JournalError: a file of another kind or owner is in the way.
        OSError: a file cannot be examined.
    """
    real = os.path.realpath(journal)
    is_new = not os.path.lexists(real)
    if not is_new:
        check_owner(journal, real, os.stat(real))
    for suffix in _SUFFIXES[1:]:
        place = real + suffix
        try:
            status = os.lstat(place)
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(status.st_mode) or not _looks_like_ours(place, suffix, status.st_size, is_new):
            raise JournalError(journal, f"'{place}' is in the way; move it to another place")
        check_owner(journal, place, status)


def check_owner(journal: str, place: str, status: os.stat_result) -> None:
    """Raise JournalError for a file of another user."""
    if not is_ours(status, os.path.dirname(place)):
        what = "it" if place == os.path.realpath(journal) else f"'{place}'"
        raise JournalError(journal, f"{what} belongs to another user (number {status.st_uid}); use a file of your own")


def is_ours(status: os.stat_result, directory: str) -> bool:
    """Whether a file in ``directory`` belongs to the user of this process.

    Some file systems give all files to one user, whoever makes them; there a file is ours if a new one would have the
    same owner.
    """
    if not hasattr(os, "geteuid") or status.st_uid == os.geteuid():
        return True
    return status.st_uid == _owner_of_new_files(directory)


def _owner_of_new_files(directory: str) -> int:
    """Number of the user that owns new files in a directory, -1 if this process cannot make one."""
    probe = os.path.join(directory, f".dcmsend.{os.urandom(8).hex()}.tmp")
    try:
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        return -1
    try:
        return os.fstat(descriptor).st_uid
    finally:
        os.close(descriptor)
        os.unlink(probe)


def _looks_like_ours(place: str, suffix: str, size: int, is_new: bool) -> bool:
    if size == 0:
        return True
    if is_new and suffix != _LOCK:
        return False
    if suffix == "-shm":
        return True
    try:
        with open(place, "rb") as file:
            start = file.read(_HEADER)
    except FileNotFoundError:  # its run has just ended
        return True
    if suffix in (COPY, PART):
        return start.startswith(_DATABASE) and start[_ID_AT : _ID_AT + 4] == APPLICATION_ID.to_bytes(4, "big")
    return is_lock(start[: LOCK_LENGTH + 1]) if suffix == _LOCK else start.startswith(_MARKS[suffix])


def is_lock(content: bytes) -> bool:
    """Whether the content of a file is that of a lock: nothing yet, or the number of a process."""
    return len(content) <= LOCK_LENGTH and (not content or content.strip().isdigit())
