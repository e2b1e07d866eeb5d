"""Fields in the names of our reports: ``{date}``, ``{time}``, ``{run}``."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final

__all__ = ["NAME_FIELDS", "expand_name", "pattern_of_name"]

NAME_FIELDS: Final = {
    "date": r"\d{4}-\d\d-\d\d", "time": r"\d{6}", "run": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
}  # fmt: skip
"""What each field becomes."""

_TOKEN: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|\{|[^{}]+|\}")


def expand_name(name: str, run_id: str, now: float) -> str:
    """The name with the local date and time at ``now``, in seconds since the epoch, and the run; ``{{`` is a brace.

    Raises ValueError for an unknown field, or a brace that is not closed.
    """
    shown = time.localtime(now)
    values = {"date": time.strftime("%Y-%m-%d", shown), "time": time.strftime("%H%M%S", shown), "run": run_id}
    return _replaced(name, values.__getitem__, lambda text: text)


def pattern_of_name(name: str) -> str:
    """A regular expression for all names that ``expand_name`` can make of this one."""
    return _replaced(name, NAME_FIELDS.__getitem__, re.escape)


def _replaced(name: str, value: Callable[[str], str], text: Callable[[str], str]) -> str:
    parts = []
    for match in _TOKEN.finditer(name):
        token, field = match[0], match[1]
        if token in ("{{", "}}"):
            parts.append(text(token[0]))
        elif field is not None:
            if field not in NAME_FIELDS:
                raise ValueError(f"there is no field {{{field}}}, only {{date}}, {{time}} and {{run}}; {{{{ is a brace")
            parts.append(value(field))
        elif token == "{":
            raise ValueError("a brace is not closed; {{ is a brace")
        else:
            parts.append(text(token))
    return "".join(parts)
