"""Shell patterns for file names, as the C library's ``fnmatch`` with ``FNM_PATHNAME`` reads them.

Python's own ``fnmatch`` knows neither backslashes nor character classes, so it cannot be used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from .source import name_bytes

__all__ = ["file_name_matcher"]

_NEVER = b"(?!)"
_CLASSES = {
    b"alnum": rb"0-9A-Za-z",
    b"alpha": rb"A-Za-z",
    b"blank": rb" \t",
    b"cntrl": rb"\x00-\x1f\x7f",
    b"digit": rb"0-9",
    b"graph": rb"!-~",
    b"lower": rb"a-z",
    b"print": rb" -~",
    b"punct": rb"!-/:-@\[-`{-~",
    b"space": rb" \t\n\v\f\r",
    b"upper": rb"A-Z",
    b"xdigit": rb"0-9A-Fa-f",
}
_named_set = re.compile(rb"\[:([a-z]*):\]|\[=(.)=\]|\[\.(.)\.\]", re.DOTALL).match


def file_name_matcher(pattern: str) -> Callable[[str], bool]:
    """A predicate that tells whether a file name (without directory) matches ``pattern``.

    ``*`` is any run of bytes, ``?`` one byte, ``[...]`` and ``[!...]`` one of a set; a backslash quotes what follows
    it.  A leading dot is not special, case matters, and a pattern with a slash matches no name.  As in DCMTK, which
    sets no locale, a character outside ASCII counts as the bytes of its encoding.
    """
    expression = re.compile(_translate(os.fsencode(pattern)), re.DOTALL)

    def matches(name: str) -> bool:
        return expression.fullmatch(name_bytes(name)) is not None

    return matches


def _translate(pattern: bytes) -> bytes:
    runs = [b""]  # the parts before, between and after the stars
    position = 0
    while position < len(pattern):
        character = pattern[position : position + 1]
        position += 1
        if character == b"*":
            runs.append(b"")
            continue
        if character == b"?":
            piece = b"."
        elif character == b"[":
            piece, position = _translate_set(pattern, position)
        elif character == b"\\":
            piece = re.escape(pattern[position : position + 1]) if position < len(pattern) else _NEVER
            position += 1
        else:
            piece = re.escape(character)
        runs[-1] += piece
    if len(runs) == 1:
        return runs[0]
    # The first place where a part fits is as good as any later one, so nothing needs to be tried twice.
    return b"".join((runs[0], *(b"(?>.*?" + run + b")" for run in runs[1:-1]), b".*", runs[-1]))


def _translate_set(pattern: bytes, position: int) -> tuple[bytes, int]:
    """The set whose bracket stands before ``position``, and where it ends; an unclosed bracket is literal."""
    start = position
    negated = pattern[position : position + 1] in (b"!", b"^")
    position += negated
    first = position
    members = b""
    while True:
        character = pattern[position : position + 1]
        if not character:
            return rb"\[", start
        if character == b"]" and position > first:
            break
        named = _named_set(pattern, position)
        if named is not None and named[1] is not None:
            if named[1] not in _CLASSES:
                return _NEVER, len(pattern)
            members += _CLASSES[named[1]]
            position = named.end()
        elif named is not None and named[2] is not None:
            members += re.escape(named[2])
            position = named.end()
        else:
            low, position = _set_member(pattern, position)
            if pattern[position : position + 1] == b"-" and pattern[position + 1 : position + 2] not in (b"", b"]"):
                high, position = _set_member(pattern, position + 1)
                if not high:
                    return _NEVER, len(pattern)
                members += _range(low, high)
            elif not low:
                return _NEVER, len(pattern)
            else:
                members += re.escape(low)
    if not members:
        return (b"." if negated else _NEVER), position + 1
    return b"[" + (b"^" if negated else b"") + members + b"]", position + 1


def _set_member(pattern: bytes, position: int) -> tuple[bytes, int]:
    """One byte of a set, quoted or as ``[.x.]`` or as it is, and the position after it; ``b''`` at the end."""
    named = _named_set(pattern, position)
    if named is not None and named[3] is not None:
        return named[3], named.end()
    if pattern[position : position + 1] == b"\\":
        position += 1
    return pattern[position : position + 1], position + 1


def _range(low: bytes, high: bytes) -> bytes:
    return re.escape(low) + b"-" + re.escape(high) if low <= high else b""
