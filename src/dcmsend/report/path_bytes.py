"""The bytes that a name of a file stands for, whatever the name is made of."""

from __future__ import annotations

import os
from contextlib import suppress

__all__ = ["path_bytes", "writable_path"]


def path_bytes(path: str) -> bytes:
    """The bytes that the system uses for a name; one that it cannot have (an object's, a member's) is encoded too."""
    with suppress(UnicodeEncodeError):
        return os.fsencode(path)
    with suppress(UnicodeEncodeError):
        return path.encode("utf-8", "surrogateescape")
    return path.encode("utf-8", "surrogatepass")


def writable_path(path: str) -> str:
    """The same name as text that can be written as UTF-8 with ``surrogateescape``."""
    return path if path.isascii() else path_bytes(path).decode("utf-8", "surrogateescape")
