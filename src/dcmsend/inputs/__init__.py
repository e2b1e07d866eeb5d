"""Finds what the user means: files, directories, lists, DICOMDIR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .file_source import FileSource, open_input
from .find import find_inputs
from .input_file import DicomdirRecord, InputFile, Origin
from .options import FileList, InputOptions

if TYPE_CHECKING:
    from .dicomdir import leads_outside, read_dicomdir
    from .file_list import read_file_list

__all__ = [
    "DicomdirRecord",
    "FileList",
    "FileSource",
    "InputFile",
    "InputOptions",
    "Origin",
    "find_inputs",
    "leads_outside",
    "open_input",
    "read_dicomdir",
    "read_file_list",
]


def __getattr__(name: str) -> object:
    """What is seldom needed is loaded when it is."""
    if name in ("leads_outside", "read_dicomdir"):
        from . import dicomdir

        return getattr(dicomdir, name)
    if name == "read_file_list":
        from .file_list import read_file_list

        return read_file_list
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
