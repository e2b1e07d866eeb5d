"""Copies a file completely or not at all, and compares the bytes of two files."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from typing import Final

from .folder import Folder, is_one_file

__all__ = ["begins_with", "copy_file", "fill", "have_same_bytes"]

_PIECE: Final = 1 << 20
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL


def copy_file(here: Folder, name: str, there: Folder, new_name: str) -> None:
    """Copy a file with owner, mode and times, as far as the system permits, and flush it to the disk.

    Raises FileExistsError, OSError; the caller, who alone knows ``new_name``, removes what is left there.
    """
    _write(here, name, there, there.open(new_name, _NEW), new_name)


def fill(folder: Folder, name: str, new_name: str) -> None:
    """Copy a file to a name that others know, where the system can neither rename nor link without replacing.

    Raises FileExistsError if the name exists or is taken meanwhile; OSError.
    """
    fd = folder.open(new_name, _NEW)
    ours = os.fstat(fd)
    try:
        _write(folder, name, folder, fd, new_name)
    except OSError:
        _remove(folder, new_name, ours)
        raise
    there = folder.status(new_name)
    if there is None or not is_one_file(there, ours):
        raise FileExistsError(f"'{new_name}' was replaced")


def _write(here: Folder, name: str, there: Folder, fd: int, new_name: str) -> None:
    with open(fd, "wb") as copy, open(here.open(name, os.O_RDONLY), "rb") as original:
        shutil.copyfileobj(original, copy, _PIECE)
        copy.flush()
        status = os.fstat(original.fileno())
        if hasattr(os, "fchown"):
            for owner, group in ((-1, status.st_gid), (status.st_uid, -1)):
                with contextlib.suppress(OSError):  # usually only root may change the owner
                    os.fchown(copy.fileno(), owner, group)
        with contextlib.suppress(OSError):  # some file systems have no modes
            if os.utime in os.supports_fd:
                shutil.copystat(original.fileno(), copy.fileno())  # type: ignore[arg-type]  # works, but undocumented
            else:
                shutil.copystat(here.at(name), there.at(new_name))
        os.fsync(copy.fileno())


def _remove(folder: Folder, name: str, ours: os.stat_result) -> None:
    """Remove our own file; a file of someone else that has its name by now is kept under a new, unique name."""
    aside = f"{name[:100]}-{secrets.token_hex(8)}"
    with contextlib.suppress(OSError):
        folder.rename(name, aside)
        there = folder.status(aside)
        if there is not None and is_one_file(there, ours):
            folder.unlink(aside)


def have_same_bytes(here: Folder, name: str, there: Folder, other: str) -> bool:
    """Whether two files have the same bytes.  Raises OSError."""
    with open(here.open(name, os.O_RDONLY), "rb") as first, open(there.open(other, os.O_RDONLY), "rb") as second:
        while True:
            piece = first.read(_PIECE)
            if piece != second.read(_PIECE):
                return False
            if not piece:
                return True


def begins_with(here: Folder, name: str, there: Folder, other: str) -> bool:
    """Whether the first file begins with all the bytes of the second one.  Raises OSError."""
    with open(here.open(name, os.O_RDONLY), "rb") as first, open(there.open(other, os.O_RDONLY), "rb") as second:
        while piece := second.read(_PIECE):
            if first.read(len(piece)) != piece:
                return False
    return True
