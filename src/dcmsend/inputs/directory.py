"""The files of a directory tree, in the order in which the system delivers them.  Source: DCMTK dcmsend, ``+sd``."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator

from .input_file import InputFile, Origin

__all__ = ["scan_directory"]

_log = logging.getLogger("dcmsend.app")

_Entries = Iterator["os.DirEntry[str]"]


class _Level:
    """One directory that is being read.

    Attributes:
        prefix: what stands before each name of it, with the slash.
        identity: device and inode, by which a link back to it is recognised.
        entries: what is left of its content.
    """

    __slots__ = ("entries", "identity", "prefix")

    def __init__(self, path: str, prefix: str) -> None:
        status = os.stat(path)
        self.identity = (status.st_dev, status.st_ino)
        self.prefix = prefix
        self.entries: _Entries = os.scandir(path)

    def close(self) -> None:
        closer = getattr(self.entries, "close", None)
        if closer is not None:
            closer()


def scan_directory(path: str, *, recurse: bool, pattern: str) -> Iterator[InputFile]:
    """The files in ``path``, and with ``recurse`` those below it, each sub-directory at the point where it is met.

    Names are ``path/name``; for the current directory only ``name``.  Hidden files are taken, links are followed; a
    dangling link or a sub-directory that cannot be opened is treated as a file.  A directory that is its own ancestor
    is left out with a warning.  ``pattern`` applies to file names, see ``file_name_matcher``.
    """
    matches = _matcher(pattern)
    stripped = path.rstrip("/" if os.sep == "/" else "/\\")
    top = stripped or path[:1]
    prefix = "" if stripped == "." else ("/" if not stripped else stripped + "/")
    try:
        levels = [_Level(top or ".", prefix)]
    except OSError:
        return
    try:
        while levels:
            level = levels[-1]
            entry = next(level.entries, None)
            if entry is None:
                levels.pop().close()
                continue
            name = entry.name
            inner = _enter(entry, level.prefix + name) if _is_directory(entry) else None
            if inner is None:
                if matches is None or matches(name):
                    yield InputFile(level.prefix + name, Origin.DIRECTORY)
            elif recurse and not _is_own_ancestor(inner, levels):
                levels.append(inner)
            else:
                inner.close()
    finally:
        for level in levels:
            level.close()


def _matcher(pattern: str) -> Callable[[str], bool] | None:
    if not pattern:
        return None
    from .name_pattern import file_name_matcher

    return file_name_matcher(pattern)


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _enter(entry: os.DirEntry[str], path: str) -> _Level | None:
    try:
        return _Level(entry.path, path + "/")
    except OSError:
        return None


def _is_own_ancestor(inner: _Level, levels: list[_Level]) -> bool:
    if all(level.identity != inner.identity for level in levels):
        return False
    _log.warning("ignoring directory because it contains itself: %s", inner.prefix[:-1])
    return True
