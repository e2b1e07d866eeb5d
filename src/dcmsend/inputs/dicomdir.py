"""The files that a DICOMDIR refers to.  Source: PS3.3 Annex F, PS3.10 §8.6; DCMTK dcmsend, ``+rd``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from dcmsend.dicom.byte_source import ByteSource
from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.dicom.vr import WHITE_SPACE
from dcmsend.loggers import get_logger

from .input_file import InputFile
from .source import DicomdirRecord, Origin

if TYPE_CHECKING:
    from dcmsend.dicom.data_dictionary import DataDictionary

__all__ = ["leads_outside", "read_dicomdir"]

_log = get_logger("dcmsend.data")

_REFERENCED_FILE_ID: Final = 0x00041500
_UID_NAMES: Final = {
    0x00041510: "ReferencedSOPClassUIDInFile",
    0x00041511: "ReferencedSOPInstanceUIDInFile",
    0x00041512: "ReferencedTransferSyntaxUIDInFile",
}
_SEPARATORS = "/\\" if os.sep == "\\" else "/"


def read_dicomdir(
    path: str,
    source: ByteSource,
    syntax: TransferSyntax,
    dictionary: Callable[[], DataDictionary] | None = None,
    origin: int = 0,
) -> Iterator[InputFile]:
    """The files that the records of a DICOMDIR refer to, in the order of the records, lazily.

    Every record with a Referenced File ID counts, at any depth, also inactive ones and those of unknown type.  Neither
    the files nor the UIDs are checked.

    Args:
        path: name of the DICOMDIR as given; the files are named relative to its directory.
        source: the data set of the DICOMDIR, without meta header.
        syntax: the transfer syntax of that data set.
        dictionary: makes the data dictionary when it is needed, None for the built-in one.
        origin: position of the data set in its file, for messages.

    Yields inputs with ``record`` set; a record whose file ID is empty has an empty ``path``.
    Raises DataSetError when the data set is truncated or corrupt, FileUnreadable when the system fails.
    """
    from dcmsend.dicom.item_search import find_items_with

    if dictionary is None:
        from dcmsend.dicom.data_dictionary import default_dictionary

        dictionary = default_dictionary
    directory = _directory_of(path)
    for elements in find_items_with(
        source, syntax, _REFERENCED_FILE_ID, _UID_NAMES, dictionary=dictionary, origin=origin
    ):
        file_id = _file_id(elements[_REFERENCED_FILE_ID])
        record = DicomdirRecord(file_id, *(_uid(tag, elements.get(tag, b"")) for tag in _UID_NAMES))
        yield InputFile(_file_name(directory, file_id), Origin.DICOMDIR, record)


def leads_outside(file_id: str) -> bool:
    """Whether a Referenced File ID may name something outside the directory of its DICOMDIR.

    True for an absolute name and for any ``..``: behind a symbolic link even ``A\\..\\B`` may be anywhere.
    """
    name = file_id.replace("\\", "/")
    if name.startswith("/") or os.path.splitdrive(name)[0]:
        return True
    return ".." in name.split("/")


def _directory_of(path: str) -> str:
    """The prefix of the files' names: the directory of ``path`` with a slash, ``''`` for the current directory."""
    cut = max(path.rfind(separator) for separator in _SEPARATORS)
    if cut < 0:
        return ""
    directory = path[:cut].rstrip(_SEPARATORS)
    return "" if directory == "." else directory + "/"


def _file_name(directory: str, file_id: str) -> str:
    if not file_id:
        return ""
    name = file_id.replace("\\", "/").split("\0", 1)[0]
    return name if name.startswith("/") else directory + name


def _file_id(value: bytes) -> str:
    """The file ID with each component stripped, still joined by backslashes.  PS3.10 §8.2 allows eight components."""
    parts = value.rstrip(b"\0").split(b"\\")
    return os.fsdecode(b"\\".join(part.strip(b" ") for part in parts))


def _uid(tag: int, value: bytes) -> str:
    value = value.rstrip(b"\0")
    stripped = value.translate(None, WHITE_SPACE)
    if stripped != value:
        _log.warning(
            "DcmUniqueIdentifier: Element %s (%04x,%04x) contains one or more space characters, which were removed",
            _UID_NAMES[tag], tag >> 16, tag & 0xFFFF,
        )  # fmt: skip
    return stripped.rstrip(b"\0").decode("latin-1")
