"""Skips files that may still be being written."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator

from .input_file import InputFile

__all__ = ["old_enough"]

_log = logging.getLogger("dcmsend.app")


def old_enough(inputs: Iterable[InputFile], seconds: float) -> Iterator[InputFile]:
    """The inputs last modified at least ``seconds`` ago, and those without a known time (reading them will fail)."""
    for item in inputs:
        try:
            status = os.stat(item.path)
        except (OSError, ValueError):
            age = seconds
        else:
            age = time.time() - status.st_mtime
            if age < 0:  # a time in the future tells nothing; the time of the last status change is set by the system
                age = time.time() - status.st_ctime
        if age >= seconds:
            yield item
        else:
            _log.info("leaving file for the next run because it was modified %.0f seconds ago: %s", age, item.path)
