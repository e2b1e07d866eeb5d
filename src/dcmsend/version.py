"""The release of this program."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["RELEASE_DATE", "VERSION"]

VERSION: Final = "0.1.0"
RELEASE_DATE: Final = "2026-11-22"
