"""Identifies an input: SOP Class, SOP Instance and transfer syntax, from the meta header or the data set."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress

from dcmsend.dicom.byte_source import ByteSource, BytesSource, SourceFrom
from dcmsend.errors import DataSetError, FileUnreadable
from dcmsend.inputs import FileSource, OpenFile, Origin, Source, open_to_look
from dcmsend.reasons import Rejection

from .file_meta import FIRST_READ, FileMeta, parse_regular_meta, read_file_meta
from .instance import Identity, ReadMode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.dicom.data_dictionary import DataDictionary

    from .header import HeaderReader

__all__ = ["Opened", "identify", "is_dicom", "looks_like_dicom"]

Opened = tuple[int, bytes] | DataSetError | FileUnreadable
"""Descriptor (-1 for none) and first bytes of an input, or the error of opening it."""

_NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ESPIPE)
"""Errors of the system for a link that leads nowhere or to itself, for pipes and sockets; see ``_is_nothing``, too."""

_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x02", b"\x00\x08")


def identify(
    item: Source,
    opened: Opened,
    mode: ReadMode,
    dictionary: Callable[[], DataDictionary] | None = None,
    headers: HeaderReader | None = None,
) -> Identity:
    """Read the identity of ``item``, with its facts if there is a reader for them; ``opened`` stays open.

    Raises DataSetError when the input cannot be read as ``mode`` requires, FileUnreadable when the system fails.
    """
    if not item.path:
        raise DataSetError("Illegal parameter", "the name is empty", Rejection.NO_NAME)
    if not isinstance(opened, tuple):
        raise opened
    descriptor, beginning = opened
    if descriptor < 0:
        identity = _identify_closed(item, beginning, mode, dictionary)
    elif mode is not ReadMode.FILE_ONLY:
        identity = _identify_thoroughly(FileSource(descriptor), mode, dictionary)
    else:
        identity = _from_meta(parse_regular_meta(beginning) or read_file_meta(FileSource(descriptor)))
    if headers is None:
        return identity
    facts, is_chosen = headers.read(item, descriptor, beginning)
    return identity._replace(facts=facts, is_chosen=is_chosen)


def _from_meta(meta: FileMeta) -> Identity:
    return Identity(meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid)


def _identify_closed(
    item: Source, beginning: bytes, mode: ReadMode, dictionary: Callable[[], DataDictionary] | None
) -> Identity:
    """The identity of an input that is not open; it is opened only if its first bytes do not tell."""
    if item.has_meta:
        return _from_meta(parse_regular_meta(beginning) or read_file_meta(BytesSource(beginning)))
    if mode is ReadMode.FILE_ONLY and (meta := parse_regular_meta(beginning)) is not None:
        return _from_meta(meta)
    source = _BeginningFirst(item, beginning)
    try:
        if mode is ReadMode.FILE_ONLY:
            return _from_meta(read_file_meta(source))
        return _identify_thoroughly(source, mode, dictionary)
    finally:
        source.close()


class _BeginningFirst:
    """An input that is opened when more than its first bytes is needed: a member may be far inside its archive."""

    def __init__(self, item: Source, beginning: bytes) -> None:
        self._item = item
        self._beginning = beginning
        self._file: OpenFile | None = None

    def read_at(self, position: int, size: int) -> bytes:
        """See ``ByteSource``.  Raises DataSetError, FileUnreadable."""
        end = position + size
        if end <= len(self._beginning) or len(self._beginning) < FIRST_READ:  # fewer than asked for: that is all
            return self._beginning[position:end]
        if self._file is None:
            self._file = open_to_look(self._item, len(self._beginning))
        return self._file.source().read_at(position, size)

    def close(self) -> None:
        """Close the input if it was opened."""
        if self._file is not None:
            self._file.close()


def _identify_thoroughly(
    source: ByteSource, mode: ReadMode, dictionary: Callable[[], DataDictionary] | None
) -> Identity:
    """Complete the identity from the data set; ``DATA_SET_ONLY`` does not read the meta header at all."""
    identity = Identity("", "", "")
    if mode is ReadMode.FILE_OR_DATA_SET:
        with suppress(DataSetError):  # no meta header, or a broken one: then the whole file must be readable
            identity = _from_meta(read_file_meta(source))
        if all(identity[:3]):
            return identity
    from .bare_data_set import guess_transfer_syntax, read_data_set_uids
    from .locate import locate_data_set

    location = locate_data_set(source, mode, dictionary)
    syntax = location.transfer_syntax
    first_bytes = source.read_at(location.offset, 6)
    if not syntax.is_known:
        syntax = guess_transfer_syntax(first_bytes, dictionary)
    source = SourceFrom(source, location.offset)
    sop_class, sop_instance = read_data_set_uids(source, syntax, dictionary, location.offset)
    return Identity(
        identity.sop_class_uid or sop_class,
        identity.sop_instance_uid or sop_instance,
        identity.transfer_syntax_uid or (syntax.uid if first_bytes else ""),  # an empty file has nothing to guess from
    )


def is_dicom(item: Source, opened: Opened) -> bool:
    """Whether a rejected input is a DICOM file all the same, or may be one.

    It is one with ``DICM`` at byte 128, and may be one if it begins like a data set (group 0002 or 0008) or cannot be
    read at all: a file that the user has named must not go missing unnoticed.  Only in a directory, unreadable entries
    such as dangling links are expected.  A directory is read as a file only if it could not be searched, be it by
    another host or a moment ago: what is in it would go missing.
    """
    if not item.path:
        return False
    if isinstance(opened, FileUnreadable):
        return item.origin is not Origin.DIRECTORY or not _is_nothing(item.path, opened.errno)
    if isinstance(opened, DataSetError):  # what lies in an archive may be one, if nobody can look
        if opened.why is Rejection.UNSEARCHABLE:
            return item.origin is not Origin.DICOMDIR
        return opened.why in (Rejection.MEMBER, Rejection.FILE_CHANGED)
    return looks_like_dicom(opened[1])


def _is_nothing(path: str, number: int) -> bool:
    """Whether an error of opening what a directory has named says that nothing is there."""
    if number == errno.ENAMETOOLONG:  # the name in a link, or that of a file in too many directories: that is there
        return os.path.islink(path)
    return number in _NOTHING_THERE


def looks_like_dicom(head: bytes) -> bool:
    """Whether a file with this beginning is a DICOM file, or may be a data set without a meta header."""
    return head[128:132] == b"DICM" or head[:2] in _FIRST_GROUPS
