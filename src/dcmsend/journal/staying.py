"""What is not moved away, because a DICOMDIR refers to it, or may."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Final

from dcmsend.inputs import identity_of
from dcmsend.loggers import get_logger

__all__ = ["Staying"]

_MOST_KNOWN: Final = 1000

_log = get_logger("dcmsend.app")


class Staying:
    """Files that stay where they are, and directories with all that is below; added to while a search finds them."""

    def __init__(self) -> None:
        self._files: set[tuple[int, int] | str] = set()
        self._directories: set[tuple[int, int] | str] = set()
        self._known: dict[str, str] = {}  # of directories that were asked for: the one above that stays, or ""
        self._told: set[str] = set()

    def keep(self, path: str, *, all_below: bool = False) -> None:
        """Let a file stay; with ``all_below`` a directory, and all that is in there.

        Without it a directory is nothing: a record of a DICOMDIR may name one, but only a file is ever sent for it.
        """
        with suppress(OSError, ValueError):
            status = os.stat(path)
            if stat.S_ISDIR(status.st_mode) != all_below:
                return
            if all_below:
                self._known = {}
            (self._directories if all_below else self._files).add(identity_of(path, status))

    def holds(self, path: str) -> bool:
        """Whether a file stays; a directory of which all stays is told once."""
        if self._files and _is_one_of(path, self._files):
            return True
        if not self._directories:
            return False
        # A link is never moved, so the file's own directory is the one that it is found in.
        directory = self._above(os.path.dirname(path))
        if directory and directory not in self._told:
            self._told.add(directory)
            _log.warning("sent files stay, because their DICOMDIR could not be read or is too young: %s", directory)
        return bool(directory)

    def _above(self, directory: str) -> str:
        """The directory that stays among one and those above it, ``""`` if none does."""
        known = self._known
        if directory not in known:
            if len(known) >= _MOST_KNOWN:
                known.clear()
            known[directory] = self._find(os.path.realpath(directory))
        return known[directory]

    def _find(self, directory: str) -> str:
        while not _is_one_of(directory, self._directories):
            above = os.path.dirname(directory)
            if above == directory:
                return ""
            directory = above
        return directory


def _is_one_of(path: str, identities: set[tuple[int, int] | str]) -> bool:
    with suppress(OSError, ValueError):
        return identity_of(path, os.stat(path)) in identities
    return False
