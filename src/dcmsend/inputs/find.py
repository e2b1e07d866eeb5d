"""From the names the user gives to the files that are meant, in the order in which DCMTK's dcmsend takes them."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from .input_file import InputFile
from .options import InputOptions

if TYPE_CHECKING:
    from .shard import Share

__all__ = ["find_inputs"]

_log = logging.getLogger("dcmsend.app")


def find_inputs(
    names: Iterable[str],
    options: InputOptions,
    check: Callable[[], None] | None = None,
    share: Share | None = None,
) -> Iterator[InputFile]:
    """The inputs that ``names`` stand for, lazily, neither sorted nor made unique.

    A directory is expanded with ``options.scan_directories`` and left out with a warning without it.  Everything else,
    whether it exists or not, is an input; who reads it finds out.  ``check`` is called often, also while nothing is
    found, and may raise to end the search.  What falls to others than ``share`` is left out, and files younger than
    ``options.min_age`` are, with a message.
    """
    found = _find(names, options, check)
    if share is not None:
        found = share.of(found)
    if not options.min_age:
        return found
    from .age import old_enough

    return old_enough(found, options.min_age)


def _find(names: Iterable[str], options: InputOptions, check: Callable[[], None] | None) -> Iterator[InputFile]:
    for name in names:
        if not _is_directory(name):
            yield InputFile(name)
        elif options.scan_directories:
            from .directory import scan_directory

            yield from scan_directory(name, recurse=options.recurse, pattern=options.scan_pattern, check=check)
        else:
            _log.warning("ignoring directory because option --scan-directories is not set: %s", name)


def _is_directory(name: str) -> bool:
    """Whether ``name`` is a directory that can be opened; one that cannot is treated as a file, and fails as such."""
    try:
        if not stat.S_ISDIR(os.stat(name).st_mode):
            return False
        os.scandir(name).close()
    except (OSError, ValueError):
        return False
    return True
