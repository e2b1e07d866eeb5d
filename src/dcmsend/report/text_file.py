"""Writes DCMTK's report to the file that DCMTK would write, but never over an input."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from dcmsend.errors import ReportError

from .place import Place, find_place
from .replaceable import head_of, read_head, reason_to_keep
from .visible import open_stream

__all__ = [
    "check_text_place", "is_earlier_text_report", "is_file_name", "look_at_text_place", "translated", "try_text_place",
    "write_text_report",
]

_HEADING: Final = b"Detailed Report on the Transfer of Instances\n"


def is_earlier_text_report(head: bytes) -> bool:
    """Whether ``head`` begins a report of this form, ours or DCMTK's, or is empty."""
    return head.startswith(_HEADING) or _HEADING.startswith(head)


def check_text_place(path: str) -> None:
    """Check that ``path`` is no image: a shell may expand ``+crf *.dcm`` to one.  Raises ReportError."""
    with contextlib.suppress(OSError, ValueError):  # the file is new, or writing it reports the error
        place = find_place(path)
        try:
            reason = reason_to_keep(read_head(place), None) if place.is_file else ""
        finally:
            place.close()
        if reason:
            raise ReportError(path, reason)


def try_text_place(path: str) -> None:
    """Try whether ``path`` can be written, and leave it as it was.  Raises ReportError."""
    with translated(path):
        place = find_place(path)
        try:
            if place.is_file:
                descriptor = _open_for_writing(place, path, None)
                left = _remove(place, descriptor) if place.status is None else None
                os.close(descriptor)
                _remove_closed(place, left)
        finally:
            place.close()


def look_at_text_place(path: str) -> None:
    """Raise ReportError where ``try_text_place`` would, as far as the system tells that without a trial."""
    with translated(path):
        place = find_place(path)
        try:
            if place.is_file:
                place.check_writable(in_place=True)
        finally:
            place.close()
    check_text_place(path)


def is_file_name(path: str) -> bool:
    """Whether the name is that of a file to be made; false for a device, a pipe and an already open file."""
    try:
        place = find_place(path)
    except (OSError, ValueError):  # writing the file reports the error
        return True
    place.close()
    return place.is_file


def write_text_report(path: str, pieces: Iterable[str], *, only_over_reports: bool = False) -> None:
    """Write the report to ``path``, replacing an existing file; names that are not UTF-8 keep their bytes.

    An incomplete report is removed, because scripts would take it for complete.  Images are never replaced, and with
    ``only_over_reports`` only an earlier report is.  Raises ReportError.
    """
    with translated(path):
        place = find_place(path)
        try:
            descriptor = _open_for_writing(place, path, is_earlier_text_report if only_over_reports else None)
            left = None
            try:
                with open_stream(descriptor, errors="surrogateescape") as file:
                    try:
                        if place.is_file:
                            os.ftruncate(descriptor, 0)
                        file.writelines(pieces)
                        file.flush()
                    except BaseException:
                        left = _remove(place, descriptor)
                        raise
            finally:
                _remove_closed(place, left)
        finally:
            place.close()


def _open_for_writing(place: Place, path: str, is_earlier_report: Callable[[bytes], bool] | None) -> int:
    """Open the existing file without changing it; its content was checked through the same descriptor."""
    if place.descriptor is not None:
        return os.dup(place.descriptor)
    if not place.is_file:
        return place.open(os.O_WRONLY)
    try:
        descriptor = place.open(os.O_RDWR | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o666)
    except PermissionError:
        if place.status is None or (place.status.st_size and is_earlier_report is not None):
            raise
        # What nobody here can read is none of the images to be sent; what must be an earlier report has to be read.
        return place.open(os.O_WRONLY)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ReportError(path, "another file has just taken its place")
        reason = reason_to_keep(head_of(descriptor), is_earlier_report)
        if reason:
            raise ReportError(path, reason)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _remove(place: Place, descriptor: int) -> os.stat_result | None:
    """Remove an incomplete report, if it is a file and still the one that was written.

    Returns its status if it is still there: Windows removes no open file.
    """
    with contextlib.suppress(OSError):
        written = os.fstat(descriptor)
        try:
            if _is_there(place, written):
                place.unlink(place.name)
        except PermissionError:
            return written if sys.platform == "win32" else None
    return None


def _remove_closed(place: Place, written: os.stat_result | None) -> None:
    """Remove what ``_remove`` has left, once it is closed."""
    with contextlib.suppress(OSError):
        if written is not None and _is_there(place, written):
            place.unlink(place.name)


def _is_there(place: Place, written: os.stat_result) -> bool:
    there = os.stat(place.at(place.name), dir_fd=place.directory, follow_symlinks=False)
    return place.is_file and os.path.samestat(written, there)


@contextlib.contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn errors of the system, and of impossible names, into ReportError."""
    try:
        yield
    except OSError as error:
        raise ReportError(path, error.strerror or os.strerror(error.errno or 0)) from error
    except ValueError as error:  # a NUL in the name, or text that cannot be encoded
        raise ReportError(path, str(error)) from error
