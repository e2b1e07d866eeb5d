"""Where a report goes: a file that gets its name when it is complete, one that grows, or standard output."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import sys
from collections.abc import Iterator
from typing import IO, Final

from dcmsend.errors import ReportError

from .earlier_report import is_earlier_report
from .place import Place, find_place
from .replaceable import HEAD_LENGTH, read_head, read_head_of_open_file, reason_to_keep
from .visible import open_stream

__all__ = ["ReportFile"]

_MODE: Final = 0o600
"""Names of files and UIDs may tell who was examined."""


class ReportFile:
    """Takes text.  ``-`` is standard output.

    A regular file is written beside its final name and gets that by ``close``, so that nobody ever reads half of it;
    what is no regular file (a pipe, a device) is written to directly.  Of files only an earlier report, or an empty
    one, is replaced, and only one of the same user.

    All methods raise ReportError.
    """

    def __init__(self, path: str, *, is_streamed: bool = False) -> None:
        """``is_streamed`` for a file that is to be read while it grows: it has its name from the start."""
        self._path = path
        self._temporary = ""
        self._place: Place | None = None
        self._file: IO[str] = io.StringIO()
        with self._translated():
            self._file = open_stream(self._open(is_streamed))

    def write(self, text: str) -> None:
        """Write text, which must have UTF-8 bytes."""
        with self._translated():
            self._file.write(text)

    def flush(self) -> None:
        """Hand everything to the operating system."""
        with self._translated():
            self._file.flush()

    def close(self) -> None:
        """Complete the file."""
        with self._translated():
            self._file.close()
            if self._place is not None:
                self._give_name(self._place)
                is_there = self._place.is_still_there
                self._leave()
                if not is_there:
                    raise OSError(0, "its directory was moved or replaced meanwhile, and the report with it")

    def _open(self, is_streamed: bool) -> int:
        if self._path == "-":
            if sys.stdout is None:
                raise OSError(0, "there is no standard output")
            sys.stdout.flush()
            return _duplicate(sys.stdout.fileno())
        self._place = place = find_place(self._path)
        if place.is_file:
            _check(read_head(place))
            return self._open_streamed(place) if is_streamed else self._open_temporary(place)
        descriptor = place.open(os.O_WRONLY) if place.descriptor is None else _duplicate(place.descriptor)
        self._leave()
        return descriptor

    def _open_temporary(self, place: Place) -> int:
        """A file beside the one that it will replace; its name is by chance, so that it is nobody else's."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        while True:
            name = f"{place.name}.{os.urandom(4).hex()}.tmp"
            with contextlib.suppress(FileExistsError):
                descriptor = place._replace(name=name).open(flags, _MODE)
                break
        self._temporary = name
        try:
            # A file system may show all files as those of one user: the new file tells who we are there.
            if place.status is not None and place.status.st_uid != os.fstat(descriptor).st_uid:
                raise OSError(0, "it belongs to another user")
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _open_streamed(self, place: Place) -> int:
        """The file itself: whoever has it open already goes on to read it.

        One that has a second name, under which it may be kept, is replaced as a whole.
        """
        if place.status is None:
            with contextlib.suppress(FileExistsError):
                descriptor = place.open(os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
                self._leave()
                return descriptor
        descriptor = place.open(os.O_RDWR | getattr(os, "O_NONBLOCK", 0))
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(0, "another file has just taken its place")
            _check(os.pread(descriptor, HEAD_LENGTH, 0))
            is_ours = status.st_uid == os.geteuid() and (status.st_nlink == 1 or not status.st_size)
            if is_ours:
                os.fchmod(descriptor, _MODE)  # it may have been open to everybody
                os.ftruncate(descriptor, 0)
                self._leave()
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        descriptor = self._open_temporary(place._replace(status=status))
        try:
            self._give_name(place)
        except BaseException:
            os.close(descriptor)
            raise
        self._leave()
        return descriptor

    def _give_name(self, place: Place) -> None:
        """Put the file in its place, unless something has come there meanwhile that has to stay."""
        directory, temporary = place.directory, self._temporary
        try:
            os.link(temporary, place.name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        except OSError:  # there is a file, or the file system has no hard links
            try:
                _check(read_head(place.now()))
                os.replace(temporary, place.name, src_dir_fd=directory, dst_dir_fd=directory)
            except OSError as error:
                self._temporary = ""  # it is complete, and stays
                where = os.path.join(place.where, temporary)
                raise OSError(0, f"{error.strerror}; the report is in '{where}'") from error
        else:
            os.unlink(temporary, dir_fd=directory)
        self._temporary = ""

    def _leave(self) -> None:
        if self._place is not None:
            self._place.close()
            self._place = None

    def _discard(self) -> None:
        """Leave nothing of a file that has no name yet."""
        with contextlib.suppress(OSError, ValueError):
            self._file.close()
        if self._place is not None and self._temporary:
            with contextlib.suppress(OSError):
                os.unlink(self._temporary, dir_fd=self._place.directory)
        self._temporary = ""
        self._leave()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._discard()
            raise ReportError(self._path, error.strerror or str(error)) from error
        except ValueError as error:  # a NUL in the name, a file that is closed
            self._discard()
            raise ReportError(self._path, str(error)) from error


def _duplicate(descriptor: int) -> int:
    """Another descriptor of what is open; what was redirected to a file is written there, but not over an image."""
    reason = reason_to_keep(read_head_of_open_file(descriptor), None)
    if reason:
        raise OSError(0, reason)
    return os.dup(descriptor)


def _check(head: bytes) -> None:
    """Raise OSError if what is there begins like something that has to stay."""
    reason = reason_to_keep(head, is_earlier_report)
    if reason:
        raise OSError(0, reason)
