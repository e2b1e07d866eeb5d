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

from .own_reports import check_place

__all__ = ["ReportFile"]

_MODE: Final = 0o600
"""Names of files and UIDs may tell who was examined."""


class ReportFile:
    """Takes text.  ``-`` is standard output.

    A regular file is written beside its final name and renamed by ``close``, so that nobody ever reads half of it; what
    is no regular file (a pipe, a device) is written to directly.

    All methods raise ReportError.
    """

    def __init__(self, path: str, *, is_streamed: bool = False) -> None:
        """``is_streamed`` for a file that is to be read while it grows: it has its name from the start."""
        self._path = path
        self._temporary = ""
        self._final = ""
        self._file: IO[str] = io.StringIO()
        with self._translated():
            self._file = self._open(is_streamed)

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
            if self._temporary:
                os.replace(self._temporary, self._final)
                self._temporary = ""

    def _discard(self) -> None:
        """Leave nothing of a file that has no name yet."""
        with contextlib.suppress(OSError, ValueError):
            self._file.close()
        if self._temporary:
            with contextlib.suppress(OSError):
                os.unlink(self._temporary)
            self._temporary = ""

    def _open(self, is_streamed: bool) -> IO[str]:
        if self._path == "-":
            if sys.stdout is None:
                raise OSError(0, "there is no standard output")
            sys.stdout.flush()
            return open(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", newline="")
        try:
            mode = os.stat(self._path).st_mode
        except FileNotFoundError:
            mode = stat.S_IFREG
        if stat.S_ISDIR(mode) or not stat.S_ISREG(mode):
            return open(self._path, "w", encoding="utf-8", newline="")
        check_place(self._path)
        if is_streamed:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), _MODE)
            if hasattr(os, "fchmod"):
                os.fchmod(descriptor, _MODE)  # the file may have been there, open to everybody
            return open(descriptor, "w", encoding="utf-8", newline="")
        self._final = os.path.realpath(self._path)  # a link stays a link
        temporary = f"{self._final}.{os.getpid()}.tmp"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)  # of a process that is no more
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(temporary, flags, _MODE)
        self._temporary = temporary
        return open(descriptor, "w", encoding="utf-8", newline="")

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
