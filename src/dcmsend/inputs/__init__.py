"""Finds what the user means: files, directories, lists, DICOMDIR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .file_source import FileSource, open_input
from .find import find_inputs
from .input_file import DicomdirRecord, InputFile, Origin
from .options import InputOptions

if TYPE_CHECKING:
    from .dicomdir import leads_outside, read_dicomdir

__all__ = [
    "DicomdirRecord",
    "FileSource",
    "InputFile",
    "InputOptions",
    "Origin",
    "find_inputs",
    "leads_outside",
    "open_input",
    "read_dicomdir",
]


def __getattr__(name: str) -> object:
    """What is seldom needed is loaded when it is."""
    if name in ("leads_outside", "read_dicomdir"):
        from . import dicomdir

        return getattr(dicomdir, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
