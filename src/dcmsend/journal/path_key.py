"""Under which directory a file stands in the journal."""

from __future__ import annotations

import os
from typing import Final

__all__ = ["Directories"]

_MOST_KNOWN: Final = 4096


class Directories:
    """Makes directories without links, as the bytes that the system uses.

    So the same file is found again from another working directory, and a link that leads somewhere else by now does not
    stand for what it stood for.  Not safe to be shared by threads.
    """

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def resolve(self, directory: str) -> bytes:
        """A directory, ``""`` for the current one, without links."""
        real = self._known.get(directory)
        if real is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            real = self._known[directory] = _real(directory)
        return real

    def root_of(self, root: str) -> bytes:
        """A directory that was searched, as its name ends with a separator; nothing for nothing."""
        return self.resolve(root) if root else b""


def _real(directory: str) -> bytes:
    try:
        return os.fsencode(os.path.realpath(directory or os.curdir))
    except (OSError, ValueError):  # a NUL, a working directory that is gone: nothing can be read from there
        return directory.encode("utf-8", "surrogatepass")
