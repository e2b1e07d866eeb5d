"""A directory held open: names in it lead to the same files even if its path is changed."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Final

__all__ = [
    "CANNOT", "NAME_BYTES", "Folder", "check_writable", "fitting", "is_one_file", "is_surely_one_file", "link",
    "open_below", "remove_and_close", "rename_new", "sync_directory",
]

_HAS_DESCRIPTORS: Final = {os.rename, os.stat, os.unlink, os.open, os.link, os.mkdir} <= os.supports_dir_fd
_DIRECTORY: Final = (
    getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
)  # fmt: skip
CANNOT: Final = frozenset((
    errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.EINVAL, errno.EACCES,
    getattr(errno, "EOPNOTSUPP", errno.ENOSYS), getattr(errno, "ENOTSUP", errno.ENOSYS),
))  # fmt: skip
"""Errors of a file system that cannot do an operation at all; another operation may work."""
_NO_FOLLOW: Final[int] = getattr(os, "O_NOFOLLOW", 0)
_SHARED: Final = stat.S_IWGRP | stat.S_IWOTH

NAME_BYTES: Final = 255
"""Longest name in bytes on nearly all file systems."""


class Folder:
    """A directory.  Where the system cannot work relative to an open directory, its path is used.

    Attributes:
        path: the name by which it was opened, ``.`` for the working directory.
        fd: its descriptor, None where the path is used.
    """

    __slots__ = ("fd", "path")

    def __init__(self, path: str, parent: Folder | None = None) -> None:
        """Open the directory; ``parent`` is its parent directory.  Raises OSError."""
        self.path = path or os.curdir
        self.fd: int | None
        if parent is None or parent.fd is None:
            self.fd = os.open(self.path, _DIRECTORY) if _HAS_DESCRIPTORS else None
        else:
            self.fd = os.open(os.path.basename(path), _DIRECTORY | parent.no_link(path), dir_fd=parent.fd)

    def __enter__(self) -> Folder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.fd is not None:
            os.close(self.fd)

    def at(self, name: str) -> str:
        """The name to pass to the system for a file in the directory, together with ``fd``."""
        return name if self.fd is not None else os.path.join(self.path, name)

    def status(self, name: str) -> os.stat_result | None:
        """The status of a name in the directory, links not followed; None if it does not exist.  Raises OSError."""
        try:
            return os.stat(self.at(name), dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:  # here, so no file has that name; a temporary one is longer
                return None
            raise

    def no_link(self, path: str) -> int:
        """The flag O_NOFOLLOW, or 0 for a link in this directory that may be followed.

        Raises PermissionError for a link of another user, who could take the files that are put there.
        """
        status = self.status(os.path.basename(path))
        if status is None or not stat.S_ISLNK(status.st_mode):
            return _NO_FOLLOW
        there = os.stat(self.path if self.fd is None else self.fd)
        if not hasattr(os, "geteuid"):  # Windows, where such a link takes special rights
            return 0
        if status.st_uid in (os.geteuid(), 0, there.st_uid) or not there.st_mode & _SHARED:
            return 0
        raise PermissionError(errno.EACCES, f"'{path}' is a link of another user, which is not followed")

    def open(self, name: str, flags: int) -> int:
        """Open a file in the directory; a new one is private.  A link is not followed.  Raises OSError."""
        for further in ("O_CLOEXEC", "O_BINARY", "O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY"):
            flags |= getattr(os, further, 0)
        return os.open(self.at(name), flags, 0o600, dir_fd=self.fd)

    def unlink(self, name: str) -> None:
        """Remove a name from the directory.  Raises OSError."""
        os.unlink(self.at(name), dir_fd=self.fd)

    def rename(self, name: str, new_name: str) -> None:
        """Rename a file within the directory.  ``new_name`` must be our own: it is replaced.  Raises OSError."""
        os.replace(self.at(name), self.at(new_name), src_dir_fd=self.fd, dst_dir_fd=self.fd)


def open_below(outer: str, directory: str) -> Folder:
    """Open ``directory``, which is ``outer`` or lies below it; missing directories are made.

    Raises OSError, also for a link of another user on the way from ``outer``.
    """
    if not _HAS_DESCRIPTORS:
        os.makedirs(directory, exist_ok=True)
        return Folder(directory)
    folder = Folder(outer)
    for name in directory[len(outer) :].split(os.sep):
        if name in ("", os.curdir):
            continue
        with folder:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=folder.fd)
            folder = Folder(os.path.join(folder.path, name), folder)
    return folder


def check_writable(directory: str) -> None:
    """Raise OSError where no file can be made in a directory, as far as the system tells that without a trial."""
    if not stat.S_ISDIR(os.stat(directory).st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def fitting(name: str, room: int) -> str:
    """The end of a name, at most ``room`` bytes long; no character is cut."""
    while len(os.fsencode(name)) > room:
        name = name[1:]
    return name


def rename_new(source: Folder, name: str, target: Folder, new_name: str) -> None:
    """Rename a file in one step, unless the new name exists.

    Raises:
        FileExistsError: the new name exists.
        OSError: ``EXDEV`` where ``target`` is on another file system, one of ``CANNOT`` where it cannot be done so.
    """
    if sys.platform == "win32":
        os.rename(source.at(name), target.at(new_name))  # replaces nothing on this system
        return
    number = _system_rename()(source, os.fsencode(source.at(name)), target, os.fsencode(target.at(new_name)))
    if number:
        raise OSError(number, os.strerror(number), os.path.join(target.path, new_name))


def link(source: Folder, name: str, target: Folder, new_name: str) -> None:
    """Give a file a second name, unless that name exists.  Raises as ``rename_new`` does."""
    try:
        os.link(
            source.at(name), target.at(new_name),
            src_dir_fd=source.fd, dst_dir_fd=target.fd, follow_symlinks=False,
        )  # fmt: skip
    except NotImplementedError as error:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from error


def is_one_file(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether both results belong to one file, when asked for by names in one directory."""
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def is_surely_one_file(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether both results belong to one file.  False where the system does not number its files: they may."""
    return bool(one.st_ino) and os.path.samestat(one, other)


def remove_and_close(path: str, descriptor: int) -> None:
    """Remove an open file while its lock is held, then close it; on Windows, which removes no open file, after that.

    There a process that has opened the file meanwhile keeps it from being removed.
    """
    try:
        os.unlink(path)
    except OSError:
        os.close(descriptor)
        if sys.platform == "win32":
            with contextlib.suppress(OSError):
                os.unlink(path)
    else:
        os.close(descriptor)


def sync_directory(directory: str) -> None:
    """Write the names in a directory to the disk, where the system can do that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


_Rename = Callable[[Folder, bytes, Folder, bytes], int]
_known: list[_Rename] = []


def _system_rename() -> _Rename:
    """The system's function for ``rename_new``, which Python lacks; returns the error number, 0 for none."""
    if not _known:
        import ctypes  # only where a file is moved

        library = ctypes.CDLL(None, use_errno=True)
        here, flag, function = -100, 1, getattr(library, "renameat2", None)  # AT_FDCWD, RENAME_NOREPLACE
        if sys.platform == "darwin":
            here, flag, function = -2, 4, getattr(library, "renameatx_np", None)  # AT_FDCWD, RENAME_EXCL

        def rename(source: Folder, name: bytes, target: Folder, new_name: bytes) -> int:
            if function is None:
                return errno.ENOSYS
            first = here if source.fd is None else source.fd
            second = here if target.fd is None else target.fd
            if function(first, name, second, new_name, flag) == 0:
                return 0
            return ctypes.get_errno()

        if function is not None:
            function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
        _known.append(rename)
    return _known[0]
