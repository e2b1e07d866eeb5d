"""Application Entity titles.  Source: PS3.8 section 9.3.2, PS3.5 section 6.2 (VR AE)."""

from __future__ import annotations

__all__ = ["AE_TITLE_LENGTH", "cut_ae_title", "encode_ae_title"]

AE_TITLE_LENGTH = 16
"""Bytes of an AE title on the wire."""


def encode_ae_title(text: str) -> bytes:
    """The 16 bytes of an AE title field: padded with blanks or silently cut, otherwise unchanged.

    Bytes of the command line that are not UTF-8 (surrogate escapes) are sent as they were given.
    """
    return text.encode("utf-8", "surrogateescape")[:AE_TITLE_LENGTH].ljust(AE_TITLE_LENGTH)


def cut_ae_title(text: str) -> str | None:
    """What is sent of a title that is too long for its field; None if all of it is.  A letter may be cut in pieces."""
    title = text.encode("utf-8", "surrogateescape")
    return title[:AE_TITLE_LENGTH].decode("utf-8", "surrogateescape") if len(title) > AE_TITLE_LENGTH else None
