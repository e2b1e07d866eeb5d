"""Data element tags.  A tag is one number everywhere: group << 16 | element.  Source: PS3.5 section 7.1."""

from __future__ import annotations

__all__ = ["format_tag"]


def format_tag(tag: int) -> str:
    """``(gggg,eeee)`` in lower case, as DCMTK writes it."""
    return f"({tag >> 16:04x},{tag & 0xFFFF:04x})"
