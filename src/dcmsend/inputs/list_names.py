"""Names in a list that another system has written: with a carriage return, or behind a byte order mark."""

from __future__ import annotations

import os
from typing import Final

from dcmsend.loggers import get_logger

__all__ = ["ListNames"]

_log = get_logger("dcmsend.app")

_CR: Final = b"\r"
_BOM: Final = b"\xef\xbb\xbf"


class ListNames:
    """The names of one list.  A name is taken verbatim if there is such a file, or none without the foreign bytes."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._is_first = True
        self._is_told = False

    def name(self, raw: bytes) -> str:
        """The name that is meant by ``raw``; ``""`` if nothing is left of it."""
        is_first, self._is_first = self._is_first, False
        if not raw.endswith(_CR) and not (is_first and raw.startswith(_BOM)):
            return os.fsdecode(raw)
        plain = raw.removesuffix(_CR)
        if is_first:
            plain = plain.removeprefix(_BOM)
        if plain and (_exists(raw) or not (_exists(plain) or b"://" in plain)):
            return os.fsdecode(raw)
        if not self._is_told:
            self._is_told = True
            _log.warning(
                "list of files '%s' has lines that end with a carriage return, or begins with a byte order mark; "
                "names that do not exist so are taken without",
                self._path,
            )
        return os.fsdecode(plain)


def _exists(name: bytes) -> bool:
    try:
        os.lstat(name)
    except (OSError, ValueError):
        return False
    return True
