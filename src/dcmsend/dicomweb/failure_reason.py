"""Words for the reasons why a server has not stored an instance, or has stored it with a warning.

Source: PS3.18 Table I.2-2, PS3.4 B.2.3; beyond these, the conformance statement of Microsoft's DICOM server, whose
numbers lie where the standard has warnings.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ALREADY_EXISTS", "failure_text"]

ALREADY_EXISTS: Final = frozenset((0x0111, 45070))
"""Failure Reasons that say: the server has an instance with this UID already."""

_TEXTS: Final = {
    0x0110: "processing failure",
    0x0111: "the server has an instance with this UID already",
    0x0122: "SOP Class not supported",
    0x0124: "not authorized",
    0x0131: "duplicate Transaction UID",
    0x0213: "resource limitation",
    43264: "the data set did not pass the server's validation, or does not match its SOP Class",
    43265: "the instance belongs to another study than the request, or does not match its SOP Class",
    45070: "the server has an instance with this UID already",
    45071: "the server is just storing an instance with this UID, or was interrupted while it did",
    0xB000: "the server has changed values of the data set",
    0xB006: "the server has discarded elements of the data set",
    0xB007: "the data set does not match its SOP Class, and is stored all the same",
    0xC122: "transfer syntax not supported",
}


def failure_text(code: int) -> str:
    """A few words, e.g. ``transfer syntax not supported``; ``unknown reason`` for a code that is not defined."""
    found = _TEXTS.get(code)
    if found is not None:
        return found
    if code >> 8 == 0xA7:
        return "out of resources"
    if code >> 8 == 0xA9:
        return "the data set does not match its SOP Class"
    return "the server cannot understand the instance" if code >> 12 == 0xC else "unknown reason"
