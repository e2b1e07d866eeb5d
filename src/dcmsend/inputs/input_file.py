"""A file of this machine as an input."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from dcmsend.bases import NamedTuple

from .file_source import OpenFile, open_beginning, open_file
from .source import DicomdirRecord, Origin, Source, Stamp, name_bytes

__all__ = ["InputFile", "is_missing"]


class InputFile(NamedTuple):
    """One file in the order in which it was named or found; see ``Source``.

    Attributes:
        path: name as collected; bytes that are not UTF-8 are surrogate escapes, as ``os.fsdecode`` makes them.
        origin: how the file was found.
        record: the DICOMDIR record, for ``Origin.DICOMDIR``.
        root: for ``Origin.DIRECTORY`` the beginning of ``path``: the directory that was searched, with a separator.
        is_directory: whether it is, or may be, a directory that cannot be searched; reading it reports the reason.
    """

    path: str
    origin: Origin = Origin.PARAMETER
    record: DicomdirRecord | None = None
    root: str = ""
    is_directory: bool = False

    @property
    def is_lasting(self) -> bool:
        """True: a later run can find the file again."""
        return True

    @property
    def opens_ahead(self) -> bool:
        """True: a file may be opened at any time."""
        return True

    @property
    def has_meta(self) -> bool:
        """False: this is unknown before the file is opened."""
        return False

    @property
    def is_remote(self) -> bool:
        """False: a file may be opened as often as it is needed."""
        return False

    @property
    def etag(self) -> str:
        """Empty: a file system tells only size and time."""
        return ""

    @property
    def container(self) -> Source | None:
        """None: a file lies in no other input."""
        return None

    @property
    def directory(self) -> str:
        """The directory that the file lies in."""
        return os.path.dirname(self.path) or os.curdir

    def key(self, resolve: Callable[[str], bytes]) -> tuple[bytes, bytes]:
        """The directory without links, and the name, both as the bytes that the system uses."""
        path = self.path
        cut = path.rfind("/") + 1
        if os.sep != "/":  # C:name lies where drive C: is at the moment
            cut = max(cut, path.rfind(os.sep) + 1) or len(os.path.splitdrive(path)[0])
        return resolve(path[:cut]), name_bytes(path[cut:])

    def look(self) -> Stamp | None:
        """Size and time of the file; None if the system does not tell."""
        try:
            status = os.stat(self.path)
        except (OSError, ValueError):
            return None
        return status.st_size, status.st_mtime_ns

    def length(self, stamp: Stamp | None = None) -> int | None:
        """Bytes of the file."""
        stamp = stamp or self.look()
        return None if stamp is None else stamp[0]

    def open_beginning(self, size: int) -> tuple[int, bytes]:
        """See ``file_source.open_beginning``."""
        return open_beginning(self.path, size)

    def open(self, head_size: int) -> OpenFile:
        """See ``file_source.open_file``."""
        return open_file(self.path, head_size)

    def let_go(self) -> None:
        """Does nothing: a file keeps nothing."""


def is_missing(path: str) -> bool:
    """Whether what the user has named does not exist, or is a directory, which then could not be opened."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (OSError, ValueError):
        return True
