"""The interface through which instances come in: all that ``index`` and ``load`` know of an input, wherever it lies.

An input that is a file of this machine is an ``InputFile``; a data set in memory is a ``DataSetInput``.  A new kind (a
member of an archive, an object of a store) is one more class that implements this protocol.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import Enum

from dcmsend.bases import NamedTuple, Protocol

from .file_source import OpenFile

__all__ = ["DicomdirRecord", "Origin", "Source", "Stamp", "name_bytes", "name_of", "open_to_look"]


class Origin(Enum):
    """How an input was found."""

    PARAMETER = "parameter"
    DIRECTORY = "directory"
    DICOMDIR = "dicomdir"
    DATA_SET = "data set"


class DicomdirRecord(NamedTuple):
    """The file reference in a directory record.  Source: PS3.3 F.3.2.2.

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
"""Recognises a changed input without opening it: size in bytes, and time of modification in nanoseconds since the
epoch, which may be any number."""


class Source(Protocol):
    """One thing the user wants to send.

    Attributes:
        path: name as collected, for logs and reports; ``""`` for an empty name.
        origin: how the input was found.
        record: the DICOMDIR record, for ``Origin.DICOMDIR``.
        root: for ``Origin.DIRECTORY`` the beginning of ``path``: the directory that was searched, with a separator.
        is_lasting: whether a later run can find it again under the same key; if so, a journal keeps it.
        opens_ahead: whether it may be opened before its turn, on another thread.
        has_meta: whether it surely begins with a meta header, whatever the options say of files.
        is_remote: whether each time that it is opened may cost a request over the network, so that it is opened once.
        etag: a mark, beside size and time, by which a journal recognises a change: the entity tag of an object, CRC-32
            and offset of a member of an archive; ``""`` if there is none, as for a file.
        container: the input that this one lies in: of a member the archive; None if it lies in no other.
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
    def is_remote(self) -> bool: ...

    @property
    def etag(self) -> str: ...

    @property
    def container(self) -> Source | None: ...

    @property
    def directory(self) -> str:
        """The directory for ``--keep-together directory``; ``""`` if the input lies in none."""

    def key(self, resolve: Callable[[str], bytes]) -> tuple[bytes, bytes]:
        """Directory and name under which a journal knows the input; ``resolve`` removes links from a directory."""

    def look(self) -> Stamp | None:
        """Current size and time, without opening the input; None if it does not exist or has none."""

    def length(self, stamp: Stamp | None = None) -> int | None:
        """Bytes of the input itself, of a member without its archive; None if nobody knows without asking a network.

        ``stamp`` is what ``look`` would return, where it is known already.
        """

    def open_beginning(self, size: int) -> tuple[int, bytes]:
        """Open the input to be scanned; return a descriptor, which the caller closes (-1: none), and its first bytes.

        Raises FileUnreadable, DataSetError.
        """

    def open(self, head_size: int) -> OpenFile:
        """Open the input to be sent, and read its first bytes.  Raises FileUnreadable, DataSetError."""

    def let_go(self) -> None:
        """Give up what was kept of it since it was scanned: it will not be sent, or has its outcome."""


def open_to_look(item: Source, head_size: int) -> OpenFile:
    """Open an input during the scan, beyond its first bytes; it is still to be sent.

    Raises FileUnreadable, DataSetError.
    """
    opened: OpenFile = getattr(item, "open_to_look", item.open)(head_size)
    return opened


def name_of(item: Source) -> str:
    """The name by which it is judged what an input is: its path, of a web address without a query."""
    return getattr(item, "address", item.path)


def name_bytes(name: str) -> bytes:
    """The bytes that the system uses for a name; an impossible name is encoded too, although no file can have it."""
    try:
        return os.fsencode(name)
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogatepass")
