"""Where an input comes from."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

__all__ = ["DicomdirRecord", "Origin"]


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
