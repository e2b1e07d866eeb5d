"""A note on the disk of the move that a run is making; the next run finds it if this one is killed."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import time
from typing import Final, NamedTuple

from dcmsend.file_lock import try_lock
from dcmsend.fork import own

from .folder import NAME_BYTES, fitting, remove_and_close
from .own_files import is_ours

__all__ = ["KeptNote", "LeftNote", "MoveNote", "NotedMove", "is_noted", "is_temporary", "left_notes"]

_FOLDER: Final = ".dcmsend-moving"
_START: Final = b".dcmsend-"
_TOKEN_LENGTH: Final = 16
_END: Final = b"end"
_MOST_BYTES: Final = 1 << 16
_FLAGS: Final = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_OLD_SECONDS: Final = 86400.0
"""Age at which an untouched note belongs to no living run, on file systems without locks."""


class NotedMove(NamedTuple):
    """A move that was begun.

    Attributes:
        source: full name before the move.
        target: full name after the move.
        placed: full name that the file is given in more than one step, ``""`` for none.
    """

    source: str
    target: str
    placed: str


class MoveNote:
    """The temporary names of a run, unique to it, and what they are used for.  This class writes nothing to the disk.

    Attributes:
        copy: name of a copy in its new directory, until the copy is complete.
    """

    def __init__(self, token: str = "") -> None:
        self._token = token or secrets.token_hex(_TOKEN_LENGTH // 2)
        self._source = self._target = ""
        self._start = f"{_START.decode()}{self._token}-"
        self.copy = f"{self._start}copy"

    def taken(self, name: str) -> str:
        """The temporary name of a file in its own directory during the move; it tells people what the file is."""
        return self._start + fitting(name, NAME_BYTES - len(self._start))

    def begin(self, source: str, target: str) -> None:
        """Note the next move.  Raises OSError."""
        self._source, self._target = source, target
        self._write(source, target, "")

    def place(self, name: str) -> None:
        """Note that the file is given this full name in more than one step.  Raises OSError."""
        self._write(self._source, self._target, name)

    def clear(self) -> None:
        """Note that no move is under way."""

    def _write(self, source: str, target: str, placed: str) -> None:
        pass


class _NoteInFile(MoveNote):
    def __init__(self, token: str = "") -> None:
        super().__init__(token)
        self._path = ""
        self._fd = -1

    def _write(self, source: str, target: str, placed: str) -> None:
        record = b"\0".join((*map(os.fsencode, map(_full, (source, target, placed))), _END, b""))
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, record)

    def clear(self) -> None:
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, 0)

    def close(self, *, leave: bool = False) -> None:
        """Remove the note; ``leave`` keeps it for the next run."""
        fd, self._fd = self._fd, -1  # what forks from now on closes no other file of that number
        if leave:
            os.close(fd)
        else:
            remove_and_close(self._path, fd)
        with contextlib.suppress(OSError):  # the folder has notes of other runs
            os.rmdir(os.path.dirname(self._path))

    def give_up(self) -> None:
        """Close the note in a forked child, so that its lock ends with the process that holds it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class KeptNote(_NoteInFile):
    """The note of this run: a file that stays locked while the run lives."""

    def __init__(self, directory: str) -> None:
        """``directory`` is where sent files are moved to.  Raises OSError."""
        super().__init__()
        folder = os.path.join(directory, _FOLDER)
        self._path = os.path.join(folder, self._token)
        while self._fd < 0:
            _make_folder(folder, directory)
            with contextlib.suppress(FileNotFoundError):  # another run has removed the empty folder
                self._fd = _locked(os.open(self._path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600), self._path)
        own(self)


class LeftNote(_NoteInFile):
    """The note of a run that has ended.

    Attributes:
        move: the unfinished move, None for none.
    """

    def __init__(self, path: str, fd: int) -> None:
        super().__init__(os.path.basename(path))
        self._path, self._fd = path, fd
        own(self)
        fields = os.read(fd, _MOST_BYTES).split(b"\0")
        self.move: NotedMove | None = None
        if fields[3:4] == [_END]:
            self.move = NotedMove(*map(os.fsdecode, fields[:3]))
            self._source, self._target = self.move.source, self.move.target


def is_temporary(name: bytes) -> bool:
    """Whether a name may be the temporary name of a file during a move."""
    return name.startswith(_START)


def is_noted(directory: str, name: bytes) -> bool:
    """Whether a temporary name belongs to a run with a note here: a living run, or one that recovery completes."""
    token = name[len(_START) : len(_START) + _TOKEN_LENGTH].decode("latin-1")
    return os.path.lexists(os.path.join(directory, _FOLDER, token))


def left_notes(directory: str) -> list[LeftNote]:
    """The notes that no living run holds; the caller closes them.

    Notes of other users are left out: a note says which files may be removed, and a directory may be shared.
    """
    folder = os.path.join(directory, _FOLDER)
    notes: list[LeftNote] = []
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(folder)):
            with contextlib.suppress(OSError):
                path = os.path.join(folder, name)
                fd = os.open(path, _FLAGS)
                if is_ours(os.fstat(fd), folder) and _is_left(fd):
                    notes.append(LeftNote(path, fd))
                else:
                    os.close(fd)
        os.rmdir(folder)  # a run was killed before it wrote a note
    return notes


def _full(path: str) -> str:
    return os.path.abspath(path) if path else ""


def _make_folder(folder: str, directory: str) -> None:
    """Make the folder of notes; everyone who may write to ``directory`` may write notes there."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)
        with contextlib.suppress(OSError):
            os.chmod(folder, stat.S_IMODE(os.stat(directory).st_mode))
    if not stat.S_ISDIR(os.lstat(folder).st_mode):
        raise NotADirectoryError(20, f"'{folder}' is in the way")


def _locked(fd: int, path: str) -> int:
    """``fd`` when this process holds its lock; -1 if another run has found and removed the file before."""
    try:
        if _lock(fd) is not False and os.path.samestat(os.fstat(fd), os.stat(path)):
            return fd
    except FileNotFoundError:
        pass
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return -1


def _is_left(fd: int) -> bool:
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        return False
    is_free = _lock(fd)
    return time.time() - status.st_mtime > _OLD_SECONDS if is_free is None else is_free


def _lock(fd: int) -> bool | None:
    """Whether a file could be locked; None where there are no locks."""
    try:
        return try_lock(fd)
    except OSError:
        return None
