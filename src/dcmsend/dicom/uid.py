"""Unique identifiers.  Source: PS3.5 section 9, PS3.6 Annex A."""

from __future__ import annotations

__all__ = ["is_named_standard_uid", "is_valid_uid"]

_MAX_LENGTH = 64


def is_valid_uid(text: str) -> bool:
    """Whether ``text`` is one UID: up to 64 characters, components without leading zeros, separated by dots.

    Padding must have been removed.  One component is enough, as in DCMTK.  Source: PS3.5 section 9.1.
    """
    digits = text.replace(".", "")  # no regular expression: it takes longer, and loading them a tenth of a short run
    if not (digits.isdigit() and digits.isascii() and len(text) <= _MAX_LENGTH):
        return False
    if ".." in text or text[0] == "." or text[-1] == ".":
        return False
    padded = f".{text}."
    zero = padded.find(".0")
    while zero >= 0:
        if padded[zero + 2] != ".":
            return False
        zero = padded.find(".0", zero + 2)
    return True


def is_named_standard_uid(uid: str) -> bool:
    """Whether PS3.6 registers this UID with a name, of whatever kind (class, transfer syntax, instance, ...)."""
    from .sop_class_table import SOP_CLASSES
    from .uid_table import UID_NAMES

    return uid in UID_NAMES or uid in SOP_CLASSES
