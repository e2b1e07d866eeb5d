"""Reads secrets from files, because a list of processes shows command lines to other users."""

from __future__ import annotations

from typing import Final

from dcmsend.errors import UsageError

from .masking import mask_ticket

__all__ = ["read_first_line", "read_secret"]

_LONGEST_PASSWORD: Final = 1024


def read_secret(path: str, what: str, limit: int) -> bytes:
    """The first ``limit`` bytes of a file.  Raises UsageError."""
    try:
        with open(path, "rb") as file:
            return file.read(limit)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"Unable to open {what} file '{mask_ticket(path)}': {reason}") from error


def read_first_line(path: str, option: str) -> bytes:
    """The first line of a password file, without its line end; may be empty.  Raises UsageError."""
    line, _, _ = read_secret(path, "password", _LONGEST_PASSWORD + 2).partition(b"\n")
    line = line.removesuffix(b"\r")
    if len(line) > _LONGEST_PASSWORD:
        raise UsageError(f"{option}: the first line of '{path}' is longer than {_LONGEST_PASSWORD} bytes")
    return line
