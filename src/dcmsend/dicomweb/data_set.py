"""What is kept of a data set in an answer, whether it came as JSON or as XML; and how its values are read.

Nothing here trusts the server: a value of a wrong type is no value, and a sequence of other things than items makes the
answer unreadable.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from .response_unreadable import ResponseUnreadable

__all__ = ["MAX_DEPTH", "MAX_PARTS", "DataSet", "code_of", "items_of", "text_of", "uid_of"]

DataSet: TypeAlias = dict[int, list[object]]
"""Values by tag, e.g. ``{0x00081155: ["1.2.3"]}``; the values of a sequence are data sets.  An element without values
is there, with an empty list."""

MAX_DEPTH: Final = 16
"""How deep items may lie in items.  An answer to a store request needs one level."""

MAX_PARTS: Final = 1 << 19
"""How many values, elements and items an answer may have: enough for 40,000 instances, in less than 100 MB."""

_NUMBER: Final = re.compile(r"[0-9]{1,5}")


def items_of(data_set: DataSet, tag: int) -> list[DataSet]:
    """The items of a sequence; none where it is missing or empty.  Raises ResponseUnreadable if it is no sequence."""
    items: list[DataSet] = []
    for value in data_set.get(tag, ()):
        if not isinstance(value, dict):
            raise ResponseUnreadable(f"({tag >> 16:04x},{tag & 0xFFFF:04x}) holds something that is no item")
        items.append(value)
    return items


def text_of(data_set: DataSet, tag: int) -> str:
    """The value of an element, without padding; ``''`` unless it is one text of printable ASCII characters."""
    values = data_set.get(tag, ())
    if len(values) != 1 or not isinstance(values[0], str):
        return ""
    text = values[0].strip("\0 \t\r\n")
    return text if text.isascii() and text.isprintable() else ""


def uid_of(data_set: DataSet, tag: int) -> str:
    """A UID without padding; ``''`` where there is none, or more than one.

    Of a longer one, which is none, it is the first 64 characters: by these our side knows it.
    """
    uid = text_of(data_set, tag)
    return "" if "\\" in uid else uid[:64]


def code_of(data_set: DataSet, tag: int) -> int | None:
    """A number from 0 to 65535, also as text; None for anything else."""
    values = data_set.get(tag, ())
    value = values[0] if len(values) == 1 else None
    if isinstance(value, str):
        value = value.strip("\0 \t\r\n")
        value = int(value) if _NUMBER.fullmatch(value) else None
    elif isinstance(value, float):
        value = int(value) if value.is_integer() else None
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= 0xFFFF else None
