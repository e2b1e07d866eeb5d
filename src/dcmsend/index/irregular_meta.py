"""Meta headers that violate PS3.10: in another encoding, without or with a wrong group length, cut off.

Headers that DCMTK reads are read here too, with its warnings.  Where DCMTK trusts a wrong group length, this module
trusts the tags.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from dcmsend.dicom.byte_source import ByteSource
from dcmsend.dicom.tag import format_tag
from dcmsend.dicom.vr import STRING_VRS, WHITE_SPACE, has_long_header, is_standard
from dcmsend.errors import DataSetError
from dcmsend.loggers import get_logger
from dcmsend.reasons import Rejection

from .file_meta import FileMeta

__all__ = ["END_OF_STREAM", "HEADER_MISSING", "read_irregular_meta"]

END_OF_STREAM: Final = "End of stream"
HEADER_MISSING: Final = "File meta information header missing"
_PREMATURE_END = "I/O suspension or premature end of stream"
_INVALID_STREAM = "Invalid stream"
_UNDEFINED_LENGTH = "Illegal element with OB or OW Value Representation and undefined length encountered"
_NO_SEQUENCE_END = "Sequence Delimitation Item missing"

_GROUP_LENGTH = 0x00020000
_UIDS = (0x00020002, 0x00020003, 0x00020010)
_NOT_IN_MEMORY = 4096  # DCMTK leaves longer values on disk and reports their truncation differently
_UNDEFINED = 0xFFFFFFFF
_ITEM, _SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_MOST_ELEMENTS = 1000
_LARGEST_UID = 256  # more than any UID needs, and enough to recognise a value that is no UID

_NO_GROUP_LENGTH = "DcmMetaInfo: No Group Length available in Meta Information Header"

_log = get_logger("dcmsend.data")


def read_irregular_meta(source: ByteSource, *, needs_preamble: bool) -> FileMeta:
    """Do what ``read_file_meta`` does, for headers of any form."""
    head = source.read_at(0, 132)
    if not head:
        raise DataSetError(END_OF_STREAM, "the file is empty", Rejection.EMPTY)
    has_preamble = head[128:] == b"DICM"
    start = 132 if has_preamble else 0
    first = source.read_at(start, 12)
    if len(first) < 12:
        raise DataSetError(_PREMATURE_END, f"the file ends {len(first)} bytes into the meta header")
    if first[:2] in (b"\x02\x00", b"\x00\x02"):
        meta = _MetaParser(source, start, first).parse()
    else:
        meta = FileMeta("", "", "", start)
        if has_preamble:
            _log.warning("DcmMetaInfo: Found Preamble but no Meta Information Header")
    if needs_preamble and not has_preamble:
        why = Rejection.ARCHIVE if _is_archive(source, head) else Rejection.NO_META_HEADER
        raise DataSetError(HEADER_MISSING, "there is no DICM at byte 128", why)
    return meta


def _is_archive(source: ByteSource, head: bytes) -> bool:
    """Whether a file without a meta header is a zip or tar archive (one that was to be read is no input itself)."""
    return head.startswith(b"PK\x03\x04") or source.read_at(257, 5) == b"ustar"


class _Fault(NamedTuple):
    """Why an element cannot be read, and the bytes of its value that are passed over if it is the first element.

    ``reads`` is None where DCMTK reads the element and this program does not, on purpose (D35).
    """

    error: DataSetError
    reads: int | None


class _MetaParser:
    """Reads the elements of one meta header."""

    def __init__(self, source: ByteSource, start: int, first: bytes) -> None:
        self._source = source
        self._position = start
        # The standard allows Explicit VR Little Endian only; DCMTK guesses from the first element.
        self._group: Final = first[:2]
        self._order: Final = "little" if first[0] == 2 else "big"
        self._is_explicit: Final = is_standard(first[4:6].decode("latin-1"))
        self._announced_end: int | None = None
        self._last = -1
        self._values: dict[int, str] = {}

    def parse(self) -> FileMeta:
        for number in range(_MOST_ELEMENTS):
            header = self._source.read_at(self._position, 12)
            if not self._belongs_to_meta(header):
                break
            if self._is_complete():
                self._check_what_follows()
                break
            self._read_element(header, is_first=number == 0)
        else:
            raise self._too_many()
        if self._announced_end is not None and self._announced_end != self._position:
            _log.warning("DcmMetaInfo: Group Length of Meta Information Header has incorrect value")
        sop_class, sop_instance, transfer_syntax = (self._values.get(tag, "") for tag in _UIDS)
        return FileMeta(sop_class, sop_instance, transfer_syntax, self._position)

    def _number(self, data: bytes) -> int:
        return int.from_bytes(data, self._order)

    def _belongs_to_meta(self, header: bytes) -> bool:
        within = self._announced_end is not None and self._position < self._announced_end
        if len(header) < 4:
            if header and (within or self._group.startswith(header[:2])):
                raise self._cut_off(f"{len(header)} bytes of an element header")
            return False
        group = self._number(header[:2])
        if group == 2:
            if within or self._announced_end is None or len(header) < 8 or not self._is_explicit:
                return True
            return is_standard(header[4:6].decode("latin-1"))
        return within and group < 4  # a data set has no such groups, so this is garbage in the header

    def _is_complete(self) -> bool:
        """Whether the group length is right and no element is missing; later elements of group 0002 are data set."""
        return self._position == self._announced_end and self._values.keys() >= set(_UIDS)

    def _check_what_follows(self) -> None:
        """Reject a header with too many elements: gigabytes of group 0002 are no data set either."""
        position = self._position
        for _ in range(_MOST_ELEMENTS):
            header = self._source.read_at(position, 12)
            if len(header) < 12 or self._number(header[:2]) != 2:
                return
            _, header_length, length = self._layout(header)
            position += header_length + length
        raise self._too_many()

    def _too_many(self) -> DataSetError:
        return DataSetError(_INVALID_STREAM, f"more than {_MOST_ELEMENTS} elements in the meta header")

    def _read_element(self, header: bytes, *, is_first: bool) -> None:
        tag = self._number(header[:2]) << 16 | self._number(header[2:4])
        vr, header_length, length = self._layout(header)
        value_start = self._position + header_length
        fault = self._fault_of(vr, value_start, length)
        if fault is not None:
            if not is_first or fault.reads is None:
                raise fault.error
            _log.warning(_NO_GROUP_LENGTH)
            self._position = value_start + fault.reads
            return
        try:
            value = self._read_value(tag, value_start, length)
        except DataSetError as error:
            if not is_first:
                raise
            _log.warning(_NO_GROUP_LENGTH)
            raise DataSetError(_INVALID_STREAM, error.detail) from None
        self._position = value_start + length
        if length & 1:
            _log.warning("DcmItem: Length of element %s is odd", format_tag(tag))
        if is_first:
            if tag == _GROUP_LENGTH and length >= 4 and vr in ("UL", ""):
                self._announced_end = self._position + self._number(value[:4])
            else:
                _log.warning(_NO_GROUP_LENGTH)
        elif tag < self._last:
            _log.warning("DcmItem: Dataset not in ascending tag order, at element %s", format_tag(tag))
        self._last = max(tag, self._last)
        if tag >> 16 != 2:
            _log.warning("DcmMetaInfo: Invalid Element %s found in Meta Information Header", format_tag(tag))
        if tag in self._values:
            _log.warning(
                "DcmItem: Element %s found twice in one data set or item, ignoring second entry", format_tag(tag)
            )
        elif tag in _UIDS:
            self._values[tag] = _uid_text(tag, vr or "UI", value)

    def _layout(self, header: bytes) -> tuple[str, int, int]:
        """VR (``''`` in Implicit VR), length of the header, length of the value."""
        vr = ""
        start, end = 4, 8
        if self._is_explicit and len(header) >= 8:
            vr = header[4:6].decode("latin-1")
            start, end = (8, 12) if has_long_header(vr) else (6, 8)
        if len(header) < end:
            raise self._cut_off(f"{len(header)} bytes of an element header")
        return vr, end, self._number(header[start:end])

    def _fault_of(self, vr: str, value_start: int, length: int) -> _Fault | None:
        """What makes an element unreadable whose header is sound: a length or a sequence that no meta header has.

        DCMTK passes over such an element if it is the first one, and over as much of its value as it has looked at.
        """
        is_undefined = length == _UNDEFINED
        if is_undefined and vr in ("OB", "OW", ""):
            return _Fault(self._not_defined(), 0)
        can_hold_items = vr in ("UN", "SQ") or (vr != "" and has_long_header(vr) and not is_standard(vr))
        if not (is_undefined and can_hold_items) and (vr != "SQ" or not length):
            return None
        item = self._source.read_at(value_start, 8)
        if len(item) < 8 or item[:4] in (_ITEM, _SEQUENCE_END):
            return _Fault(self._not_defined(), None) if is_undefined else None
        detail = f"the element of the meta header at byte {self._position} is no sequence"
        return _Fault(DataSetError(_NO_SEQUENCE_END, detail), 8)

    def _not_defined(self) -> DataSetError:
        detail = f"an element of the meta header at byte {self._position} has undefined length"
        return DataSetError(_UNDEFINED_LENGTH, detail)

    def _read_value(self, tag: int, start: int, length: int) -> bytes:
        """The beginning of the value; the whole value is known to be in the file."""
        if not length:
            return b""
        if length <= _NOT_IN_MEMORY:
            value = self._source.read_at(start, length)
            if len(value) == length:
                return value[:_LARGEST_UID]
            if value:
                self._log_cut_off(tag, length, f"bytes ({len(value)}) in file, premature end of stream")
                raise DataSetError(_INVALID_STREAM, f"the meta header is cut off in the value at byte {start}")
        elif self._source.read_at(start + length - 1, 1):
            return self._source.read_at(start, _LARGEST_UID)
        self._log_cut_off(tag, length, "bytes in file")
        raise self._cut_off("an element without its value")

    def _cut_off(self, what: str) -> DataSetError:
        return DataSetError(_PREMATURE_END, f"the meta header is cut off: {what} at byte {self._position}")

    def _log_cut_off(self, tag: int, length: int, remaining: str) -> None:
        from dcmsend.dicom.data_dictionary import default_dictionary

        name = default_dictionary().keyword(tag)
        _log.error("DcmElement: %s %s larger (%d) than remaining %s", name, format_tag(tag), length, remaining)


def _uid_text(tag: int, vr: str, value: bytes) -> str:
    """The value as DCMTK returns it: without trailing NULs; blanks in a UI value are removed with a warning."""
    if vr not in STRING_VRS:
        return ""
    value = value.rstrip(b"\0")
    stripped = value.translate(None, WHITE_SPACE) if vr == "UI" else value.strip(b" ")
    if vr == "UI" and stripped != value:
        from dcmsend.dicom.data_dictionary import default_dictionary

        _log.warning(
            "DcmUniqueIdentifier: Element %s %s contains one or more space characters, which were removed",
            default_dictionary().keyword(tag),
            format_tag(tag),
        )
    return stripped.rstrip(b"\0").decode("latin-1")
