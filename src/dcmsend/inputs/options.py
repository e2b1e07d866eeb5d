"""What the user says about where to look."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dcmsend.dicom.record import Record

if TYPE_CHECKING:
    from .shard import Shard

__all__ = ["FileList", "InputOptions"]


class FileList(NamedTuple):
    """Where names of inputs stand.

    Attributes:
        path: a file, ``-`` for standard input.
        separator: the byte after each name, a line end or NUL.
    """

    path: str
    separator: bytes = b"\n"


class InputOptions(Record):
    """Which names become inputs.

    Attributes:
        scan_directories: take the files of directories (DCMTK ``+sd``).
        recurse: enter sub-directories too (``+r``).
        scan_pattern: shell pattern for names found in directories, ``""`` for all (``+sp``).
        min_age: seconds; files modified less than so long ago are left out (``--min-age``), 0 takes all.
        shard: take only the part of all inputs that falls to one of several runs (``--shard``); None takes all.
    """

    scan_directories: bool = False
    recurse: bool = False
    scan_pattern: str = ""
    min_age: float = 0.0
    shard: Shard | None = None
