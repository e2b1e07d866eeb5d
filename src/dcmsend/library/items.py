"""What a caller names, as inputs: paths and pydicom data sets, freely mixed."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from dcmsend.errors import DcmsendError
from dcmsend.inputs import DataSetInput, Source, find_inputs
from dcmsend.run import Run, own_files_of
from dcmsend.transfer import CallerFailed

__all__ = ["inputs_of", "is_data_set", "is_name"]

_LONGEST_NAME: Final = 32767 if os.name == "nt" else 4096
"""Longest name of a file in characters; except on Windows also in bytes."""
_LONGEST_PART: Final = 255
"""Longest name within a folder in bytes, on all usual file systems."""


def inputs_of(
    items: Iterable[Any], run: Run, watched: Callable[[Iterable[Source]], Iterable[Source]] | None = None
) -> Iterator[Source]:
    """The inputs that items stand for, one after the other; ``watched``: see ``find_inputs``."""
    options, share, check = run.settings.inputs, run.share, run.interrupt.check_request
    stores, is_own = run.stores, own_files_of(run.settings)
    numbered = enumerate(items, start=1)
    others: list[DataSetInput] = []
    while True:
        # Names that follow each other are searched together: stores are asked for several of them at once.
        found = run.record.left_out
        names = _names_of(numbered, others)
        yield from find_inputs(names, options, check, share, stores, run.selection, found, is_own, watched)
        if not others:
            return
        data_set = others.pop()
        if share is None or not share.leaves(data_set):
            yield data_set


def is_name(item: object) -> bool:
    """Whether an item is a path."""
    return isinstance(item, str | bytes | os.PathLike)


def _names_of(numbered: Iterator[tuple[int, Any]], others: list[DataSetInput]) -> Iterator[str]:
    """The names up to the first item that is none, which goes to ``others``.

    Raises TypeError for anything else, CallerFailed for a DcmsendError of the iterator.
    """
    try:
        for number, item in numbered:
            if is_name(item):
                name = os.fsdecode(item)
                if _may_be_content(name):
                    raise TypeError(
                        f"item {number} is neither a path nor a pydicom.Dataset, but may be the content of a file"
                    )
                yield name
            elif is_data_set(item):
                others.append(DataSetInput(f"<data set {number}>", item))
                return
            else:
                raise TypeError(f"item {number} is neither a path nor a pydicom.Dataset but {type(item).__name__}")
    except DcmsendError as error:  # the iterator may stand for another transfer
        raise CallerFailed(error) from error


def _may_be_content(name: str) -> bool:
    """Whether a string is the content of a file rather than its name; it is then kept out of the log.

    True if no file can have such a name, or if it has several lines and no file has that name.
    """
    if "\0" in name or len(name) > _LONGEST_NAME:
        return True
    has_lines = len(f"{name}.".splitlines()) > 1
    if len(name) <= _LONGEST_PART and not has_lines:
        return False
    try:
        os.lstat(name)
    except OSError as error:
        return has_lines or error.errno == errno.ENAMETOOLONG
    except ValueError:
        return has_lines
    return False


def is_data_set(item: object) -> bool:
    """Whether an item is a data set of pydicom, which is not imported for it."""
    pydicom = sys.modules.get("pydicom")  # a caller that has a Dataset has loaded it
    return pydicom is not None and isinstance(item, pydicom.Dataset)
