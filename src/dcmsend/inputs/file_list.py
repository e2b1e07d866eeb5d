"""Names of files in a file or a pipe, as ``find`` and other programs write them."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from typing import Final

from dcmsend.errors import FileUnreadable

from .left_out import LeftOut
from .list_names import ListNames
from .options import FileList

__all__ = ["check_file_list", "names_at_hand", "read_file_list"]

_PIECE: Final = 1 << 16
_LONGEST_NAME: Final = 1 << 16
"""Longest name; no system permits a longer one, so a file without separators is not a list of names."""
_WAIT_SECONDS: Final = 0.2
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_MARK_END: Final = 132
"""Bytes of a DICOM file up to the end of ``DICM``."""


def read_file_list(
    source: FileList, check: Callable[[], None] | None = None, left_out: LeftOut | None = None
) -> Iterator[str]:
    """The names in a list, lazily; empty ones are left out.  They are verbatim, but for what ``ListNames`` mends.

    ``check`` is called often, also while a pipe delivers nothing, and may raise to end the wait.  ``left_out`` learns
    of a list without names.

    Raises FileUnreadable, also for a list with a name that no file can have.
    """
    descriptor, names_of, is_empty = None, ListNames(source.path), True
    try:
        descriptor = _open(source.path)
        waits = not stat.S_ISREG(os.fstat(descriptor).st_mode) and sys.platform != "win32"
        rest = head = b""
        while True:
            if waits:
                _wait_for_data(descriptor, check)
            data = os.read(descriptor, _PIECE)
            if not data:
                break
            if len(head) < _MARK_END:
                head += data[:_MARK_END]
                if head[128:_MARK_END] == b"DICM":  # else its content would be taken for names, and logged
                    raise _unreadable(source.path, "it is a DICOM file; name it as dcmfile-in")
                if head.startswith(_UTF16) and b"\0" in head and source.separator != b"\0":
                    raise _unreadable(source.path, "it is in UTF-16; write it in UTF-8")
            *names, rest = (rest + data).split(source.separator)
            for raw in names:
                if raw and (name := names_of.name(raw)):
                    is_empty = False
                    yield name
            if len(rest) > _LONGEST_NAME:
                raise _unreadable(source.path, f"a name is longer than {_LONGEST_NAME} bytes")
        if rest and (name := names_of.name(rest)):
            is_empty = False
            yield name
        if is_empty and left_out is not None and left_out.empty_list is None:
            left_out.empty_list = source.path
    except OSError as error:
        raise _unreadable(source.path, error.strerror or str(error), error.errno or 0) from error
    except ValueError as error:  # a NUL in the name of the list
        raise _unreadable(source.path, str(error)) from error
    finally:
        if descriptor is not None:
            os.close(descriptor)


def check_file_list(source: FileList) -> None:
    """Raise FileUnreadable for a list that can be seen to be none; it is not opened, because a pipe has one reader."""
    if source.path == "-":
        return
    try:
        if stat.S_ISDIR(os.stat(source.path).st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not os.access(source.path, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _unreadable(source.path, error.strerror or str(error), error.errno or 0) from error
    except ValueError as error:  # a NUL in the name of the list
        raise _unreadable(source.path, str(error)) from error


def names_at_hand(source: FileList) -> Iterator[str]:
    """The names in a list that can be read more than once; none for a pipe, and none for a list that is at fault."""
    try:
        if source.path != "-" and stat.S_ISREG(os.stat(source.path).st_mode):
            yield from read_file_list(source)
    except (OSError, ValueError, FileUnreadable):  # told when the run reads the list
        return


def _open(path: str) -> int:
    if path == "-":
        return os.dup(0)
    return os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))


def _wait_for_data(descriptor: int, check: Callable[[], None] | None) -> None:
    from dcmsend.transport import is_ready  # only where a list comes through a pipe

    while not is_ready(descriptor, _WAIT_SECONDS):
        if check is not None:
            check()


def _unreadable(path: str, reason: str, number: int = 0) -> FileUnreadable:
    if "://" in path:
        from .stores import without_secrets  # names of inputs may be addresses, so one may be written here by mistake

        path = without_secrets(path)
    return FileUnreadable(f"cannot read list of files '{path}': {reason}", number)
