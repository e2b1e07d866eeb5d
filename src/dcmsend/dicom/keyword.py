"""From the keyword of a data element, as people write it, to its tag.  Source: PS3.6."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["find_tag"]

_TAG: Final = re.compile(r"\(?([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4})\)?")
_RETIRED: Final = "RETIRED_"
_OF_DATA_SETS: Final = range(0x0008, 0xFFFC)
"""Groups of data sets; below are those of commands, meta headers and directories."""


def find_tag(text: str) -> int | None:
    """The tag of an element that a data set may have: from its keyword, or from ``gggg,eeee`` with or without brackets.

    None for an unknown keyword, or a tag that is not of a data set.
    """
    match = _TAG.fullmatch(text)
    if match is not None:
        group, element = int(match[1], 16), int(match[2], 16)
        return group << 16 | element if group in _OF_DATA_SETS and (element or not group & 1) else None
    if not text.isalnum():
        return None
    from .data_dictionary_table import DATA_ELEMENTS
    from .element_name_table import ELEMENT_NAMES

    retired = _RETIRED + text
    for group, packed in ELEMENT_NAMES.items():
        if group not in _OF_DATA_SETS or text not in packed:
            continue
        for position, name in enumerate(packed.split(" ")):
            if name in (text, retired):
                return group << 16 | int(DATA_ELEMENTS[group][6 * position : 6 * position + 4], 16)
    return None
