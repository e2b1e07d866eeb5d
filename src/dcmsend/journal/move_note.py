"""What a run is moving at the moment, on the disk: the next run finds it when this one is killed."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import time
from typing import Final, NamedTuple

from .folder import NAME_BYTES, fitting
from .own_files import is_ours

__all__ = ["KeptNote", "LeftNote", "MoveNote", "NotedMove", "is_noted", "is_temporary", "left_notes"]

_FOLDER: Final = ".dcmsend-moving"
_START: Final = b".dcmsend-"
_TOKEN_LENGTH: Final = 16
_END: Final = b"end"
_MOST_BYTES: Final = 1 << 16
_FLAGS: Final = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_OLD_SECONDS: Final = 86400.0
"""Where the system has no locks a note that nobody has written to for so long belongs to no run any more."""


class NotedMove(NamedTuple):
    """A move that was begun.

    Attributes:
        source: full name that the file had.
        target: full name that it is to have.
        placed: full name that it is being given by more than one step, ``""`` for none.
    """

    source: str
    target: str
    placed: str


class MoveNote:
    """The temporary names of a run, which no other run has, and what they are used for.  This one is kept nowhere.

    Attributes:
        copy: name of a copy, in its new directory, until it is complete.
    """

    def __init__(self, token: str = "") -> None:
        self._token = token or secrets.token_hex(_TOKEN_LENGTH // 2)
        self._source = self._target = ""
        self._start = f"{_START.decode()}{self._token}-"
        self.copy = f"{self._start}copy"

    def taken(self, name: str) -> str:
        """Name of a file, in its own directory, while it is moved; who finds it there sees what it is."""
        return self._start + fitting(name, NAME_BYTES - len(self._start))

    def begin(self, source: str, target: str) -> None:
        """Keep what is moved next, and where to.  Raises OSError."""
        self._source, self._target = source, target
        self._write(source, target, "")

    def place(self, name: str) -> None:
        """Keep that this full name is given to it in more than one step.  Raises OSError."""
        self._write(self._source, self._target, name)

    def clear(self) -> None:
        """Nothing is being moved."""

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
        """Remove it; ``leave`` lets the next run see it."""
        if not leave:
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        os.close(self._fd)
        with contextlib.suppress(OSError):  # there are others in it
            os.rmdir(os.path.dirname(self._path))


class KeptNote(_NoteInFile):
    """A file, locked while its run lives."""

    def __init__(self, directory: str) -> None:
        """``directory`` is where sent files go.  Raises OSError."""
        super().__init__()
        folder = os.path.join(directory, _FOLDER)
        self._path = os.path.join(folder, self._token)
        while self._fd < 0:
            _make_folder(folder, directory)
            with contextlib.suppress(FileNotFoundError):  # another run has removed the empty folder
                self._fd = _locked(os.open(self._path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600), self._path)


class LeftNote(_NoteInFile):
    """The note of a run that is no more.

    Attributes:
        move: what was being moved, None for nothing.
    """

    def __init__(self, path: str, fd: int) -> None:
        super().__init__(os.path.basename(path))
        self._path, self._fd = path, fd
        fields = os.read(fd, _MOST_BYTES).split(b"\0")
        self.move: NotedMove | None = None
        if fields[3:4] == [_END]:
            self.move = NotedMove(*map(os.fsdecode, fields[:3]))
            self._source, self._target = self.move.source, self.move.target


def is_temporary(name: bytes) -> bool:
    """Whether a name may be one that a file has while it is moved."""
    return name.startswith(_START)


def is_noted(directory: str, name: bytes) -> bool:
    """Whether a temporary name is one of a run that has a note here: it lives, or what it has left is put back."""
    token = name[len(_START) : len(_START) + _TOKEN_LENGTH].decode("latin-1")
    return os.path.lexists(os.path.join(directory, _FOLDER, token))


def left_notes(directory: str) -> list[LeftNote]:
    """The notes that no run holds; the caller closes them.  Those of runs that live are not touched.

    Nor are those of other users, who may write into a shared directory: a note says what may be removed.
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
        os.rmdir(folder)  # whoever was killed had not come further
    return notes


def _full(path: str) -> str:
    return os.path.abspath(path) if path else ""


def _make_folder(folder: str, directory: str) -> None:
    """Whoever may put files into ``directory`` may put notes there, too."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)
        with contextlib.suppress(OSError):
            os.chmod(folder, stat.S_IMODE(os.stat(directory).st_mode))
    if not stat.S_ISDIR(os.lstat(folder).st_mode):
        raise NotADirectoryError(20, f"'{folder}' is in the way")


def _locked(fd: int, path: str) -> int:
    """``fd`` when its file is ours alone; -1 if another run has found it before it was locked, and removed it."""
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
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return None
    return True
