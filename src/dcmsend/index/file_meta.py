"""The file meta information header, which stands before the data set of a DICOM file.  Source: PS3.10 §7.1.

``read_file_meta`` reads a regular header in one read, because every file of a run passes here.  Irregular headers, and
those that deserve a warning, are left to ``irregular_meta``.
"""

from __future__ import annotations

from struct import Struct

from dcmsend.dicom.byte_source import ByteSource

__all__ = ["FIRST_READ", "FileMeta", "parse_regular_meta", "read_file_meta", "read_regular_meta"]

FIRST_READ = 2048
"""Bytes that must contain a regular meta header."""
_BEGINNING = b"DICM\x02\x00\x00\x00UL\x04\x00"  # then (0002,0000) in Explicit VR Little Endian, its value follows
_FIRST_ELEMENT = 144  # position of the element after the group length
_short_header = Struct("<I2sH").unpack_from
_length = Struct("<I").unpack_from
_LONG_VRS = frozenset((b"OB", b"UN", b"OW", b"UT", b"UC", b"UR", b"OD", b"OF", b"OL", b"OV", b"SV", b"UV"))
_SHORT_VRS = frozenset((
    b"UI", b"SH", b"AE", b"UL", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN",
    b"SL", b"SS", b"ST", b"TM", b"US",
))  # fmt: skip

_STILL_META = (b"\x02\x00", b"\x00\x02")

_INSTANCE_HEADER = b"\x02\x00\x03\x00UI"
_LAST_PLACE = 512
_known_beginnings: dict[bytes, tuple[str, int]] = {}
"""Known headers from ``DICM`` up to the SOP Instance UID: SOP Class UID, and the position of the data set."""
_known_ends: dict[bytes, str] = {}
"""Known bytes after the SOP Instance UID: Transfer Syntax UID.  Files of one origin differ only in the former."""
_MOST_KNOWN = 2000

# Tags as they are when read as one little endian number: element << 16 | group.
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


def read_file_meta(source: ByteSource, *, needs_preamble: bool = True) -> FileMeta:
    """Read the meta header of a file.

    The header is taken to consist of all elements of group 0002, whatever its group length says.  DCMTK trusts the
    group length, and loses elements of the data set when it is too large.

    Args:
        source: the whole file.
        needs_preamble: false takes a meta header without preamble as well, and a file without any meta header (the
            result then has empty UIDs and ``data_set_offset`` 0).

    Raises:
        DataSetError: ``End of stream`` for an empty file, ``File meta information header missing`` without ``DICM`` at
            byte 128, ``I/O suspension or premature end of stream`` or ``Invalid stream`` when it is cut off.
        FileUnreadable: the system fails.
    """
    meta = read_regular_meta(source)
    if meta is not None:
        return meta
    from .irregular_meta import read_irregular_meta

    return read_irregular_meta(source, needs_preamble=needs_preamble)


def read_regular_meta(source: ByteSource) -> FileMeta | None:
    """The meta header if it is short, has the right group length and all three UIDs, and is otherwise regular.

    Logs nothing.  Raises FileUnreadable.
    """
    return parse_regular_meta(source.read_at(0, FIRST_READ))


def parse_regular_meta(data: bytes) -> FileMeta | None:
    """``read_regular_meta`` for the first bytes of a file."""
    place = data.find(_INSTANCE_HEADER, _FIRST_ELEMENT, _LAST_PLACE)
    known = _known_beginnings.get(data[128:place]) if place > 0 else None
    if known is not None:
        sop_class, end = known
        start = place + 8
        stop = start + int.from_bytes(data[place + 6 : start], "little")
        syntax = _known_ends.get(data[stop:end]) if stop < end else None
        uid = data[start:stop].rstrip(b"\0")
        if (
            syntax is not None
            and not (stop - start) & 1
            and end + 2 <= len(data)
            and data[end : end + 2] not in _STILL_META
            and uid.split() == [uid]
        ):
            return FileMeta(sop_class, uid.decode("latin-1"), syntax, end)
    return _parse_elements(data)


def _parse_elements(data: bytes) -> FileMeta | None:
    size = len(data)
    if size < _FIRST_ELEMENT or data[128:140] != _BEGINNING:
        return None
    end = _FIRST_ELEMENT + _length(data, 140)[0]
    if end + 2 > size or data[end : end + 2] in _STILL_META:
        return None
    position = _FIRST_ELEMENT
    uids: dict[int, bytes] = {}
    last = odd = place = 0
    while position + 8 <= end:
        tag, vr, length = _short_header(data, position)
        if tag & 0xFFFF != 2 or tag <= last:
            return None
        last = tag
        if tag == _SOP_INSTANCE_UID:
            place = position
        position += 8
        if vr == b"UI":
            uids[tag] = data[position : position + length]
        elif vr in _LONG_VRS:
            if position + 4 > end:
                return None
            length = _length(data, position)[0]
            position += 4
        elif vr not in _SHORT_VRS:
            return None
        odd |= length
        position += length
    if position != end or odd & 1:
        return None
    values = []
    for tag in (_SOP_CLASS_UID, _SOP_INSTANCE_UID, _TRANSFER_SYNTAX_UID):
        value = uids.get(tag, b"").rstrip(b"\0")
        if value.split() != [value]:
            return None  # missing, or with white space that is removed with a warning
        values.append(value.decode("latin-1"))
    if len(_known_beginnings) + len(_known_ends) > _MOST_KNOWN:
        _known_beginnings.clear()
        _known_ends.clear()
    _known_beginnings[data[128:place]] = values[0], end
    _known_ends[data[place + 8 + len(uids[_SOP_INSTANCE_UID]) : end]] = values[2]
    return FileMeta(values[0], values[1], values[2], end)
