"""Writes DCMTK's report where DCMTK would write it, but over nothing that was to be sent."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from dcmsend.errors import ReportError

from .place import Place, find_place
from .replaceable import HEAD_LENGTH, read_head, reason_to_keep
from .visible import open_stream

__all__ = ["check_text_place", "is_earlier_text_report", "is_file_name", "translated", "write_text_report"]

_HEADING: Final = b"Detailed Report on the Transfer of Instances\n"


def is_earlier_text_report(head: bytes) -> bool:
    """Whether a file that begins so is a report of this form, ours or DCMTK's, or is empty."""
    return head.startswith(_HEADING) or _HEADING.startswith(head)


def check_text_place(path: str) -> None:
    """See that ``path`` is no image; a shell makes that of ``+crf *.dcm``.  Raises ReportError."""
    with contextlib.suppress(OSError, ValueError):  # not there yet; whoever writes it says what is wrong
        place = find_place(path)
        try:
            reason = reason_to_keep(read_head(place), None) if place.is_file else ""
        finally:
            place.close()
        if reason:
            raise ReportError(path, reason)


def is_file_name(path: str) -> bool:
    """Whether a file is made under this name; false for a device, a pipe and what is open already."""
    try:
        place = find_place(path)
    except (OSError, ValueError):  # whoever writes it says what is wrong
        return True
    place.close()
    return place.is_file


def write_text_report(path: str, pieces: Iterable[str], *, only_over_reports: bool = False) -> None:
    """Write the report to ``path``, replacing what is there; names that are not UTF-8 keep their bytes.

    A report that cannot be written to its end is removed: scripts would take it for complete.  Images stay, and with
    ``only_over_reports`` everything but an earlier report.  Raises ReportError.
    """
    with translated(path):
        place = find_place(path)
        try:
            descriptor = _open_for_writing(place, path, is_earlier_text_report if only_over_reports else None)
            with open_stream(descriptor, errors="surrogateescape") as file:
                try:
                    if place.is_file:
                        os.ftruncate(descriptor, 0)
                    file.writelines(pieces)
                    file.flush()
                except BaseException:
                    _remove(place, descriptor)
                    raise
        finally:
            place.close()


def _open_for_writing(place: Place, path: str, is_earlier_report: Callable[[bytes], bool] | None) -> int:
    """The file as it is, nothing of it overwritten yet; what it is was looked at through the same descriptor."""
    if place.descriptor is not None:
        return os.dup(place.descriptor)
    if not place.is_file:
        return place.open(os.O_WRONLY)
    try:
        descriptor = place.open(os.O_RDWR | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o666)
    except PermissionError:
        if place.status is None or place.status.st_size:
            raise
        return place.open(os.O_WRONLY)  # nothing is in there to be looked at
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ReportError(path, "another file has just taken its place")
        reason = reason_to_keep(os.pread(descriptor, HEAD_LENGTH, 0), is_earlier_report)
        if reason:
            raise ReportError(path, reason)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _remove(place: Place, descriptor: int) -> None:
    """Take away what is not complete, if it is a file and still the one that was written."""
    with contextlib.suppress(OSError):
        written = os.fstat(descriptor)
        there = os.stat(place.name, dir_fd=place.directory, follow_symlinks=False)
        if place.is_file and os.path.samestat(written, there):
            os.unlink(place.name, dir_fd=place.directory)


@contextlib.contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn what the system says, and names that are none, into ReportError."""
    try:
        yield
    except OSError as error:
        raise ReportError(path, error.strerror or os.strerror(error.errno or 0)) from error
    except ValueError as error:  # a NUL in the name, characters that have no bytes
        raise ReportError(path, str(error)) from error
