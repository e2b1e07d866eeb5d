"""Finds the file that a report's name leads to, without following a link that another user has made.

In a directory to which several people write, anyone can make a link with the name of another person's report.  So the
path is walked name by name, and each directory is held open: what was found cannot be exchanged afterwards.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Final, NamedTuple

__all__ = ["Place", "find_place"]

_MOST_LINKS: Final = 40
"""Links followed at most, as in Linux."""

_DIRECTORY: Final = (
    getattr(os, "O_PATH", os.O_RDONLY) | os.O_NOFOLLOW | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
)
_SHARED: Final = stat.S_IWGRP | stat.S_IWOTH


class Place(NamedTuple):
    """The place of a report file.  The caller closes it.

    Attributes:
        directory: descriptor of the directory in which the file is, or will be.
        where: the name of this directory, without links.
        name: the file's own name in it, which is no link.
        status: of the file, None if it does not exist.
        descriptor: the open file of this process that the name stands for (``/dev/stdout``, ``/dev/fd/3``), else None.
    """

    directory: int
    where: str
    name: str
    status: os.stat_result | None
    descriptor: int | None = None

    @property
    def is_file(self) -> bool:
        """Whether the place is a regular file, or can become one; not a device, a pipe or an already open file."""
        return self.descriptor is None and (self.status is None or stat.S_ISREG(self.status.st_mode))

    @property
    def is_still_there(self) -> bool:
        """Whether the directory still has its name."""
        try:
            return os.path.samestat(os.stat(self.where, follow_symlinks=False), os.fstat(self.directory))
        except OSError:
            return False

    def now(self) -> Place:
        """The same place with the current status.  Raises OSError if it is no file now."""
        place = self._replace(status=_status(self.directory, self.name, is_last=True))
        if not place.is_file:
            raise FileExistsError(errno.EEXIST, "what is no file has taken its place")
        return place

    def open(self, flags: int, mode: int = 0o600) -> int:
        """Open the file; never through a link.  Raises OSError."""
        flags |= os.O_NOFOLLOW | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0)
        return os.open(self.name, flags, mode, dir_fd=self.directory)

    def close(self) -> None:
        """Close the directory."""
        os.close(self.directory)


def find_place(path: str) -> Place:
    """Walk to the file ``path``, which need not exist.

    Raises OSError when there is no such directory, when ``path`` is a directory itself, and PermissionError for a link
    of another user.  ValueError for a name that no file can have.
    """
    where = "/" if path.startswith("/") else os.getcwd()
    rest = path.split("/")[::-1]
    directory = os.open(where, _DIRECTORY)
    links = 0
    try:
        while rest:
            name = rest.pop()
            if name in ("", "."):
                continue
            is_last = not any(part not in ("", ".") for part in rest)
            status = None
            if name != "..":
                status = _status(directory, name, is_last=is_last)
            if status is not None and stat.S_ISLNK(status.st_mode):
                if is_last and where in _own_descriptors() and name.isdigit():
                    return Place(directory, where, name, status, int(name))
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                _check_link(directory, status, is_last=is_last)
                target = os.readlink(name, dir_fd=directory)
                rest += target.split("/")[::-1]
                if target.startswith("/"):
                    directory, where = _step(directory, "/"), "/"
                continue
            if is_last and name != ".." and not rest and not _is_directory(status):
                _check_pipe(directory, status)
                return Place(directory, where, name, status)
            directory = _step(directory, name)
            where = os.path.dirname(where) if name == ".." else os.path.join(where, name)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except BaseException:
        os.close(directory)
        raise


def _step(directory: int, name: str) -> int:
    """Open the next directory, and close the last one."""
    following = os.open(name, _DIRECTORY, dir_fd=directory)
    os.close(directory)
    return following


def _status(directory: int, name: str, *, is_last: bool) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        if is_last:
            return None
        raise


def _is_directory(status: os.stat_result | None) -> bool:
    return status is not None and stat.S_ISDIR(status.st_mode)


def _own_descriptors() -> tuple[str, ...]:
    return f"/proc/{os.getpid()}/fd", "/dev/fd"


def _check_link(directory: int, status: os.stat_result, *, is_last: bool) -> None:
    """Check the owner of a link: us or the system; before the last step also the owner of the link's directory."""
    if status.st_uid in (os.geteuid(), 0) or (not is_last and _is_of_owner(directory, status)):
        return
    raise PermissionError(errno.EACCES, "a link of another user leads there, which no report follows")


def _check_pipe(directory: int, status: os.stat_result | None) -> None:
    """Reject a pipe that another user has put into a shared directory to read from it."""
    if status is None or not stat.S_ISFIFO(status.st_mode) or status.st_uid in (os.geteuid(), 0):
        return
    if not _is_of_owner(directory, status):
        raise PermissionError(errno.EACCES, "it is a pipe of another user, in a directory that others write to")


def _is_of_owner(directory: int, status: os.stat_result) -> bool:
    """Whether only the owner of a directory can have put a file there."""
    there = os.stat(directory)
    return there.st_uid == status.st_uid or not there.st_mode & _SHARED
