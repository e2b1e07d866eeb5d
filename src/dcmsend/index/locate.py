"""Finds where in a file the data set lies and how it is encoded, when the file is opened again to be sent."""

from __future__ import annotations

from collections.abc import Callable

from dcmsend.dicom.byte_source import ByteSource
from dcmsend.dicom.transfer_syntax import TransferSyntax, transfer_syntax

from .file_meta import FileMeta, parse_regular_meta, read_file_meta
from .instance import ReadMode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.dicom.data_dictionary import DataDictionary

__all__ = ["DataSetLocation", "locate_data_set"]


class DataSetLocation:
    """The place and the encoding of a data set.

    Attributes:
        offset: position in the file of its first byte.
        transfer_syntax: of the data set; ``is_known`` is false for a syntax that is in no table.
        meta: the meta header, None for a data set without one.
    """

    __slots__ = ("meta", "offset", "transfer_syntax")

    def __init__(self, offset: int, transfer_syntax: TransferSyntax, meta: FileMeta | None) -> None:
        self.offset = offset
        self.transfer_syntax = transfer_syntax
        self.meta = meta


def locate_data_set(
    source: ByteSource,
    mode: ReadMode,
    dictionary: Callable[[], DataDictionary] | None = None,
    beginning: bytes = b"",
) -> DataSetLocation:
    """Find the data set in a file.

    Args:
        source: the whole file.
        mode: how the file is read, ``Instance.read_mode``.
        dictionary: makes the data dictionary, which is needed to guess the transfer syntax without a meta header; None
            for the built-in one.
        beginning: the first bytes of the file, if they were read already.

    Raises:
        DataSetError: the meta header is cut off, or missing though ``mode`` needs it.
        FileUnreadable: the system fails.
    """
    if mode is ReadMode.DATA_SET_ONLY:
        return DataSetLocation(0, _guess(source, 0, dictionary), None)
    meta = parse_regular_meta(beginning) or read_file_meta(source, needs_preamble=mode is ReadMode.FILE_ONLY)
    uid = meta.transfer_syntax_uid
    syntax = transfer_syntax(uid) if uid else _guess(source, meta.data_set_offset, dictionary)
    return DataSetLocation(meta.data_set_offset, syntax, meta if meta.data_set_offset else None)


def _guess(source: ByteSource, offset: int, dictionary: Callable[[], DataDictionary] | None) -> TransferSyntax:
    from .bare_data_set import guess_transfer_syntax

    return guess_transfer_syntax(source.read_at(offset, 6), dictionary)
