"""The door through which instances come in: what ``index`` and ``load`` know of an input, wherever it lies.

An input that is a file of this machine is an ``InputFile``; a data set in memory is a ``DataSetInput``.  A new place (a
member of an archive, an object of a store) is one more class that keeps this protocol.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple, Protocol

from .file_source import OpenFile

__all__ = ["DicomdirRecord", "Origin", "Source", "Stamp"]


class Origin(Enum):
    """Where an input comes from."""

    PARAMETER = "parameter"
    DIRECTORY = "directory"
    DICOMDIR = "dicomdir"
    DATA_SET = "data set"


class DicomdirRecord(NamedTuple):
    """What a directory record says of the file it refers to.  Source: PS3.3 F.3.2.2.

    Attributes:
        file_id: Referenced File ID (0004,1500) as it stands, components joined by a backslash.
        sop_class_uid: (0004,1510), ``''`` if missing.
        sop_instance_uid: (0004,1511), ``''`` if missing.
        transfer_syntax_uid: (0004,1512), ``''`` if missing.
    """

    file_id: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


Stamp = tuple[int, int]
"""By what a changed input is recognised without opening it: its size in bytes, and its time of modification in
nanoseconds since the epoch, any number that a system can give."""


class Source(Protocol):
    """One thing the user wants to be sent.

    Attributes:
        path: its name as collected, for logs and reports; ``""`` for an empty name.
        origin: where it comes from.
        record: what the DICOMDIR says of it, for ``Origin.DICOMDIR``.
        root: what ``path`` begins with for ``Origin.DIRECTORY``: the directory that was searched, with a separator.
        is_lasting: whether it can be found again by a later run, under the same key; so a journal keeps it.
        opens_ahead: whether it may be opened before its turn, on another thread.
        has_meta: whether it surely begins with a meta header, whatever the user says of files.
        etag: by what else than size and time a changed one is known, for a journal: the entity tag of an object, CRC-32
            and offset of a member of an archive; ``""`` for what has no such thing, as a file.
    """

    @property
    def path(self) -> str: ...

    @property
    def origin(self) -> Origin: ...

    @property
    def record(self) -> DicomdirRecord | None: ...

    @property
    def root(self) -> str: ...

    @property
    def is_lasting(self) -> bool: ...

    @property
    def opens_ahead(self) -> bool: ...

    @property
    def has_meta(self) -> bool: ...

    @property
    def etag(self) -> str: ...

    @property
    def directory(self) -> str:
        """What the input is grouped by for ``--keep-together directory``; ``""`` if it lies in none."""
        ...

    def key(self, resolve: Callable[[str], bytes]) -> tuple[bytes, bytes]:
        """Directory and name under which a journal knows it; ``resolve`` makes a directory without links."""
        ...

    def look(self) -> Stamp | None:
        """Size and time as they are now, without opening it; None if it is not there or has none."""
        ...

    def open_beginning(self, size: int) -> tuple[int, bytes]:
        """Open it to be scanned: a descriptor, which the caller closes (-1: there is none), and its first bytes.

        Raises FileUnreadable, DataSetError.
        """
        ...

    def open(self, head_size: int) -> OpenFile:
        """Open it to be sent, and read its first bytes.  Raises FileUnreadable, DataSetError."""
        ...
