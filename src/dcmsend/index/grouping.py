"""What instances are kept together by: their directory, their series or their study."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

from dcmsend.dicom.byte_source import ByteSource
from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from dcmsend.dicom.walk import walk_data_set
from dcmsend.errors import DataSetError, FileUnreadable
from dcmsend.inputs import FileSource, Origin, open_input

from .instance import Instance
from .locate import locate_data_set
from .options import KeepTogether

if TYPE_CHECKING:
    from dcmsend.dicom.data_dictionary import DataDictionary

__all__ = ["with_groups"]

_TAGS: Final = {KeepTogether.SERIES: 0x0020000E, KeepTogether.STUDY: 0x0020000D}
_KEYWORDS: Final = {KeepTogether.SERIES: "SeriesInstanceUID", KeepTogether.STUDY: "StudyInstanceUID"}
_LONGEST_UID: Final = 64


def with_groups(
    instances: Generator[Instance, None, None], keep: KeepTogether, dictionary: Callable[[], DataDictionary] | None
) -> Generator[Instance, None, None]:
    """The instances with their ``group``; for series and study each file is opened once more and read up to the UID.

    An instance whose group cannot be read has none; what is wrong with it is told when it is sent.
    """
    names: dict[str, str] = {}  # one string for each group, however many instances it has
    with closing(instances):
        for instance in instances:
            group = _group_of(instance, keep, dictionary)
            yield instance._replace(group=names.setdefault(group, group))


def _group_of(
    instance: Instance, keep: KeepTogether, dictionary: Callable[[], DataDictionary] | None
) -> str:
    item = instance.input
    if item.origin is Origin.DATA_SET:
        return "" if keep is KeepTogether.DIRECTORY else str(item.data_set.get(_KEYWORDS[keep]) or "")
    if keep is KeepTogether.DIRECTORY:
        return os.path.dirname(item.path) or os.curdir
    try:
        descriptor = open_input(item.path)
        try:
            return _read_uid(descriptor, instance, _TAGS[keep], dictionary)
        finally:
            os.close(descriptor)
    except (FileUnreadable, DataSetError):
        return ""


def _read_uid(
    descriptor: int, instance: Instance, tag: int, dictionary: Callable[[], DataDictionary] | None
) -> str:
    location = locate_data_set(FileSource(descriptor), instance.read_mode, dictionary)
    syntax = location.transfer_syntax
    if not syntax.is_known:
        return ""
    source: ByteSource = FileSource(descriptor, location.offset)
    if syntax.is_deflated:
        from dcmsend.transcode import InflatingSource

        source, syntax = InflatingSource(source), EXPLICIT_VR_LITTLE_ENDIAN
    seeker = _Seeker(tag)
    with suppress(_Found):
        walk_data_set(source, syntax, dictionary=dictionary, builder=seeker)
    if not 0 < seeker.length <= _LONGEST_UID:
        return ""
    return source.read_at(seeker.position, seeker.length).rstrip(b"\0 ").decode("latin-1")


class _Found(Exception):
    """The place of the element is passed: nothing further is read."""


class _Seeker:
    """Stops a walk where an element of the data set itself lies, or would lie."""

    def __init__(self, tag: int) -> None:
        self._tag = tag
        self._depth = 0
        self.position = 0
        self.length = 0

    def element(self, tag: int, vr: str, position: int, length: int) -> None:
        if self._depth == 0 and tag >= self._tag:
            if tag == self._tag:
                self.position, self.length = position, length
            raise _Found

    def begin_sequence(self, tag: int, implicit: bool) -> None:
        if self._depth == 0 and tag > self._tag:
            raise _Found
        self._depth += 1

    def end_sequence(self) -> None:
        self._depth -= 1

    def begin_fragments(self, tag: int) -> None:
        if self._depth == 0:
            raise _Found

    def begin_item(self) -> None: ...
    def end_item(self) -> None: ...
    def fragment(self, position: int, length: int) -> None: ...
    def end_fragments(self) -> None: ...
