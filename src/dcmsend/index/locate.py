"""Where in a file the data set lies and how it is encoded; what the sender asks when it opens the file again."""

from __future__ import annotations

from dcmsend.dicom.byte_source import ByteSource
from dcmsend.dicom.transfer_syntax import TransferSyntax, transfer_syntax
from dcmsend.errors import DataSetError

from .file_meta import FileMeta, read_file_meta
from .instance import ReadMode

__all__ = ["DataSetLocation", "locate_data_set"]


class DataSetLocation:
    """Where a data set is.

    Attributes:
        offset: position in the file of its first byte.
        transfer_syntax: how it is encoded.
        meta: the meta header, None for a data set without one.
    """

    __slots__ = ("meta", "offset", "transfer_syntax")

    def __init__(self, offset: int, transfer_syntax: TransferSyntax, meta: FileMeta | None) -> None:
        self.offset = offset
        self.transfer_syntax = transfer_syntax
        self.meta = meta


def locate_data_set(source: ByteSource, mode: ReadMode, known_syntax: TransferSyntax) -> DataSetLocation:
    """Find the data set of a file that the scan has accepted.

    Args:
        source: the whole file.
        mode: how the file is read, ``Instance.read_mode``.
        known_syntax: what the scan found, ``Instance.transfer_syntax``; used where no meta header tells.

    Raises:
        DataSetError: the meta header is missing (though ``mode`` needs it) or cut off.
        FileUnreadable: the system fails.
    """
    if mode is ReadMode.DATA_SET_ONLY:
        return DataSetLocation(0, known_syntax, None)
    try:
        meta = read_file_meta(source)
    except DataSetError:
        if mode is ReadMode.FILE_ONLY:
            raise
        return DataSetLocation(0, known_syntax, None)
    uid = meta.transfer_syntax_uid
    return DataSetLocation(meta.data_set_offset, transfer_syntax(uid) if uid else known_syntax, meta)
