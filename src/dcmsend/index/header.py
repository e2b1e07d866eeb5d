"""Whose an instance is: the few elements at the beginning of a data set that reports may show."""

from __future__ import annotations

import os
from collections.abc import Callable, Container
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from dcmsend.dicom.byte_source import ByteSource
from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from dcmsend.dicom.walk import walk_data_set
from dcmsend.errors import DataSetError, FileUnreadable
from dcmsend.inputs import FileSource, Origin, open_input

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

_KEYWORDS: Final = {
    PATIENT_NAME: "PatientName", PATIENT_ID: "PatientID", STUDY_UID: "StudyInstanceUID",
    SERIES_UID: "SeriesInstanceUID",
}  # fmt: skip
_LONGEST_VALUE: Final = 1024


def read_header(
    instance: Instance, tags: Container[int], dictionary: Callable[[], DataDictionary] | None = None
) -> dict[int, bytes]:
    """The values of ``tags`` up to the Series Instance UID, without padding; what cannot be read is not there.

    The file is opened once more and read up to the last of them.  Values of more than 1024 bytes are left out.
    """
    item = instance.input
    if item.origin is Origin.DATA_SET:
        return _of_data_set(item.data_set, tags)
    try:
        descriptor = open_input(item.path)
        try:
            return _read(descriptor, instance, tags, dictionary)
        finally:
            os.close(descriptor)
    except (FileUnreadable, DataSetError):
        return {}


def _of_data_set(data_set: Any, tags: Container[int]) -> dict[int, bytes]:
    found = {}
    for tag, keyword in _KEYWORDS.items():
        value = data_set.get(keyword)
        if tag in tags and value:
            found[tag] = str(value).encode()
    if SPECIFIC_CHARACTER_SET in tags:
        found[SPECIFIC_CHARACTER_SET] = b"ISO_IR 192"
    return found


def _read(
    descriptor: int, instance: Instance, tags: Container[int], dictionary: Callable[[], DataDictionary] | None
) -> dict[int, bytes]:
    location = locate_data_set(FileSource(descriptor), instance.read_mode, dictionary)
    syntax = location.transfer_syntax
    if not syntax.is_known:
        return {}
    source: ByteSource = FileSource(descriptor, location.offset)
    if syntax.is_deflated:
        from dcmsend.transcode import InflatingSource

        source, syntax = InflatingSource(source), EXPLICIT_VR_LITTLE_ENDIAN
    collector = _Collector(tags)
    with suppress(_Passed):
        walk_data_set(source, syntax, dictionary=dictionary, builder=collector)
    return {tag: source.read_at(at, length).rstrip(b"\0 ") for tag, (at, length) in collector.places.items()}


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
