"""Leaves files alone that somebody may still be writing."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator

from .input_file import InputFile

__all__ = ["old_enough"]

_log = logging.getLogger("dcmsend.app")


def old_enough(inputs: Iterable[InputFile], seconds: float) -> Iterator[InputFile]:
    """The inputs last modified at least ``seconds`` ago; also those that cannot be asked: who reads them finds out."""
    for item in inputs:
        try:
            status = os.stat(item.path)
        except (OSError, ValueError):
            age = seconds
        else:
            age = time.time() - status.st_mtime
            if age < 0:  # a time that is still to come says nothing; that of the last change is the system's own
                age = time.time() - status.st_ctime
        if age >= seconds:
            yield item
        else:
            _log.info("leaving file for the next run because it was modified %.0f seconds ago: %s", age, item.path)
