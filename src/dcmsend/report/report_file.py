"""The file of a report: one that gets its name when it is complete, one that grows, or standard output."""

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
from .held_file import HeldFile
from .place import Place, find_place
from .replaceable import head_of, read_head, read_head_of_open_file, reason_to_keep
from .text_file import translated
from .visible import open_stream

__all__ = ["ReportFile", "look_at_place"]

PRIVATE: Final = 0o600
"""Private, because names of files and UIDs may identify patients."""


class ReportFile:
    """Takes text.  ``-`` is standard output.

    A regular file is written beside its final name and gets that name in ``close``, so a reader never sees half of it.
    A pipe or device is written to directly.  An existing file is replaced only if it is an earlier report or empty, and
    belongs to the same user.

    All methods raise ReportError.
    """

    def __init__(self, path: str, *, is_streamed: bool = False, mode: int = PRIVATE) -> None:
        """Open the file.

        ``is_streamed``: it has its name from the start, so that it can be read while it grows.  ``mode``: who may read
        and write it, less what the umask takes away.
        """
        self._path = path
        self._mode = mode
        self._temporary = ""
        self._place: Place | None = None
        self._held: HeldFile | None = None
        self._file: IO[str] = io.StringIO()
        with self.translated():
            self._file = open_stream(self._open(is_streamed))

    def write(self, text: str) -> None:
        """Write text, which must have UTF-8 bytes."""
        with self.translated():
            self._file.write(text)

    def flush(self) -> None:
        """Hand everything to the operating system."""
        with self.translated():
            self._file.flush()

    def close(self) -> None:
        """Complete the file."""
        with self.translated():
            self._file.flush()
            self._held = None
            self._file.close()
            if self._place is not None:
                self._give_name(self._place)
                is_there = self._place.is_still_there
                self._leave()
                if not is_there:
                    raise OSError(0, "its directory was moved or replaced meanwhile, and the report with it")

    def give_up(self) -> None:
        """Remove what was written, unless the file has its name already."""
        self._discard()

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Turn OSError and ValueError into ReportError; the file is given up then."""
        try:
            yield
        except OSError as error:
            self._discard()
            raise ReportError(self._path, error.strerror or str(error)) from error
        except ValueError as error:  # a NUL in the name, or a closed file
            self._discard()
            raise ReportError(self._path, str(error)) from error

    @property
    def directory(self) -> str | None:
        """The directory in which a regular file will get its name; None for everything else."""
        return None if self._place is None else self._place.where

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
        """Open a file beside the one it will replace; its name is random, so that it belongs to no one else."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        while True:
            name = f"{place.name}.{os.urandom(4).hex()}.tmp"
            with contextlib.suppress(FileExistsError):
                descriptor = place._replace(name=name).open(flags, self._mode)
                break
        self._temporary = name
        try:
            # A file system may show all files as those of one user: the new file shows our own number there.
            if place.status is not None and place.status.st_uid != os.fstat(descriptor).st_uid:
                raise OSError(0, "it belongs to another user")
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _open_streamed(self, place: Place) -> int:
        """Open the file itself, so that programs that have it open can go on reading; another run is kept away from it.

        A file with a second name is replaced instead, because its content may be kept under that name.
        """
        if place.status is None:
            with contextlib.suppress(FileExistsError):
                descriptor = self._hold(place.open(os.O_WRONLY | os.O_CREAT | os.O_EXCL, self._mode))
                self._leave()
                return descriptor
        descriptor = place.open(os.O_RDWR | getattr(os, "O_NONBLOCK", 0))
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(0, "another file has just taken its place")
            _check(head_of(descriptor))
            self._held = HeldFile(descriptor)
            is_ours = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
            if is_ours and status.st_nlink == 1:
                if hasattr(os, "fchmod"):
                    os.fchmod(descriptor, self._mode)  # it may have been readable by everyone
                os.ftruncate(descriptor, 0)
                self._leave()
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        self._held = None
        os.close(descriptor)
        descriptor = self._hold(self._open_temporary(place._replace(status=status)))
        if sys.platform == "win32":  # no file that is open gets another name
            self._held = None
            os.close(descriptor)
            self._give_name(place)
            descriptor = self._hold(place.open(os.O_WRONLY))
            self._leave()
            return descriptor
        try:
            self._give_name(place)
        except BaseException:
            self._held = None
            os.close(descriptor)
            raise
        self._leave()
        return descriptor

    def _hold(self, descriptor: int) -> int:
        """Keep other runs away from an open file, which is closed if one of them has it."""
        try:
            self._held = HeldFile(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _give_name(self, place: Place) -> None:
        """Give the file its name, unless another file that must stay has that name by now."""
        directory, temporary = place.directory, self._temporary
        old, new = place.at(temporary), place.at(place.name)
        try:
            os.link(old, new, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        except (OSError, NotImplementedError):  # the name exists, or the file system has no hard links
            try:
                _check(read_head(place.now()))
                os.replace(old, new, src_dir_fd=directory, dst_dir_fd=directory)
            except OSError as error:
                self._temporary = ""  # the file is complete, and stays under this name
                where = os.path.join(place.where, temporary)
                raise OSError(0, f"{error.strerror}; the report is in '{where}'") from error
        else:
            place.unlink(temporary)
        self._temporary = ""

    def _leave(self) -> None:
        if self._place is not None:
            self._place.close()
            self._place = None

    def _discard(self) -> None:
        """Remove a file that has not got its name."""
        self._held = None
        with contextlib.suppress(OSError, ValueError):
            self._file.close()
        if self._place is not None and self._temporary:
            with contextlib.suppress(OSError):
                self._place.unlink(self._temporary)
        self._temporary = ""
        self._leave()


def look_at_place(path: str, *, is_streamed: bool = False) -> None:
    """Raise ReportError where ``ReportFile`` would, as far as the system tells that without a trial.

    A report that another run is writing is no reason: that run has ended when the next one begins.
    """
    with translated(path):
        place = find_place(path)
        try:
            if place.is_file:
                _check(read_head(place))
                place.check_writable(in_place=is_streamed)
        finally:
            place.close()


def _duplicate(descriptor: int) -> int:
    """Duplicate an open descriptor; output redirected to a file is written there, but never over an image."""
    reason = reason_to_keep(read_head_of_open_file(descriptor), None)
    if reason:
        raise OSError(0, reason)
    return os.dup(descriptor)


def _check(head: bytes) -> None:
    """Raise OSError if an existing file with this head must stay."""
    reason = reason_to_keep(head, is_earlier_report)
    if reason:
        raise OSError(0, reason)
