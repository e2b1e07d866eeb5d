"""What the user says about where to look."""

from __future__ import annotations

from dcmsend.dicom.record import Record

__all__ = ["InputOptions"]


class InputOptions(Record):
    """Which names become inputs.

    Attributes:
        scan_directories: take the files of directories (DCMTK ``+sd``).
        recurse: enter sub-directories too (``+r``).
        scan_pattern: shell pattern for names found in directories, ``""`` for all (``+sp``).
    """

    scan_directories: bool = False
    recurse: bool = False
    scan_pattern: str = ""
