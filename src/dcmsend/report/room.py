"""Checks before a run that there is room for a report, and for what is kept for it meanwhile."""

from __future__ import annotations

import os
import tempfile
from typing import Final

from dcmsend.errors import ReportError
from dcmsend.load import free_bytes

__all__ = ["LEAST_ROOM", "check_room"]

LEAST_ROOM: Final = 1 << 20
"""Bytes; a report of a thousand instances needs as much."""


def check_room(path: str) -> None:
    """Check the file system of a report, unless it is ``-``, and that of temporary files.  Raises ReportError."""
    try:
        temporary = tempfile.gettempdir()
    except OSError as error:
        raise ReportError(path, f"there is no directory for temporary files: {error.strerror}") from error
    places = [("temporary files", temporary)]
    if path != "-":
        places.insert(0, ("the report", os.path.dirname(os.path.realpath(path))))
    for what, directory in places:
        room = free_bytes(directory)
        if room is not None and room < LEAST_ROOM:
            raise ReportError(path, f"there is no room for {what} in '{directory}': {room} bytes are free")
