"""The files of a directory tree, in the order in which the system delivers them.  Source: DCMTK dcmsend, ``+sd``."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator

from dcmsend.loggers import get_logger

from .file_source import identity_of
from .input_file import InputFile
from .left_out import LeftOut
from .source import Origin

__all__ = ["scan_directory"]

_log = get_logger("dcmsend.app")

_MOST_OPEN = 64
"""Most directories kept open; the remaining entries of an outer one are read into memory before going deeper."""

_NOT_SEARCHED = "cannot search directory %s, nothing in it is sent"
_NOT_LOOKED_AT = "cannot look at %s: if it is a directory, nothing in it is sent"

_NO_DIRECTORY = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""Errors of a look at a link that leads nowhere.  Others, as of a server that is away, do not tell what is there."""

_SEPARATORS = "/" if os.sep == "/" else "/\\"


class _Level:
    """One directory that is being read.

    Attributes:
        prefix: what stands before each name found in it, with the separator.
        identity: by which a link back to this directory is recognised, see ``identity_of``.
    """

    __slots__ = ("_entries", "_left_out", "_remaining", "identity", "prefix")

    def __init__(self, path: str, prefix: str, left_out: LeftOut) -> None:
        """Raises OSError when the directory cannot be opened."""
        self.identity = identity_of(path, os.stat(path))
        self.prefix = prefix
        self._left_out = left_out
        self._entries = os.scandir(path)
        self._remaining: Iterator[os.DirEntry[str]] | None = None

    def next_entry(self) -> os.DirEntry[str] | None:
        """The next entry, None at the end."""
        try:
            return next(self._remaining or self._entries, None)
        except OSError as error:
            _log.warning("cannot read all of directory %s: %s", self.prefix, error.strerror)
            self._left_out.unlisted += 1
            return None

    def read_ahead(self) -> None:
        """Read the remaining entries and close the handle."""
        if self._remaining is None:
            entries = []
            while (entry := self.next_entry()) is not None:
                entries.append(entry)
            self._remaining = iter(entries)
            self._entries.close()

    def close(self) -> None:
        self._entries.close()


def scan_directory(
    path: str,
    *,
    recurse: bool,
    pattern: str,
    check: Callable[[], None] | None = None,
    leaves: Callable[[str], bool] | None = None,
    left_out: LeftOut | None = None,
) -> Iterator[InputFile]:
    """The files in ``path``, and with ``recurse`` those below it; each sub-directory is read where it is met.

    Names are ``path/name``; for the current directory only ``name``.  Hidden files are taken, links are followed; a
    dangling link or a sub-directory that cannot be opened is treated as a file, and so is what cannot be looked at: it
    may be a directory.  A directory that is its own ancestor is left out with a warning.  ``pattern`` applies to file
    names, see ``file_name_matcher``.  ``check`` is called before each entry, whether it matches or not, and may raise
    to end a long search.  A sub-directory for which ``leaves`` is true, by its path below ``path``, is not opened.
    ``left_out`` counts directories that are not entered, or not read to their end.
    """
    left_out = LeftOut() if left_out is None else left_out
    matches = _matcher(pattern)
    stripped = path.rstrip(_SEPARATORS)
    try:
        levels = [_Level(path, _prefix(path, stripped), left_out)]
    except OSError:
        yield InputFile(path)  # the directory could be opened a moment ago; reading this input reports the error
        return
    root = levels[0].prefix
    try:
        while levels:
            if check is not None:
                check()
            level = levels[-1]
            entry = level.next_entry()
            if entry is None:
                levels.pop().close()
                continue
            path = level.prefix + entry.name
            known = _is_directory(entry)
            is_directory = known is not False
            if known and leaves is not None and recurse and leaves(path[len(root) :]):
                continue
            inner = _enter(path, left_out) if is_directory else None
            if inner is None:
                if matches is None or matches(entry.name):
                    yield InputFile(path, Origin.DIRECTORY, root=root, is_directory=is_directory)
                elif is_directory and recurse:  # the pattern is one for names of files
                    _log.warning(_NOT_SEARCHED if known else _NOT_LOOKED_AT, path)
                    left_out.unsearchable += 1
            elif recurse and not _is_own_ancestor(inner, levels):
                if len(levels) >= _MOST_OPEN:
                    levels[-_MOST_OPEN].read_ahead()
                levels.append(inner)
            else:
                inner.close()
                if not recurse:
                    left_out.sub_directories += 1
    finally:
        for level in levels:
            level.close()


def _prefix(path: str, stripped: str) -> str:
    """What stands before the names in a directory; ``stripped`` is its path without separators at the end."""
    if stripped == ".":
        return ""
    if path[1:] == ":" and os.path.splitdrive(path)[0] == path:
        return path  # C: is the directory in which drive C: is at the moment; its top is another
    return stripped + os.sep


def _matcher(pattern: str) -> Callable[[str], bool] | None:
    if not pattern:
        return None
    from .name_pattern import file_name_matcher

    return file_name_matcher(pattern)


def _is_directory(entry: os.DirEntry[str]) -> bool | None:
    """Whether an entry is a directory, or a link to one; None if the system does not say."""
    try:
        return entry.is_dir()
    except OSError as error:
        return False if error.errno in _NO_DIRECTORY else None


def _enter(path: str, left_out: LeftOut) -> _Level | None:
    try:
        return _Level(path, path + os.sep, left_out)
    except OSError:
        return None


def _is_own_ancestor(inner: _Level, levels: list[_Level]) -> bool:
    if all(level.identity != inner.identity for level in levels):
        return False
    _log.warning("ignoring directory because it contains itself: %s", inner.prefix[:-1])
    return True
