"""Moves one file without ever overwriting another one and without a moment in which it is nowhere."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from typing import Final

__all__ = ["NotMoved", "move_file", "sync_directory"]

_PIECE: Final = 1 << 20
_NO_LINK: Final = frozenset((
    errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.EINVAL, errno.EACCES,
    getattr(errno, "EOPNOTSUPP", errno.ENOSYS), getattr(errno, "ENOTSUP", errno.ENOSYS),
))  # fmt: skip
"""Why a further name for a file may be refused where a copy is possible."""


class NotMoved(Exception):
    """A file stays where it is; the text says why."""


def move_file(source: str, target: str, stamp: tuple[int, int]) -> None:
    """Move ``source`` to ``target``, and make the directories above that.

    Within a file system the file gets its new name before it loses the old one.  Otherwise it is copied, the copy is
    brought to the disk, and only then the original is removed.  When that was interrupted before, it is completed.

    Args:
        source, target: full names.
        stamp: size in bytes and time of modification in nanoseconds that the file must have.

    Raises NotMoved, OSError; ``source`` is still there then.
    """
    status = os.lstat(source)
    if not stat.S_ISREG(status.st_mode):
        raise NotMoved("it is a link")
    if (status.st_size, status.st_mtime_ns) != stamp:
        raise NotMoved("it was changed since it was sent")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        _check_copy(source, target, status)
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LINK:
            raise
        _copy(source, target, stamp)
    os.unlink(source)


def _check_copy(source: str, target: str, status: os.stat_result) -> None:
    """Raise NotMoved unless what has the new name is what an earlier attempt has put there: ``source`` can go then."""
    if not _is_same(source, target, status):
        raise NotMoved("the name is taken")
    if _are_one_directory(os.path.dirname(source) or os.curdir, os.path.dirname(target)):
        raise NotMoved("it is there already")


def _are_one_directory(one: str, other: str) -> bool:
    """Whether two names lead to the same directory, so that there is only one file, which must not be removed.

    A directory may be mounted twice.  The system tells that of its own mounts; of those of a server it may not know it,
    so a file that is made in one is looked for in the other.
    """
    if os.path.samestat(os.stat(one), os.stat(other)):
        return True
    name = f".dcmsend.{os.urandom(8).hex()}.tmp"
    probe = os.path.join(other, name)
    os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        return os.path.lexists(os.path.join(one, name))
    finally:
        os.unlink(probe)


def _is_same(source: str, target: str, status: os.stat_result) -> bool:
    """Whether an earlier attempt got as far as the new name."""
    there = os.lstat(target)
    if os.path.samestat(there, status):
        return True
    return stat.S_ISREG(there.st_mode) and there.st_size == status.st_size and _have_same_bytes(source, target)


def _have_same_bytes(one: str, other: str) -> bool:
    with open(one, "rb") as first, open(other, "rb") as second:
        while True:
            piece = first.read(_PIECE)
            if piece != second.read(_PIECE):
                return False
            if not piece:
                return True


def _copy(source: str, target: str, stamp: tuple[int, int]) -> None:
    """Copy to a temporary name in the directory of ``target``, then give it that name if nobody has it."""
    if os.path.lexists(target):
        _check_copy(source, target, os.lstat(source))
        return
    directory = os.path.dirname(target)
    beginning = os.fsdecode(os.fsencode(os.path.basename(target))[:200])  # a name has at most 255 bytes
    temporary = os.path.join(directory, f".{beginning}.{os.getpid()}.tmp")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)  # of a process that is no more
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(source, "rb") as original, open(os.open(temporary, flags, 0o600), "wb") as copy:
            shutil.copyfileobj(original, copy, _PIECE)
            copy.flush()
            os.fsync(copy.fileno())
            status = os.fstat(original.fileno())
            if (status.st_size, status.st_mtime_ns) != stamp:
                raise NotMoved("it was changed since it was sent")
        shutil.copystat(source, temporary)
        _name(temporary, target)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
    sync_directory(directory)


def _name(temporary: str, target: str) -> None:
    """Give a complete file its name."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise NotMoved("the name is taken") from None
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LINK:
            raise
        # No links there: the name is taken with an empty file, which nobody but us replaces.
        try:
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            raise NotMoved("the name is taken") from None
        os.replace(temporary, target)


def sync_directory(directory: str) -> None:
    """Bring the names in a directory to the disk, where the system can do that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
