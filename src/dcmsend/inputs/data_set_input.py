"""A pydicom data set in memory as an input: it opens like the file it would make.  Only used through the library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from dcmsend.dicom.part10 import file_meta_header
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.errors import DataSetError

from .file_source import OpenFile
from .source import DicomdirRecord, Origin, Stamp

__all__ = ["DataSetInput"]

_LONGEST_VALUE: Final = 1024
"""Longest UID kept, in bytes; 64 are permitted (PS3.5 9.1).  A longer value is no UID, and is refused as such."""
_IMPLICIT, _EXPLICIT, _BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"


class DataSetInput:
    """One ``pydicom.Dataset``; see ``Source``.  Its ``repr`` shows no value of the data set.

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
    """False: opening it encodes it, and encoding ahead would need twice the memory."""
    has_meta: bool = True
    is_remote: bool = False
    etag: str = ""
    container: None = None

    def __init__(self, path: str, data_set: Any) -> None:
        self.path = path
        self.data_set = data_set

    def __repr__(self) -> str:
        return f"DataSetInput({self.path!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DataSetInput) and self.path == other.path and bool(self.data_set == other.data_set)

    def __hash__(self) -> int:
        """Leaves out the data set, which is not hashable; equal inputs still have equal hashes."""
        return hash(self.path)

    def key(self, resolve: Callable[[str], bytes]) -> tuple[bytes, bytes]:
        """An empty key: a data set in memory has no lasting name."""
        return b"", self.path.encode()

    def look(self) -> Stamp | None:
        """None: a data set in memory has neither size nor time."""
        return None

    def length(self, stamp: Stamp | None = None) -> int | None:
        """None: it is encoded when it is sent."""
        return None

    def open_beginning(self, size: int) -> tuple[int, bytes]:
        """The meta header alone, all that the scan needs; the rest is encoded when it is sent.  Raises DataSetError."""
        return -1, self._meta_header()

    def open(self, head_size: int) -> OpenFile:
        """The whole file, encoded now.  Raises DataSetError if pydicom fails, or values are in another syntax."""
        from .pydicom_data_set import encode_data_set

        header = self._meta_header()
        content = encode_data_set(self.data_set, transfer_syntax(self._syntax_uid()), header)
        return OpenFile(-1, len(content), 0, content)

    def let_go(self) -> None:
        """Does nothing: the data set belongs to the caller."""

    def instance_uid(self) -> str:
        """The SOP Instance UID; ``""`` if there is none, or pydicom cannot read it."""
        try:
            return self._uid("SOPInstanceUID")
        except Exception:  # told when the data set is opened
            return ""

    def _uid(self, keyword: str) -> str:
        return str(self.data_set.get(keyword) or "")

    def _meta_header(self) -> bytes:
        """The meta header of a file with this data set.  Source: PS3.10 7.1.  Raises DataSetError."""
        try:
            uids = (self._uid("SOPClassUID"), self._uid("SOPInstanceUID"), self._syntax_uid())
        except Exception as error:  # pydicom converts a value when it is asked for; it quotes what it rejects
            raise DataSetError("Invalid stream", f"pydicom cannot read a UID: {type(error).__name__}") from error
        return file_meta_header(*(uid[:_LONGEST_VALUE] for uid in uids))

    def _syntax_uid(self) -> str:
        """The Transfer Syntax UID of the data set's meta header, else the one pydicom has read it with."""
        uid = str(getattr(getattr(self.data_set, "file_meta", None), "TransferSyntaxUID", None) or "")
        if uid:
            return uid
        is_implicit_vr, is_little_endian = getattr(self.data_set, "original_encoding", None) or (None, None)
        if is_implicit_vr and is_little_endian:
            return _IMPLICIT
        return _BIG_ENDIAN if is_little_endian is False else _EXPLICIT
