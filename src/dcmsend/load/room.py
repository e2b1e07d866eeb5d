"""How much room there is in a file system."""

from __future__ import annotations

import os
from contextlib import suppress

__all__ = ["free_bytes"]


def free_bytes(directory: str) -> int | None:
    """Free bytes in the file system of a directory; None if the system does not say."""
    with suppress(OSError, ValueError):
        if hasattr(os, "statvfs"):
            found = os.statvfs(directory)
            return int(found.f_bavail * found.f_frsize) if found.f_blocks else None
        import shutil  # on Windows

        return shutil.disk_usage(directory).free
    return None
