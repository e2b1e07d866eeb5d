"""Finds what the user means: files, directories, lists, DICOMDIR."""

from .input_file import DicomdirRecord, InputFile, Origin
from .options import InputOptions

__all__ = ["DicomdirRecord", "InputFile", "InputOptions", "Origin"]
