"""The values that a journal's columns can hold, and the replacements for others."""

from __future__ import annotations

from typing import Final

__all__ = ["MOST_TEXT", "number", "storable", "storable_text"]

MOST_TEXT: Final = 1024
"""Longest text kept, in characters, e.g. of an invalid UID."""
_LEAST: Final = -(1 << 63)
_MOST: Final = (1 << 63) - 1
_MOST_DIGITS: Final = 40


def storable(value: int | None) -> int | bytes | None:
    """A number as a column can hold it: SQLite's have 64 bits, and a time in nanoseconds reaches from 1677 to 2262.

    Numbers beyond that are written as ASCII digits, in a BLOB: text that looks like a number would be rounded.
    """
    if value is None or _LEAST <= value <= _MOST:
        return value
    return str(value).encode()


def number(value: object) -> object:
    """The number that ``storable`` was given; any other value unchanged."""
    if isinstance(value, bytes) and len(value) <= _MOST_DIGITS and value.removeprefix(b"-").isdigit():
        return int(value)
    return value


def storable_text(text: str) -> str:
    """Text as a column can hold it: characters without UTF-8 are escaped, long text ends with an ellipsis."""
    if len(text) > MOST_TEXT:
        text = text[: MOST_TEXT - 1] + "\u2026"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
