"""The name of a file's directory in the journal."""

from __future__ import annotations

import os
from typing import Final

__all__ = ["Directories"]

_MOST_KNOWN: Final = 4096


class Directories:
    """Resolves links in directories; results are the bytes that the system uses.

    So a file is found again from another working directory, and a link that was redirected does not stand for its old
    target.  Not thread-safe.
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
        """A searched directory without links; ``root`` ends with a separator, or is empty, as is the result then."""
        return self.resolve(root) if root else b""


def _real(directory: str) -> bytes:
    try:
        return os.fsencode(os.path.realpath(directory or os.curdir))
    except (OSError, ValueError):  # a NUL, or the working directory is gone: no file can be read from there
        return directory.encode("utf-8", "surrogatepass")
