"""The options that say where to look for inputs."""

from __future__ import annotations

from dcmsend.bases import NamedTuple
from dcmsend.dicom.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .selection import NameRule
    from .shard import Shard

__all__ = ["MOST_PARALLEL", "FileList", "InputOptions"]

MOST_PARALLEL = 128
"""Most objects that are fetched at the same time."""


class FileList(NamedTuple):
    """A list of input names, and its format.

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
        min_age: seconds; files modified less than this ago are skipped (``--min-age``), 0 skips none.
        shard: take only the part of all inputs that belongs to one of several runs (``--shard``); None takes all.
        archives: take the members of zip and tar archives instead of the archives (``--archives``).
        storage_options: names and values for the libraries of object stores (``--storage-option``); no secrets.
        fetch_parallel: how many objects are fetched at the same time (``--fetch-parallel``).
        name_rules: which names are taken and which are left out; the first rule that matches counts (``--include``,
            ``--exclude``).
    """

    scan_directories: bool = False
    recurse: bool = False
    scan_pattern: str = ""
    min_age: float = 0.0
    shard: Shard | None = None
    archives: bool = False
    storage_options: tuple[tuple[str, str], ...] = ()
    _hidden = ("storage_options",)
    fetch_parallel: int = 16
    name_rules: tuple[NameRule, ...] = ()

    def check(self) -> None:
        if not 1 <= self.fetch_parallel <= MOST_PARALLEL:
            raise ValueError(f"InputOptions: 1 to {MOST_PARALLEL} fetches at once, not {self.fetch_parallel}")
        if not self.min_age >= 0:
            raise ValueError(f"InputOptions: min_age must be 0 seconds or more, not {self.min_age}")
