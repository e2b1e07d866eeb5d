"""Decides what a report may overwrite: never an input of the run, an image, or a file of someone else."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from typing import Final

from dcmsend.errors import ReportError
from dcmsend.index import looks_like_dicom

from .place import Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.inputs import Source

__all__ = ["HEAD_LENGTH", "IS_INPUT", "InputWatch", "head_of", "read_head", "read_head_of_open_file", "reason_to_keep"]

IS_INPUT: Final = "it is one of the files to be sent, which no report overwrites"
HEAD_LENGTH: Final = 4096


def read_head(place: Place) -> bytes:
    """The first 4 KiB of the file at a place, fewer if it is shorter; empty if there is none.  Raises OSError."""
    if place.status is None:
        return b""
    try:
        descriptor = place.open(os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return b""
    try:
        return os.read(descriptor, HEAD_LENGTH)
    finally:
        os.close(descriptor)


def read_head_of_open_file(descriptor: int) -> bytes:
    """The first 4 KiB of an open regular file, even if it is open only for writing; empty if they cannot be read.

    On Windows they cannot: no name leads to a file that a process has open.
    """
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return b""
    try:
        again = os.open(f"/dev/fd/{descriptor}", os.O_RDONLY)
    except OSError:
        return b""
    try:
        return head_of(again)
    finally:
        os.close(again)


def head_of(descriptor: int) -> bytes:
    """The first 4 KiB of an open file, which stays at its position.  Raises OSError."""
    if hasattr(os, "pread"):
        head: bytes = os.pread(descriptor, HEAD_LENGTH, 0)
        return head
    from dcmsend.inputs import pread_by_seeking  # on Windows

    return pread_by_seeking(descriptor, HEAD_LENGTH, 0)


def reason_to_keep(head: bytes, is_earlier_report: Callable[[bytes], bool] | None) -> str:
    """Why a file with this ``head`` must stay, ``""`` if not; without ``is_earlier_report`` only images must stay."""
    if looks_like_dicom(head):
        return "it is a DICOM file, which no report overwrites"
    if head and is_earlier_report is not None and not is_earlier_report(head):
        return "there is a file that is no report of an earlier run"
    return ""


class InputWatch:
    """Notices if one of the files to be sent is one that a report would overwrite, even under another name.

    Args:
        paths: the names of report files.
        is_earlier_report: tells by its head whether a file may be overwritten all the same.
    """

    def __init__(self, paths: Iterable[str], is_earlier_report: Callable[[bytes], bool]) -> None:
        self._files: dict[tuple[int, int], str] = {}
        self._found: set[str] = set()
        for path in paths:
            try:
                status = os.stat(path)
                if not stat.S_ISREG(status.st_mode):
                    continue
                with open(path, "rb") as file:
                    if not is_earlier_report(file.read(HEAD_LENGTH)):
                        self._files[status.st_dev, status.st_ino] = path
            except (OSError, ValueError):  # writing the report reports the error
                continue

    def see(self, path: str) -> None:
        """Note that the file ``path`` is to be sent, by this run or another one, or that it was."""
        if not self._files:
            return
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            return
        found = self._files.get((status.st_dev, status.st_ino))
        if found is not None:
            self._found.add(found)

    def watched(self, inputs: Iterable[Source]) -> Iterable[Source]:
        """The same inputs, which are noted when they are found: archives as a whole, what is stored already, too."""
        return map(self._noted, inputs) if self._files else inputs

    def _noted(self, item: Source) -> Source:
        self.see(item.path)
        return item

    def check(self, path: str) -> None:
        """Raise ReportError if ``path`` is one of the files to be sent."""
        if path in self._found:
            raise ReportError(path, IS_INPUT)

