"""Turns the names that the user gives into files, in the order in which DCMTK's dcmsend takes them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, filterfalse

from dcmsend.loggers import get_logger

from .input_file import InputFile
from .left_out import LeftOut
from .options import InputOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .selection import Selection
    from .shard import Share
    from .source import Source
    from .stores import Stores

__all__ = ["find_inputs"]

_log = get_logger("dcmsend.app")


def find_inputs(
    names: Iterable[str],
    options: InputOptions,
    check: Callable[[], None] | None = None,
    share: Share | None = None,
    stores: Callable[[], Stores] | None = None,
    selection: Selection | None = None,
    left_out: LeftOut | None = None,
    is_own: Callable[[Source], bool] | None = None,
    watched: Callable[[Iterable[Source]], Iterable[Source]] | None = None,
) -> Iterator[Source]:
    """The inputs that ``names`` stand for, lazily, neither sorted nor made unique.

    A directory is expanded with ``options.scan_directories``; without it, the directory is skipped with a warning.
    Every other name is an input, whether it exists or not; reading it reports a missing file.  ``check`` is called
    often, also while nothing is found, and may raise to end the search.  Inputs of other shards than ``share`` are
    skipped.  Files younger than ``options.min_age`` are skipped with a message.  ``stores`` gives the object stores of
    the run when the first address is met; without it an address is taken for the name of a file.  ``selection`` leaves
    out inputs by name, and directories of which it would take nothing.  ``left_out`` gets the counts of what is met and
    not taken.  What ``is_own`` tells to be written by the run itself is no input, and counted nowhere.
    ``watched`` gets what is left, also what other shards or later runs will take.
    """
    left_out = left_out or LeftOut()
    found = _find(names, options, check, stores, selection, left_out)
    if is_own is not None:
        found = filterfalse(is_own, found)
    if selection is not None:
        found = selection.of(found)
    if watched is not None:
        found = iter(watched(found))
    if share is not None:
        found = share.of(found)
    if not options.min_age:
        return found
    from .age import old_enough

    return old_enough(found, options.min_age, left_out)


def _find(
    names: Iterable[str],
    options: InputOptions,
    check: Callable[[], None] | None,
    stores: Callable[[], Stores] | None,
    selection: Selection | None,
    left_out: LeftOut,
) -> Iterator[Source]:
    names = iter(names)
    for name in names:
        if stores is not None and "://" in name and _is_url(name):
            yield from _find_in_stores(chain((name,), names), options, check, stores(), selection, left_out)
        elif not _is_directory(name):
            yield InputFile(name)
        elif options.scan_directories:
            from .directory import scan_directory

            yield from scan_directory(
                name, recurse=options.recurse, pattern=options.scan_pattern, check=check, left_out=left_out,
                leaves=None if selection is None else selection.leaves_directory,
            )  # fmt: skip
        else:
            left_out.directories += 1
            left_out.dicomdir = left_out.dicomdir or _dicomdir_in(name)
            _log.warning("ignoring directory because option --scan-directories is not set: %s", name)


def _find_in_stores(
    names: Iterator[str],
    options: InputOptions,
    check: Callable[[], None] | None,
    stores: Stores,
    selection: Selection | None,
    left_out: LeftOut,
) -> Iterator[Source]:
    """The inputs of names from the first address on; other names may follow."""
    from .stores import find_objects, look_up

    for name, place, found in look_up(names, stores, check):
        if place is None:
            yield from _find((name,), options, check, None, selection, left_out)
        else:
            yield from find_objects(place, found, options, stores, check, left_out)


def _dicomdir_in(directory: str) -> str:
    """The name of the DICOMDIR in a directory; ``""`` if there is none."""
    for name in ("DICOMDIR", "dicomdir"):
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            return path
    return ""


def _is_url(name: str) -> bool:
    from .stores import is_url  # only for names that look like one

    return is_url(name)


def _is_directory(name: str) -> bool:
    """Whether ``name`` is a directory that can be opened; one that cannot is taken for a file, and fails as such."""
    try:
        if not stat.S_ISDIR(os.stat(name).st_mode):
            return False
        os.scandir(name).close()
    except (OSError, ValueError):
        return False
    return True
