"""Whose an instance is: the few elements at the beginning of a data set that reports may show."""

from __future__ import annotations

from collections.abc import Callable, Container
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from dcmsend.dicom.byte_source import ByteSource, BytesSource
from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from dcmsend.dicom.walk import walk_data_set
from dcmsend.errors import DataSetError, FileUnreadable
from dcmsend.inputs import FileSource

from .instance import Instance
from .locate import locate_data_set

if TYPE_CHECKING:
    from dcmsend.dicom.data_dictionary import DataDictionary

__all__ = ["PATIENT_ID", "PATIENT_NAME", "SERIES_UID", "SPECIFIC_CHARACTER_SET", "STUDY_UID", "read_header"]

SPECIFIC_CHARACTER_SET: Final = 0x00080005
PATIENT_NAME: Final = 0x00100010
PATIENT_ID: Final = 0x00100020
STUDY_UID: Final = 0x0020000D
SERIES_UID: Final = 0x0020000E

_HEAD: Final = 16 * 1024
_LONGEST_VALUE: Final = 1024


def read_header(
    instance: Instance, tags: Container[int], dictionary: Callable[[], DataDictionary] | None = None
) -> dict[int, bytes]:
    """The values of ``tags`` up to the Series Instance UID, without padding; what cannot be read is not there.

    The file is opened once more and read up to the last of them.  Values of more than 1024 bytes are left out.
    """
    try:
        file = instance.input.open(_HEAD)
        try:
            content = FileSource(file.descriptor) if file.descriptor >= 0 else BytesSource(file.head)
            return _read(content, instance, tags, dictionary)
        finally:
            file.close()
    except (FileUnreadable, DataSetError):
        return {}


def _read(
    content: ByteSource, instance: Instance, tags: Container[int], dictionary: Callable[[], DataDictionary] | None
) -> dict[int, bytes]:
    location = locate_data_set(content, instance.read_mode, dictionary)
    syntax = location.transfer_syntax
    if not syntax.is_known:
        return {}
    source: ByteSource = _Behind(content, location.offset)
    if syntax.is_deflated:
        from dcmsend.transcode import InflatingSource

        source, syntax = InflatingSource(source), EXPLICIT_VR_LITTLE_ENDIAN
    collector = _Collector(tags)
    with suppress(_Passed):
        walk_data_set(source, syntax, dictionary=dictionary, builder=collector)
    return {tag: source.read_at(at, length).rstrip(b"\0 ") for tag, (at, length) in collector.places.items()}


class _Behind:
    """What another source has from a position on."""

    def __init__(self, source: ByteSource, start: int) -> None:
        self._source = source
        self._start = start

    def read_at(self, position: int, size: int) -> bytes:
        return self._source.read_at(self._start + position, size)


class _Passed(Exception):
    """The place of the last element is passed: nothing further is read."""


class _Collector:
    """Notes where elements of the data set itself lie, and stops the walk behind the Series Instance UID."""

    def __init__(self, tags: Container[int]) -> None:
        self._tags = tags
        self._depth = 0
        self.places: dict[int, tuple[int, int]] = {}

    def element(self, tag: int, vr: str, position: int, length: int) -> None:
        if self._depth == 0:
            if tag in self._tags and length <= _LONGEST_VALUE:
                self.places.setdefault(tag, (position, length))
            if tag >= SERIES_UID:
                raise _Passed

    def begin_sequence(self, tag: int, implicit: bool) -> None:
        if self._depth == 0 and tag > SERIES_UID:
            raise _Passed
        self._depth += 1

    def end_sequence(self) -> None:
        self._depth -= 1

    def begin_fragments(self, tag: int) -> None:
        if self._depth == 0:
            raise _Passed

    def begin_item(self) -> None: ...
    def end_item(self) -> None: ...
    def fragment(self, position: int, length: int) -> None: ...
    def end_fragments(self) -> None: ...
