"""Recognises the directory to which sent files are moved, by whatever path it is reached."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import Final

from dcmsend.errors import JournalError

from .folder import check_writable

__all__ = ["SentDirectory", "cannot_be_moved", "check_sent_directory"]

_MOST_KNOWN: Final = 4096
_MOUNTS: Final = "/proc/self/mountinfo"
_OCTAL: Final = re.compile(rb"\\([0-7]{3})")


class SentDirectory:
    """The directory and everything below it; it may be mounted at other places, too, as a whole or in part."""

    def __init__(self, path: str) -> None:
        """``path`` need not exist yet."""
        self._path = os.fsencode(os.path.realpath(path))
        self._identity = _identity(self._path)
        self._mounts = _mounts()
        self._place = _place(self._path, self._mounts)
        self._known: dict[bytes, bool] = {}

    def holds(self, directory: bytes, root: bytes = b"") -> bool:
        """Whether a directory, named without links, is the sent directory or lies somewhere in it.

        A user who names a place inside it as the searched directory ``root`` wants its files sent: they count like
        files that were there before.
        """
        if not self._is_reached(directory):
            return False
        return not root or _is_within(directory, self._path) or not self._is_reached(root)

    def _is_reached(self, directory: bytes) -> bool:
        asked = []
        while (known := self._known.get(directory)) is None and (known := self._is_known(directory)) is None:
            asked.append(directory)
            parent = os.path.dirname(directory)
            if parent == directory:
                known = False
                break
            directory = parent
        if len(self._known) + len(asked) > _MOST_KNOWN:
            self._known.clear()
        self._known.update(dict.fromkeys(asked, known))
        return known

    def _is_known(self, directory: bytes) -> bool | None:
        """True if it is the directory, or is seen to lie in it; None if that depends on its parent."""
        if _is_within(directory, self._path):
            return True
        if self._place is not None:
            place = _place(directory, self._mounts)
            if place is not None and place[0] == self._place[0] and _is_within(place[1], self._place[1]):
                return True
        if self._identity is None:
            return False
        return True if _identity(directory) == self._identity else None


def check_sent_directory(path: str, journal: str) -> None:
    """Raise JournalError where files cannot be moved to ``path``, which need not exist yet; nothing is made."""
    place = path
    while place and not os.path.lexists(place) and (outer := os.path.dirname(place)) != place:
        place = outer
    try:
        check_writable(place or os.curdir)
    except OSError as error:
        raise cannot_be_moved(path, journal, error) from error


def cannot_be_moved(path: str, journal: str, error: OSError | ValueError) -> JournalError:
    """The error of a directory to which sent files cannot be moved."""
    return JournalError(journal, f"files cannot be moved to '{path}': {getattr(error, 'strerror', None) or error}")


def _is_within(directory: bytes, outer: bytes) -> bool:
    separator = os.fsencode(os.sep)
    return directory == outer or directory.startswith(outer.rstrip(separator) + separator)


def _identity(path: bytes) -> tuple[int, int] | None:
    """Device and inode; None where there is nothing, or the system does not number its files."""
    with suppress(OSError, ValueError):
        status = os.stat(path)
        return (status.st_dev, status.st_ino) if status.st_ino else None
    return None


def _mounts() -> list[tuple[bytes, bytes, bytes]]:
    """Mounts: where, device, directory within the device; later ones hide earlier ones.  Source: proc(5), Linux."""
    mounts = []
    with suppress(OSError), open(_MOUNTS, "rb") as file:
        for line in file:
            fields = line.split(b" ", 5)
            if len(fields) > 5:
                mounts.append((_plain(fields[4]), fields[2], _plain(fields[3])))
    return mounts


def _plain(text: bytes) -> bytes:
    return _OCTAL.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), text)


def _place(path: bytes, mounts: list[tuple[bytes, bytes, bytes]]) -> tuple[bytes, bytes] | None:
    """The device of a directory and its path within that, None if the system does not tell."""
    best = None
    for mount in mounts:
        if _is_within(path, mount[0]) and (best is None or len(mount[0]) >= len(best[0])):
            best = mount
    if best is None:
        return None
    return best[1], os.path.normpath(best[2] + b"/" + path[len(best[0].rstrip(b"/")) :]).replace(b"//", b"/")
