"""Finds members of a zip archive that share bytes: a few of them may stand for any amount of content."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from dcmsend.errors import DataSetError

from ..file_source import FileSource
from .zip_directory import ZipDirectory, read_entries

__all__ = ["find_overlaps"]

_LOCAL: Final = b"PK\x03\x04"
_LOCAL_SIZE: Final = 30

_SHARED: Final = "it may be a bomb: it shares its bytes with other members of the archive"
_MISPLACED: Final = "the archive is damaged: the member is not where it should be"


def find_overlaps(
    source: FileSource, directory: ZipDirectory, check: Callable[[], None] | None = None
) -> dict[int, str]:
    """The numbers of members that must not be read, and why; empty if all members can lie beside each other.

    A member is refused if another one begins within it.  Raises FileUnreadable.
    """
    total = 0
    with suppress(DataSetError):  # told when the members are listed
        for entry in read_entries(source, directory, check):
            total += _LOCAL_SIZE + len(entry.raw_name) + entry.compressed_size
    if total <= directory.start:
        return {}
    offsets, ends, names = array("Q"), array("Q"), array("q")
    with suppress(DataSetError):
        for entry in read_entries(source, directory, check):
            offset = min(entry.offset, directory.end)
            offsets.append(offset)
            ends.append(min(offset + _LOCAL_SIZE + len(entry.raw_name) + entry.compressed_size, directory.end))
            names.append(hash(entry.raw_name))
    return _Overlaps(source, offsets, ends, names).find(directory.start)


class _Overlaps:
    """The places of all members; see ``find_overlaps``."""

    def __init__(self, source: FileSource, offsets: array[int], ends: array[int], names: array[int]) -> None:
        self._source = source
        self._offsets = offsets
        self._ends = ends
        self._names = names

    def find(self, limit: int) -> dict[int, str]:
        """From the last member to the first; of those in one place the first in the directory comes first."""
        found: dict[int, str] = {}
        behind: list[int] = []
        for number in sorted(range(len(self._offsets)), key=lambda each: (-self._offsets[each], each)):
            while behind and self._ends[number] > self._offsets[behind[-1]]:
                if self._is_there(behind[-1]):
                    found[number] = _SHARED
                    break
                found[behind.pop()] = _MISPLACED
            else:
                if self._ends[number] > limit:
                    found[number] = _MISPLACED
            behind.append(number)
        return found

    def _is_there(self, number: int) -> bool:
        """Whether a local header with the name of the member is where the directory says."""
        header = self._source.read_at(self._offsets[number], _LOCAL_SIZE)
        if len(header) < _LOCAL_SIZE or not header.startswith(_LOCAL):
            return False
        length = int.from_bytes(header[26:28], "little")
        return hash(self._source.read_at(self._offsets[number] + _LOCAL_SIZE, length)) == self._names[number]
