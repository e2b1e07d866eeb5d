"""Unique identifiers.  Source: PS3.5 section 9, PS3.6 Annex A."""

from __future__ import annotations

import re

__all__ = ["is_named_standard_uid", "is_valid_uid"]

_MAX_LENGTH = 64

_is_dotted_number = re.compile(r"(?:0|[1-9][0-9]*+)(?:\.(?:0|[1-9][0-9]*+))*+").fullmatch


def is_valid_uid(text: str) -> bool:
    """Whether ``text`` is one UID: up to 64 characters, components without leading zeros, separated by dots.

    Padding must have been removed.  One component is enough, as in DCMTK.  Source: PS3.5 section 9.1.
    """
    return len(text) <= _MAX_LENGTH and _is_dotted_number(text) is not None


def is_named_standard_uid(uid: str) -> bool:
    """Whether PS3.6 registers this UID with a name, of whatever kind (class, transfer syntax, instance, ...)."""
    from .sop_class_table import SOP_CLASSES
    from .uid_table import UID_NAMES

    return uid in UID_NAMES or uid in SOP_CLASSES
