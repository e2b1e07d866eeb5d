"""Finds what the user means: files, directories, lists, DICOMDIR."""

from .dicomdir import leads_outside, read_dicomdir
from .file_source import FileSource, open_input
from .find import find_inputs
from .input_file import DicomdirRecord, InputFile, Origin
from .options import InputOptions

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
