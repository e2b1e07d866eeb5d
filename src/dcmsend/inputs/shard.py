"""The part of all inputs that belongs to one of several runs, independent of where and in which order they find them.

No run knows what the others find, so the name of an input alone decides its shard.  Only the part of the name below the
named directory counts: that part is the same on every host, even if each mounts a share elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from dcmsend.dicom.record import Record

from .input_file import InputFile, is_missing
from .similar_name import is_dicomdir_name
from .source import Origin, Source, name_bytes, name_of

__all__ = ["Shard", "Share"]

_MOST: Final = 1_000_000


class Shard(Record):
    """One of several parts of the inputs (``--shard``).  Raises ValueError for impossible numbers.

    Attributes:
        number: which part, 1 to ``count``.
        count: number of parts; the same for all runs that share the inputs.
    """

    number: int
    count: int

    def check(self) -> None:
        if not 1 <= self.count <= _MOST:
            raise ValueError(f"Shard: there can be 1 to {_MOST} of them, not {self.count}")
        if not 1 <= self.number <= self.count:
            raise ValueError(f"Shard: there is no number {self.number} of {self.count}")


class Share:
    """Tells which inputs belong to a shard, and counts those that do not.

    The SHA-256 digest of an input's name decides.  Unlike Python's own hash it is the same in every process.  Unlike a
    checksum it spreads ascending names evenly over any number of shards.  Unlike BLAKE2 it is available where a system
    permits the algorithms of FIPS 140 only.  The name, in the bytes that the system uses, with ``/`` between its parts,
    is

    * of a file that was found: its path below the directory that was named,
    * of a file that a DICOMDIR refers to: its Referenced File ID,
    * of a file that was named itself: its base name, because it is unknown which part of its path is the mount point,
    * of a data set in memory: its SOP Instance UID,
    * of a member of an archive: that of the archive.

    ``whole_directories`` removes the last part of that name.  A file that was named itself then goes by the name of its
    directory; a data set in memory has no directory.

    Attributes:
        others: how many inputs were left to other shards so far.

    Args:
        shard: this run's part.
        whole_directories: whether all files of a directory belong to one shard (``--keep-together directory``).
        expands_dicomdir: whether a DICOMDIR stands for the files it refers to (``+rd``).
    """

    def __init__(self, shard: Shard, *, whole_directories: bool = False, expands_dicomdir: bool = False) -> None:
        self.shard = shard
        self.others = 0
        self._whole_directories = whole_directories
        self._expands_dicomdir = expands_dicomdir

    def of(self, inputs: Iterator[Source]) -> Iterator[Source]:
        """The inputs that may concern this shard; the content of the others is not read."""
        for item in inputs:
            if self.is_ours(item) or self.is_for_all(item) or _is_missing(item):
                yield item
            else:
                self.others += 1

    def leaves(self, item: Source) -> bool:
        """Whether an input belongs to another shard; if so, it is counted."""
        if self.is_ours(item):
            return False
        self.others += 1
        return True

    def is_ours(self, item: Source) -> bool:
        """Whether an input belongs to this shard."""
        digest = sha256(name_bytes(self._name_of(item))).digest()
        return int.from_bytes(digest[:8], "big") % self.shard.count == self.shard.number - 1

    def is_for_all(self, item: Source) -> bool:
        """Whether an input is, by its name, a DICOMDIR: every shard reads it and takes its part of the references.

        A DICOMDIR with another name belongs to one shard, with all its references.  Source: PS3.10 8.6.
        """
        return self._expands_dicomdir and is_dicomdir_name(name_of(item))

    def _name_of(self, item: Source) -> str:
        item = item.container or item
        if item.origin is Origin.DATA_SET:
            return _instance_of(item)
        if item.origin is Origin.DICOMDIR and item.record is not None:
            name = item.record.file_id.replace("\\", "/")
        elif item.origin is Origin.DIRECTORY:
            name = item.path[len(item.root) :].replace(os.sep, "/")
        elif self._whole_directories:
            return _base_name(os.path.dirname(_absolute(item.path)))
        else:
            return _base_name(name_of(item))
        return name.rpartition("/")[0] if self._whole_directories else name


def _is_missing(item: Source) -> bool:
    """Whether an input does not exist, or is a directory that cannot be searched: its files may belong to any shard.

    If a share is not mounted where one shard runs, that run must fail even if the name belongs to another shard.
    """
    if not isinstance(item, InputFile):  # a store is the same for every shard
        return False
    if item.is_directory:
        return True
    return item.origin is Origin.PARAMETER and is_missing(item.path)


def _instance_of(item: Source) -> str:
    from .data_set_input import DataSetInput

    return (item.instance_uid() if isinstance(item, DataSetInput) else "") or item.path


def _base_name(path: str) -> str:
    return os.path.basename(path)


def _absolute(path: str) -> str:
    try:
        return os.path.abspath(path)
    except (OSError, ValueError):  # the working directory is gone
        return path
