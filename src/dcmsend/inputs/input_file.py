"""One thing the user wants to be sent."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

__all__ = ["DicomdirRecord", "InputFile", "Origin"]


class Origin(Enum):
    """Where an input comes from."""

    PARAMETER = "parameter"
    DIRECTORY = "directory"
    DICOMDIR = "dicomdir"
    DATA_SET = "data set"


class DicomdirRecord(NamedTuple):
    """What a directory record says of the file it refers to.  Source: PS3.3 F.3.2.2.

    Attributes:
        file_id: Referenced File ID (0004,1500) as it stands, components joined by a backslash.
        sop_class_uid: (0004,1510), ``''`` if missing.
        sop_instance_uid: (0004,1511), ``''`` if missing.
        transfer_syntax_uid: (0004,1512), ``''`` if missing.
    """

    file_id: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


class InputFile(NamedTuple):
    """One file (or one data set in memory) in the order in which it was named or found.

    Attributes:
        path: name as collected; bytes that are not UTF-8 are surrogate escapes, as ``os.fsdecode`` makes them.
            For a data set in memory a label such as ``<data set 3>``.
        origin: where it comes from.
        record: the DICOMDIR record, for ``Origin.DICOMDIR``.
        data_set: a ``pydicom.Dataset``, for ``Origin.DATA_SET`` (library only).
        root: what ``path`` begins with for ``Origin.DIRECTORY``: the directory that was searched, with a separator.
    """

    path: str
    origin: Origin = Origin.PARAMETER
    record: DicomdirRecord | None = None
    data_set: Any = None
    root: str = ""

    def __hash__(self) -> int:
        """Without the data set, which has no hash: equal inputs have equal ones all the same."""
        return hash((self.path, self.origin, self.record, self.root))
