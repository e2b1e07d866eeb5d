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
            age = time.time() - os.stat(item.path).st_mtime
        except (OSError, ValueError):
            age = seconds
        if age >= seconds:
            yield item
        else:
            _log.info("leaving file for the next run because it was modified %.0f seconds ago: %s", age, item.path)
