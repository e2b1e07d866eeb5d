"""Finds the file that a report's name leads to, without following a link that another user has made.

In a directory to which several people write, anyone can make a link with the name of another person's report.  So the
path is walked name by name, and each directory is held open: what was found cannot be exchanged afterwards.  Windows
cannot open a file relative to a directory: there the system walks the path, and any link is followed.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Final, NamedTuple

__all__ = ["Place", "find_place"]

_MOST_LINKS: Final = 40
"""Links followed at most, as in Linux."""

_HAS_DESCRIPTORS: Final = {os.open, os.stat, os.readlink, os.link, os.unlink, os.rename} <= os.supports_dir_fd
_NO_FOLLOW: Final[int] = getattr(os, "O_NOFOLLOW", 0)
_DIRECTORY: Final = (
    getattr(os, "O_PATH", os.O_RDONLY) | _NO_FOLLOW | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
)
_SHARED: Final = stat.S_IWGRP | stat.S_IWOTH


class Place(NamedTuple):
    """The place of a report file.  The caller closes it.

    Attributes:
        directory: descriptor of the directory in which the file is, or will be; None where paths are used instead.
        where: the name of this directory, without links.
        name: the file's own name in it, which is no link.
        status: of the file, None if it does not exist.
        descriptor: the open file of this process that the name stands for (``/dev/stdout``, ``/dev/fd/3``), else None.
    """

    directory: int | None
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
        if self.directory is None:
            return True
        try:
            return os.path.samestat(os.stat(self.where, follow_symlinks=False), os.fstat(self.directory))
        except OSError:
            return False

    def now(self) -> Place:
        """The same place with the current status.  Raises OSError if it is no file now."""
        place = self._replace(status=_status(self.directory, self.at(self.name), is_last=True))
        if not place.is_file:
            raise FileExistsError(errno.EEXIST, "what is no file has taken its place")
        return place

    def at(self, name: str) -> str:
        """The name to pass to the system for a file in the directory, together with ``directory``."""
        return name if self.directory is not None else os.path.join(self.where, name)

    def check_writable(self, *, in_place: bool) -> None:
        """Raise PermissionError where no file can be made, as far as the system tells that without a trial.

        ``in_place``: an existing file is written to, not replaced.
        """
        path, mode = self.where, os.W_OK | os.X_OK
        if in_place and self.status is not None:
            path, mode = os.path.join(self.where, self.name), os.W_OK
        if not os.access(path, mode):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def open(self, flags: int, mode: int = 0o600) -> int:
        """Open the file; never through a link.  Raises OSError."""
        for further in ("O_CLOEXEC", "O_NOCTTY", "O_BINARY"):
            flags |= getattr(os, further, 0)
        return os.open(self.at(self.name), flags | _NO_FOLLOW, mode, dir_fd=self.directory)

    def unlink(self, name: str) -> None:
        """Remove a file from the directory.  Raises OSError."""
        os.unlink(self.at(name), dir_fd=self.directory)

    def close(self) -> None:
        """Close the directory."""
        if self.directory is not None:
            os.close(self.directory)


def find_place(path: str) -> Place:
    """Walk to the file ``path``, which need not exist.

    Raises OSError when there is no such directory, when ``path`` is a directory itself, and PermissionError for a link
    of another user.  ValueError for a name that no file can have.
    """
    if not _HAS_DESCRIPTORS:
        return _find_by_path(path)
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
            if status is not None and is_last and name.isdigit() and where in _own_descriptors():
                return Place(directory, where, name, status, int(name))
            if status is not None and stat.S_ISLNK(status.st_mode):
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


def _find_by_path(path: str) -> Place:
    """Do what ``find_place`` does, on systems that cannot open a file relative to a directory."""
    full = os.path.realpath(path)
    if path.endswith(tuple(filter(None, (os.sep, os.altsep)))) or os.path.isdir(full):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    where, name = os.path.split(full)
    status = _status(None, full, is_last=True)
    if status is not None and stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if status is not None and not stat.S_ISREG(status.st_mode):
        return Place(None, "", full, status)  # a device or a pipe, which lies in no directory on Windows
    if status is None and not os.path.isdir(where):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    return Place(None, where, name, status)


def _step(directory: int, name: str) -> int:
    """Open the next directory, and close the last one."""
    following = os.open(name, _DIRECTORY, dir_fd=directory)
    os.close(directory)
    return following


def _status(directory: int | None, name: str, *, is_last: bool) -> os.stat_result | None:
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
    if _is_ours(status) or (not is_last and _is_of_owner(directory, status)):
        return
    raise PermissionError(errno.EACCES, "a link of another user leads there, which no report follows")


def _check_pipe(directory: int, status: os.stat_result | None) -> None:
    """Reject a pipe that another user has put into a shared directory to read from it."""
    if status is None or not stat.S_ISFIFO(status.st_mode) or _is_ours(status):
        return
    if not _is_of_owner(directory, status):
        raise PermissionError(errno.EACCES, "it is a pipe of another user, in a directory that others write to")


def _is_ours(status: os.stat_result) -> bool:
    """Whether a file belongs to us or to the system."""
    return not hasattr(os, "geteuid") or status.st_uid in (os.geteuid(), 0)


def _is_of_owner(directory: int, status: os.stat_result) -> bool:
    """Whether only the owner of a directory can have put a file there."""
    there = os.stat(directory)
    return there.st_uid == status.st_uid or not there.st_mode & _SHARED
