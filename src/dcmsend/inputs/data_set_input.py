"""A data set of pydicom in memory as an input: it opens as the file that it would be.  Only the library has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from dcmsend.dicom.transfer_syntax import transfer_syntax

from .file_source import OpenFile
from .source import DicomdirRecord, Origin, Stamp

__all__ = ["DataSetInput"]

_PREAMBLE: Final = bytes(128) + b"DICM"
_LONGEST_VALUE: Final = 1024
"""Bytes of a UID; 64 may be there (PS3.5 9.1)."""
_IMPLICIT, _EXPLICIT, _BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"


class DataSetInput:
    """One ``pydicom.Dataset``; see ``Source``.  Its representation shows no value of it.

    Attributes:
        path: a label such as ``<data set 3>``.
        data_set: the data set; it is not changed.
    """

    __slots__ = ("data_set", "path")

    origin: Final = Origin.DATA_SET
    record: DicomdirRecord | None = None
    root: str = ""
    directory: str = ""
    is_lasting: bool = False
    opens_ahead: bool = False
    """It is encoded when it is opened, and encoded ahead it would need its memory twice."""
    has_meta: bool = True
    etag: str = ""

    def __init__(self, path: str, data_set: Any) -> None:
        self.path = path
        self.data_set = data_set

    def __repr__(self) -> str:
        return f"DataSetInput({self.path!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DataSetInput) and self.path == other.path and bool(self.data_set == other.data_set)

    def __hash__(self) -> int:
        """Without the data set, which has no hash: equal inputs have equal ones all the same."""
        return hash(self.path)

    def key(self, resolve: Callable[[str], bytes]) -> tuple[bytes, bytes]:
        """It has none that lasts."""
        return b"", self.path.encode()

    def look(self) -> Stamp | None:
        """It has neither size nor time."""
        return None

    def open_beginning(self, size: int) -> tuple[int, bytes]:
        """Its meta header: whatever more a scan wants of an instance comes when it is sent."""
        return -1, self._meta_header()

    def open(self, head_size: int) -> OpenFile:
        """The whole file, encoded now.  Raises DataSetError where pydicom cannot, or values are in another syntax."""
        from .pydicom_data_set import encode_data_set

        content = encode_data_set(self.data_set, transfer_syntax(self._syntax_uid()), self._meta_header())
        return OpenFile(-1, len(content), 0, content)

    def _meta_header(self) -> bytes:
        """The meta header that a file of it has.  Source: PS3.10 7.1."""
        get = self.data_set.get
        uids = (
            (0x02, str(get("SOPClassUID") or "")), (0x03, str(get("SOPInstanceUID") or "")), (0x10, self._syntax_uid()),
        )  # fmt: skip
        elements = b"".join(_uid_element(number, uid) for number, uid in uids)
        return _PREAMBLE + b"\x02\0\0\0UL\x04\0" + len(elements).to_bytes(4, "little") + elements

    def _syntax_uid(self) -> str:
        """The Transfer Syntax UID of its meta header, else the one it was read with."""
        uid = str(getattr(getattr(self.data_set, "file_meta", None), "TransferSyntaxUID", None) or "")
        if uid:
            return uid
        is_implicit_vr, is_little_endian = getattr(self.data_set, "original_encoding", None) or (None, None)
        if is_implicit_vr and is_little_endian:
            return _IMPLICIT
        return _BIG_ENDIAN if is_little_endian is False else _EXPLICIT


def _uid_element(number: int, uid: str) -> bytes:
    value = uid.encode("latin-1", "replace")[:_LONGEST_VALUE]  # what is cut is no UID, and is refused as none
    value += b"\0" * (len(value) % 2)
    return b"\x02\0" + bytes((number, 0)) + b"UI" + len(value).to_bytes(2, "little") + value
