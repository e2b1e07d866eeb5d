"""Shell patterns for file names, as the C library's ``fnmatch`` with ``FNM_PATHNAME`` reads them.

Python's own ``fnmatch`` knows no backslash escape and no character classes, so it cannot stand in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

__all__ = ["file_name_matcher"]


def file_name_matcher(pattern: str) -> Callable[[str], bool]:
    """A predicate that tells whether a file name (without directory) matches ``pattern``.

    ``*`` any run of bytes, ``?`` one byte, ``[...]`` and ``[!...]`` sets, backslash takes the next character as it is.
    A leading dot is nothing special, case matters, and a pattern with a slash matches nothing.
    """
    expression = re.compile(_translate(os.fsencode(pattern)), re.DOTALL)

    def matches(name: str) -> bool:
        return expression.fullmatch(os.fsencode(name)) is not None

    return matches


def _translate(pattern: bytes) -> bytes:
    parts = []
    position = 0
    while position < len(pattern):
        character = pattern[position : position + 1]
        position += 1
        if character == b"*":
            parts.append(b".*")
        elif character == b"?":
            parts.append(b".")
        else:
            parts.append(re.escape(character))
    return b"".join(parts)
