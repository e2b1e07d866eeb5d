"""The file meta information header: what a DICOM file says of itself before its data set.  Source: PS3.10 §7.1."""

from __future__ import annotations

import struct
from typing import Final

from dcmsend.dicom.byte_source import ByteSource
from dcmsend.errors import DataSetError

__all__ = ["FileMeta", "read_file_meta"]

END_OF_STREAM: Final = "End of stream"
PREMATURE_END: Final = "I/O suspension or premature end of stream"
HEADER_MISSING: Final = "File meta information header missing"

_FIRST_READ = 2048
_GROUP_LENGTH = b"\x02\x00\x00\x00UL\x04\x00"
_SHORT_HEADER = struct.Struct("<I2sH")
_LONG_LENGTH = struct.Struct("<I")
_LONG_VRS = frozenset((b"OB", b"OW", b"OD", b"OF", b"OL", b"OV", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
# Tags as they read little endian in one go: element << 16 | group.
_SOP_CLASS_UID = 0x00020002
_SOP_INSTANCE_UID = 0x00030002
_TRANSFER_SYNTAX_UID = 0x00100002


class FileMeta:
    """The values of a meta header that matter for sending.

    Attributes:
        sop_class_uid: Media Storage SOP Class UID (0002,0002), ``''`` if missing.
        sop_instance_uid: Media Storage SOP Instance UID (0002,0003), ``''`` if missing.
        transfer_syntax_uid: (0002,0010), ``''`` if missing.
        data_set_offset: position in the file of the data set's first byte.
    """

    __slots__ = ("data_set_offset", "sop_class_uid", "sop_instance_uid", "transfer_syntax_uid")

    def __init__(
        self, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, data_set_offset: int
    ) -> None:
        self.sop_class_uid = sop_class_uid
        self.sop_instance_uid = sop_instance_uid
        self.transfer_syntax_uid = transfer_syntax_uid
        self.data_set_offset = data_set_offset


def read_file_meta(source: ByteSource) -> FileMeta:
    """Read the meta header of a DICOM file.

    Raises:
        DataSetError: ``End of stream`` for an empty file, ``File meta information header missing`` without ``DICM`` at
            byte 128, ``I/O suspension or premature end of stream`` when it is cut off.
        FileUnreadable: the system fails.
    """
    data = source.read_at(0, _FIRST_READ)
    if not data:
        raise DataSetError(END_OF_STREAM)
    if len(data) < 12:
        raise DataSetError(PREMATURE_END)
    if data[128:132] != b"DICM":
        raise DataSetError(HEADER_MISSING)
    if data[132:140] != _GROUP_LENGTH or len(data) < 144:
        raise DataSetError(PREMATURE_END)
    end = 144 + _LONG_LENGTH.unpack_from(data, 140)[0]
    if end > len(data):
        data = source.read_at(0, min(end, 1 << 20))
    return _read_explicit(data, end)


def _read_explicit(data: bytes, end: int) -> FileMeta:
    uids = {}
    position = 144
    try:
        while position < end:
            tag, vr, length = _SHORT_HEADER.unpack_from(data, position)
            position += 8
            if vr in _LONG_VRS:
                length = _LONG_LENGTH.unpack_from(data, position)[0]
                position += 4
            elif vr == b"UI":
                uids[tag] = data[position : position + length]
            position += length
    except struct.error:
        raise DataSetError(PREMATURE_END) from None
    if position > len(data):
        raise DataSetError(PREMATURE_END)
    return FileMeta(
        _text(uids.get(_SOP_CLASS_UID)),
        _text(uids.get(_SOP_INSTANCE_UID)),
        _text(uids.get(_TRANSFER_SYNTAX_UID)),
        position,
    )


def _text(value: bytes | None) -> str:
    return value.rstrip(b"\0 ").decode("latin-1") if value else ""
