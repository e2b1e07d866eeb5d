"""The bytes that a name of a file stands for, whatever the name is made of."""

from __future__ import annotations

__all__ = ["path_bytes", "writable_path"]


def path_bytes(path: str) -> bytes:
    """The bytes of a name; one of Windows that is no text, and has none, is encoded too."""
    try:
        return path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return path.encode("utf-8", "surrogatepass")


def writable_path(path: str) -> str:
    """The same name as text that can be written as UTF-8 with ``surrogateescape``."""
    return path if path.isascii() else path_bytes(path).decode("utf-8", "surrogateescape")
