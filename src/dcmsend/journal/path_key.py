"""Under which name a file stands in the journal."""

from __future__ import annotations

import os
from typing import Final

__all__ = ["PathKeys"]

_MOST_KNOWN: Final = 4096
_SEPARATORS: Final = (os.sep,) if os.sep == "/" else (os.sep, "/")


class PathKeys:
    """Splits file names into a directory without links and a name, both as the bytes that the system uses.

    So the same file is found again from another working directory, and a link that leads somewhere else by now does not
    stand for what it stood for.  Not safe to be shared by threads.
    """

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def split(self, path: str) -> tuple[bytes, bytes]:
        """Directory and name of a file."""
        cut = max(path.rfind(separator) for separator in _SEPARATORS) + 1
        directory = path[:cut]
        real = self._known.get(directory)
        if real is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            real = self._known[directory] = _real(directory)
        return real, _bytes(path[cut:])

    def root_of(self, root: str) -> bytes:
        """A directory that was searched, as its name ends with a separator; nothing for nothing."""
        return self.split(root)[0] if root else b""


def _real(directory: str) -> bytes:
    try:
        return _bytes(os.path.realpath(directory or os.curdir))
    except (OSError, ValueError):  # a NUL, a working directory that is gone: nothing can be read from there
        return _bytes(directory)


def _bytes(name: str) -> bytes:
    """What the system uses; no file has a name that is impossible there, but somebody may ask for it."""
    try:
        return os.fsencode(name)
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogatepass")
