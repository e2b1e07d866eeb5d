"""Data element tags.  A tag is one number everywhere: group << 16 | element.  Source: PS3.5 sections 7.1, 7.8."""

from __future__ import annotations

__all__ = ["creator_tag", "format_tag", "is_private", "is_private_creator"]


def format_tag(tag: int) -> str:
    """``(0008,0018)``, hexadecimal in lower case as DCMTK prints it."""
    return f"({tag >> 16:04x},{tag & 0xFFFF:04x})"


def is_private(tag: int) -> bool:
    """Whether the group is odd, so that the element belongs to a vendor.  Source: PS3.5 section 7.8."""
    return bool(tag & 0x10000)


def is_private_creator(tag: int) -> bool:
    """Whether this is (gggg,0010-00FF) of an odd group, which reserves a block.  Source: PS3.5 section 7.8.1."""
    return bool(tag & 0x10000) and 0x10 <= tag & 0xFFFF <= 0xFF


def creator_tag(tag: int) -> int:
    """The tag whose value names the owner of this private element: (gggg,00bb) for (gggg,bbee)."""
    return (tag & 0xFFFF0000) | (tag >> 8 & 0xFF)
