"""Words for the statuses of C-FIND, N-ACTION and N-EVENT-REPORT, and for the reasons of refused commitments.

Source: PS3.7 Annex C, PS3.4 C.4.1.1.4, PS3.3 C.14.1.1.
"""

from __future__ import annotations

from typing import Final

from .status import known_text

__all__ = ["general_status_text", "status_name"]

_TEXTS: Final = {
    0x0000: "success",
    0x0105: "no such attribute",
    0x0106: "invalid attribute value",
    0x0107: "attribute list error",
    0x0110: "processing failure",
    0x0111: "duplicate SOP Instance",
    0x0112: "no such SOP Instance",
    0x0113: "no such event type",
    0x0114: "no such argument",
    0x0115: "invalid argument value",
    0x0116: "attribute value out of range",
    0x0117: "invalid SOP Instance",
    0x0118: "no such SOP Class",
    0x0119: "class-instance conflict",
    0x0120: "missing attribute",
    0x0121: "missing attribute value",
    0x0122: "SOP Class not supported",
    0x0123: "no such action type",
    0x0124: "not authorized",
    0x0131: "duplicate Transaction UID",
    0x0210: "duplicate invocation",
    0x0211: "unrecognized operation",
    0x0212: "mistyped argument",
    0x0213: "resource limitation",
    0xA900: "identifier does not match SOP Class",
    0xFE00: "cancelled",
    0xFF00: "pending",
    0xFF01: "pending, not all keys are supported",
}


def general_status_text(code: int) -> str:
    """A few words, e.g. ``no such SOP Instance``; ``unknown status`` for a code that the standard does not define."""
    found = _TEXTS.get(code)
    if found is not None:
        return found
    if code >> 8 == 0xA7:
        return "out of resources"
    return "unable to process" if code >> 12 == 0xC else "unknown status"


def status_name(code: int) -> str:
    """The answer to a C-STORE in few words: DCMTK's, as ``OutOfResources``, or the standard's where DCMTK has none."""
    return known_text(code).rpartition(": ")[2] or general_status_text(code)
