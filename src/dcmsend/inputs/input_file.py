"""A file of this machine as an input."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from .file_source import OpenFile, open_beginning, open_file
from .source import DicomdirRecord, Origin, Stamp

__all__ = ["InputFile"]

_SEPARATORS = (os.sep,) if os.sep == "/" else (os.sep, "/")


class InputFile(NamedTuple):
    """One file in the order in which it was named or found; see ``Source``.

    Attributes:
        path: name as collected; bytes that are not UTF-8 are surrogate escapes, as ``os.fsdecode`` makes them.
        origin: where it comes from.
        record: the DICOMDIR record, for ``Origin.DICOMDIR``.
        root: what ``path`` begins with for ``Origin.DIRECTORY``: the directory that was searched, with a separator.
        is_directory: a directory that was found and cannot be searched; who reads it says why.
    """

    path: str
    origin: Origin = Origin.PARAMETER
    record: DicomdirRecord | None = None
    root: str = ""
    is_directory: bool = False

    @property
    def data_set(self) -> None:
        """A file is no data set in memory: see ``DataSetInput``."""
        return

    @property
    def is_lasting(self) -> bool:
        """A file can be found again."""
        return True

    @property
    def opens_ahead(self) -> bool:
        """A file may be opened at any time."""
        return True

    @property
    def has_meta(self) -> bool:
        """Nobody knows before it is opened."""
        return False

    @property
    def etag(self) -> str:
        """Size and time are all that a file system tells."""
        return ""

    @property
    def directory(self) -> str:
        """The directory that the file lies in."""
        return os.path.dirname(self.path) or os.curdir

    def key(self, resolve: Callable[[str], bytes]) -> tuple[bytes, bytes]:
        """Directory without links, and name, both as the bytes that the system uses."""
        cut = max(self.path.rfind(separator) for separator in _SEPARATORS) + 1
        return resolve(self.path[:cut]), _bytes(self.path[cut:])

    def look(self) -> Stamp | None:
        """Size and time of the file; None if the system does not tell."""
        try:
            status = os.stat(self.path)
        except (OSError, ValueError):
            return None
        return status.st_size, status.st_mtime_ns

    def open_beginning(self, size: int) -> tuple[int, bytes]:
        """See ``file_source.open_beginning``."""
        return open_beginning(self.path, size)

    def open(self, head_size: int) -> OpenFile:
        """See ``file_source.open_file``."""
        return open_file(self.path, head_size)


def _bytes(name: str) -> bytes:
    """What the system uses; no file has a name that is impossible there, but somebody may ask for it."""
    try:
        return os.fsencode(name)
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogatepass")
