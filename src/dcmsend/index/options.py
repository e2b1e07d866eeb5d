"""The options of reading and checking inputs."""

from __future__ import annotations

from enum import Enum

from dcmsend.dicom.record import Record

from .instance import ReadMode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .value_choice import ValueRule

__all__ = ["IndexOptions", "KeepTogether"]


class KeepTogether(Enum):
    """Which instances go over the same association, in their order, when there are several associations."""

    NONE = "none"
    DIRECTORY = "directory"
    SERIES = "series"
    STUDY = "study"


class IndexOptions(Record):
    """How inputs are read and checked.

    Attributes:
        read_mode: DCMTK ``+fo``, ``+f``, ``-f``.
        check_uids: whether UIDs are checked (false with ``-nuc``).
        expand_dicomdir: whether the files that a DICOMDIR refers to are sent (``+rd``).
        dicomdir_allow_outside: whether references may leave the DICOMDIR's directory.
        keep_together: how instances are grouped when there are several associations.
        value_rules: which instances are taken and left out by their values (``--only``, ``--skip``).
        halt_on_invalid: whether the first bad input ends the run (false with ``-nh``).
        tells_once: whether a bad input is logged in one line; DCMTK has two.
    """

    read_mode: ReadMode = ReadMode.FILE_ONLY
    check_uids: bool = True
    expand_dicomdir: bool = False
    dicomdir_allow_outside: bool = False
    keep_together: KeepTogether = KeepTogether.NONE
    halt_on_invalid: bool = True
    value_rules: tuple[ValueRule, ...] = ()
    tells_once: bool = False
