"""What the user says about where to look."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["InputOptions"]


@dataclass(frozen=True, slots=True)
class InputOptions:
    """Which names become inputs.

    Attributes:
        scan_directories: take the files of directories (DCMTK ``+sd``).
        recurse: enter sub-directories too (``+r``).
        scan_pattern: shell pattern for names found in directories, ``""`` for all (``+sp``).
    """

    scan_directories: bool = False
    recurse: bool = False
    scan_pattern: str = ""
