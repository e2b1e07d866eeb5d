"""What the user says about reading and checking files."""

from __future__ import annotations

from enum import Enum

from dcmsend.dicom.record import Record

from .instance import ReadMode

__all__ = ["IndexOptions", "KeepTogether"]


class KeepTogether(Enum):
    """Which instances go over the same one of several associations, in their order."""

    NONE = "none"
    DIRECTORY = "directory"
    SERIES = "series"
    STUDY = "study"


class IndexOptions(Record):
    """How inputs are read and checked.

    Attributes:
        read_mode: DCMTK ``+fo``, ``+f``, ``-f``.
        check_uids: false with ``-nuc``.
        expand_dicomdir: send what a DICOMDIR refers to (``+rd``).
        dicomdir_allow_outside: follow references that leave the DICOMDIR's directory.
        keep_together: what instances are kept together by when there are several associations.
        halt_on_invalid: the first bad input ends the run (false with ``-nh``).
    """

    read_mode: ReadMode = ReadMode.FILE_ONLY
    check_uids: bool = True
    expand_dicomdir: bool = False
    dicomdir_allow_outside: bool = False
    keep_together: KeepTogether = KeepTogether.NONE
    halt_on_invalid: bool = True
