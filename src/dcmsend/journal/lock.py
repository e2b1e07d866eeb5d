"""Keeps a second run away from a journal; the lock ends with the process that holds it."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import Final

from dcmsend.errors import JournalError
from dcmsend.file_lock import try_lock
from dcmsend.fork import own
from dcmsend.reasons import NoJournal

from .folder import check_writable, remove_and_close
from .own_files import LOCK_LENGTH, check_owner, is_lock

__all__ = ["JournalLock", "check_lockable"]

_FLAGS: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_MODE: Final = 0o600


class JournalLock:
    """A locked file beside the journal, with the number of the process in it.

    The journal itself is not locked: on some systems SQLite's own locks on it would end with ours, on others our lock
    would block SQLite.
    """

    def __init__(self, path: str) -> None:
        """Acquire the lock.  Raises JournalError, also if another process holds it."""
        self._path = f"{os.path.realpath(path)}-lock"
        self._fd = -1
        try:
            while self._fd < 0:
                self._fd = self._acquired(path)
            os.ftruncate(self._fd, 0)
            os.lseek(self._fd, 0, os.SEEK_SET)
            os.write(self._fd, f"{os.getpid()}\n".encode())
            own(self)
        except OSError as error:
            self.release()
            raise _cannot_be_locked(path, error) from error
        except ValueError as error:  # a NUL in the name
            raise JournalError(path, str(error)) from error

    def _acquired(self, path: str) -> int:
        """A descriptor of the locked file; -1 if the run that ended has just removed that file."""
        fd = os.open(self._path, _FLAGS, _MODE)
        try:
            if not _is_ours(fd):
                raise JournalError(path, f"'{self._path}' is in the way; move it to another place")
            check_owner(path, self._path, os.fstat(fd))
            if not try_lock(fd):
                raise JournalError(path, f"in use by another run{_holder(fd)}", NoJournal.IN_USE)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(fd), os.stat(self._path)):
                    return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        return -1

    def give_up(self) -> None:
        """Close the lock file in a forked child, so that the lock ends with the process that holds it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def release(self) -> None:
        """Release the lock and remove its file."""
        if self._fd < 0:
            return
        remove_and_close(self._path, self._fd)  # a process that waits for it sees that it is gone, and makes another
        self._fd = -1


def check_lockable(path: str) -> None:
    """Raise JournalError where there is no place for the lock of a journal; nothing is made."""
    try:
        check_writable(os.path.dirname(os.path.realpath(path)))
    except OSError as error:
        raise _cannot_be_locked(path, error) from error


def _cannot_be_locked(path: str, error: OSError) -> JournalError:
    return JournalError(path, f"cannot be locked: {error.strerror or error}")


def _is_ours(fd: int) -> bool:
    """Whether a file may be a lock of ours; any other file is neither written to nor removed."""
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        return False
    content = os.read(fd, LOCK_LENGTH + 1)
    os.lseek(fd, 0, os.SEEK_SET)
    return is_lock(content)


def _holder(fd: int) -> str:
    with contextlib.suppress(OSError, ValueError):
        return f" (process {int(os.read(fd, LOCK_LENGTH))})"
    return ""
