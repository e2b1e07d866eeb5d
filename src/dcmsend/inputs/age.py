"""Skips files that may still be being written."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator

from .input_file import InputFile
from .source import Source

__all__ = ["old_enough"]

_log = logging.getLogger("dcmsend.app")


def old_enough(inputs: Iterable[Source], seconds: float) -> Iterator[Source]:
    """The inputs last modified at least ``seconds`` ago, and those without a known time (reading them will fail)."""
    for item in inputs:
        age = _age_of_file(item.path) if isinstance(item, InputFile) else _age_of_object(item)
        if age is None or age >= seconds:
            yield item
        else:
            _log.info("leaving file for the next run because it was modified %.0f seconds ago: %s", age, item.path)


def _age_of_file(path: str) -> float | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    age = time.time() - status.st_mtime
    # A time in the future tells nothing; the time of the last status change is set by the system.
    return age if age >= 0 else time.time() - status.st_ctime


def _age_of_object(item: Source) -> float | None:
    stamp = item.look()
    if stamp is None or not stamp[1]:
        return None
    age = time.time() - stamp[1] / 1e9
    return age if age >= 0 else None
