"""What a report may take the place of: never an input of the run, an image, or what is not ours."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from typing import Final

from dcmsend.errors import ReportError
from dcmsend.index import looks_like_dicom

from .place import Place

__all__ = ["HEAD_LENGTH", "IS_INPUT", "InputWatch", "read_head", "read_head_of_open_file", "reason_to_keep"]

IS_INPUT: Final = "it is one of the files to be sent, which no report overwrites"
HEAD_LENGTH: Final = 4096


def read_head(place: Place) -> bytes:
    """The first 4 KiB of the file that is there, fewer if it is shorter; nothing if none is.  Raises OSError."""
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
    """The first 4 KiB of a regular file that is open, maybe only for writing; nothing where that cannot be seen."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return b""
    try:
        again = os.open(f"/dev/fd/{descriptor}", os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.pread(again, HEAD_LENGTH, 0)
    finally:
        os.close(again)


def reason_to_keep(head: bytes, is_earlier_report: Callable[[bytes], bool] | None) -> str:
    """Why a file that begins so stays, ``""`` if it need not; without ``is_earlier_report`` only images stay."""
    if looks_like_dicom(head):
        return "it is a DICOM file, which no report overwrites"
    if head and is_earlier_report is not None and not is_earlier_report(head):
        return "there is a file that is no report of an earlier run"
    return ""


class InputWatch:
    """Notices when one of the files to be sent is one that a report would overwrite, whatever its name is.

    Args:
        paths: the names a report may be written to.
        is_earlier_report: files that begin so may be overwritten all the same.
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
            except (OSError, ValueError):  # whoever writes it says what is wrong
                continue

    def see(self, path: str) -> None:
        """The file ``path`` is one of those to be sent."""
        if not self._files:
            return
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            return
        found = self._files.get((status.st_dev, status.st_ino))
        if found is not None:
            self._found.add(found)

    def check(self, path: str) -> None:
        """Raise ReportError if one of the files that were seen is ``path``."""
        if path in self._found:
            raise ReportError(path, IS_INPUT)

