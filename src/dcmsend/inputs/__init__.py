"""Finds what the user means: files, directories, lists, DICOMDIR."""

from .input_file import DicomdirRecord, InputFile, Origin

__all__ = ["DicomdirRecord", "InputFile", "Origin"]
