"""Skips files that may still be being written."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator
from typing import Final

from dcmsend.loggers import get_logger

from .input_file import InputFile
from .left_out import LeftOut
from .similar_name import is_dicomdir_name
from .source import Source

__all__ = ["old_enough"]

_log = get_logger("dcmsend.app")

_MOST_AHEAD: Final = 86400.0
"""Seconds by which the clock of a store may be ahead of ours; a time beyond that tells nothing."""


def old_enough(inputs: Iterable[Source], seconds: float, left_out: LeftOut) -> Iterator[Source]:
    """The inputs last modified at least ``seconds`` ago, and those without a known time (reading them will fail).

    A directory that is an input cannot be searched.  Its time tells nothing of what is in it, and changes with each
    name there: left for the next run it might never be told of.

    ``left_out`` counts the others.
    """
    for item in inputs:
        age, is_future = _age_of_file(item.path) if isinstance(item, InputFile) else (_age_of_object(item), False)
        if age is None or age >= seconds:
            yield item
            continue
        left_out.young += 1
        if not item.is_remote and is_dicomdir_name(item.path):
            left_out.dicomdirs.append(item.path)
        if is_future:
            if not left_out.from_the_future:
                _log.warning(
                    "leaving files for the next run whose time of modification lies in the future, such as %s; "
                    "they are taken %g seconds after their last change here",
                    item.path, seconds,
                )  # fmt: skip
            left_out.from_the_future += 1
        _log.info("leaving file for the next run because it was modified %.0f seconds ago: %s", age, item.path)


def _age_of_file(path: str) -> tuple[float | None, bool]:
    """The age in seconds, None if it is unknown or counts for nothing, and whether the time lies in the future."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None, False
    if stat.S_ISDIR(status.st_mode):
        return None, False
    age = time.time() - status.st_mtime
    # A time in the future tells nothing; the time of the last status change is set by the system.
    return (age, False) if age >= 0 else (time.time() - status.st_ctime, True)


def _age_of_object(item: Source) -> float | None:
    stamp = item.look()
    if stamp is None or not stamp[1]:
        return None
    age = time.time() - stamp[1] / 1e9
    return max(age, 0.0) if age > -_MOST_AHEAD else None
