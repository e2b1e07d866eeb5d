"""The implementation identification that this program sends.  Source: PS3.7 D.3.3.2."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["IMPLEMENTATION_CLASS_UID", "IMPLEMENTATION_VERSION_NAME"]

IMPLEMENTATION_CLASS_UID: Final = "2.25.168265072859298434122477449859631809467"
"""Identifies this implementation; never changes; derived from a random UUID (PS3.5 B.2)."""

IMPLEMENTATION_VERSION_NAME: Final = "DCMSEND_PY_010"
"""Identifies this release, at most 16 characters."""
