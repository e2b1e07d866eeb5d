"""Checks the data set of an open file to its end, and makes it ready to be sent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from dcmsend.dicom.byte_source import ByteSource, BytesSource
from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, TransferSyntax
from dcmsend.dicom.walk import WalkResult, walk_data_set
from dcmsend.errors import DataSetError, FileUnreadable
from dcmsend.index import Instance, locate_data_set
from dcmsend.inputs import FileSource, OpenFile

from .payload import BytesPayload, ChunkPayload, FilePayload, Payload, check_unchanged

if TYPE_CHECKING:
    from dcmsend.dicom.data_dictionary import DataDictionary
    from dcmsend.transcode import RunJobs, Spool

__all__ = ["DictionarySource", "LoadedInstance", "Recoding", "load_instance"]

DictionarySource = Callable[[], "DataDictionary"]

_PIECE = 256 * 1024


class Recoding(NamedTuple):
    """How a data set is encoded anew.

    Attributes:
        dictionary: the data dictionary, loaded when first asked for.
        deflate_level: 0 to 9, for Deflated.
        decompress: false forbids what is more than another encoding of the same elements (``-dn``).
        keep_ybr: losslessly compressed YBR is not converted to RGB.
        run_jobs: carries out the decoding.
    """

    dictionary: DictionarySource
    deflate_level: int
    decompress: bool
    keep_ybr: bool
    run_jobs: RunJobs


class LoadedInstance:
    """An open file whose data set was walked to its end.

    Attributes:
        stamp: size in bytes and time of modification in nanoseconds at its opening; (0, 0) for a data set in memory.
        syntax: the transfer syntax the data set really has.
        sop_class_uid: (0008,0016) of the data set; from the meta header when the syntax is unknown.
        sop_instance_uid: (0008,0018), likewise.
        length: bytes of the data set (inflated for Deflated).
        warnings: what was odd about it, for the log.
        must_be_encoded: why it cannot go out as it stands, ``()`` when it can.
        notes: (level, text) of what is to be told about its conversion.
    """

    __slots__ = (
        "_check", "_data", "_fd", "_head", "_offset", "_sendable", "length", "must_be_encoded", "notes",
        "sop_class_uid", "sop_instance_uid", "stamp", "syntax", "warnings",
    )

    def __init__(
        self, file: OpenFile | None, data: bytes | None = None, check: Callable[[], None] | None = None
    ) -> None:
        self._check = check
        self._data = data
        self._offset = 0
        self._sendable = 0
        if file is None:
            self._fd, self._head, self.stamp = -1, b"", (0, 0)
        else:
            self._fd, self._head, self.stamp = file.descriptor, file.head, (file.size, file.modified)
        self.syntax: TransferSyntax = EXPLICIT_VR_LITTLE_ENDIAN
        self.sop_class_uid = ""
        self.sop_instance_uid = ""
        self.length = 0
        self.warnings: tuple[str, ...] = ()
        self.must_be_encoded: tuple[str, ...] = ()
        self.notes: tuple[tuple[str, str], ...] = ()

    def close(self) -> None:
        """Give the file back unless a payload has taken it over."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def as_it_stands(self) -> Payload:
        """The data set's bytes of the file; takes the file over."""
        if self._data is not None:
            data = memoryview(self._data)[self._offset : self._offset + self._sendable]
            return ChunkPayload(_pieces(data), _nothing)
        if len(self._head) == self.stamp[0]:  # what was checked is all there is, so nothing can change any more
            return BytesPayload(memoryview(self._head)[self._offset : self._offset + self._sendable])
        fd, self._fd = self._fd, -1
        return FilePayload(fd, self._offset, self._sendable, self.stamp)

    def encoded(self, target: TransferSyntax, recoding: Recoding) -> Payload:
        """The data set in ``target``, canonically encoded, its pixels decoded if need be; takes the file over.

        What is to be told about it is appended to ``notes``.
        Raises DataSetError, TranscodeError, FileUnreadable, Cancelled; the file is then still to be closed.
        """
        from dcmsend.transcode import convert_data_set  # not needed for what is sent as it stands

        converted = convert_data_set(
            self._source(),
            self.syntax,
            target,
            dictionary=recoding.dictionary,
            deflate_level=recoding.deflate_level,
            decompress=recoding.decompress,
            keep_ybr=recoding.keep_ybr,
        )
        self.notes += converted.notes
        try:
            converted.decode(_make_spool, recoding.run_jobs)
        except BaseException:
            converted.close()
            raise
        fd, self._fd = self._fd, -1

        def close() -> None:
            converted.close()
            if fd >= 0:
                os.close(fd)

        return ChunkPayload(self._unchanged(fd, converted.chunks()), close)

    def _unchanged(self, fd: int, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The chunks, if the file is still what it was when it was opened.  Raises FileChanged."""
        yield from chunks
        if fd >= 0:
            try:
                check_unchanged(fd, self.stamp)
            except OSError as error:
                raise FileUnreadable(error.strerror or str(error), error.errno or 0) from error

    def _source(self, check: Callable[[], None] | None = None) -> ByteSource:
        if self._data is not None:
            return BytesSource(self._data[self._offset :])
        return _HeadedSource(self._fd, self.stamp[0], self._head, self._offset, check)


class _HeadedSource:
    """A ByteSource over an open file of known size whose beginning has been read already."""

    __slots__ = ("_check", "_fd", "_head", "_size", "_start")

    def __init__(
        self, fd: int, size: int, head: bytes, start: int = 0, check: Callable[[], None] | None = None
    ) -> None:
        self._check = check
        self._fd = fd
        self._size = size
        self._head = head
        self._start = start

    def read_at(self, position: int, size: int) -> bytes:
        position += self._start
        end = min(position + size, self._size)
        if end <= len(self._head):
            return self._head[position:end]
        if self._check is not None:
            self._check()
        return FileSource(self._fd).read_at(position, end - position)


def load_instance(
    instance: Instance,
    file: OpenFile | None,
    dictionary: DictionarySource,
    check: Callable[[], None] | None = None,
) -> LoadedInstance:
    """Find the data set in an open file (None: it is in memory), which is taken over, and walk it to its end.

    ``check`` is called now and then while a long one is walked and may raise.  Raises FileUnreadable and DataSetError
    with DCMTK's condition.
    """
    if file is None:
        return _load_data_set(instance, dictionary)
    loaded = LoadedInstance(file, check=check)
    try:
        _locate_and_walk(loaded, instance, dictionary)
    except BaseException:
        loaded.close()
        raise
    return loaded


def _load_data_set(instance: Instance, dictionary: DictionarySource) -> LoadedInstance:
    from .data_set import encode_data_set  # only the library has data sets

    data = encode_data_set(instance.input.data_set, instance.transfer_syntax)
    loaded = LoadedInstance(None, data)
    loaded.syntax = instance.transfer_syntax
    if loaded.syntax.is_known:
        _check(loaded, len(data), dictionary)
    else:
        loaded.sop_class_uid, loaded.sop_instance_uid = instance.sop_class_uid, instance.sop_instance_uid
        loaded.length = loaded._sendable = len(data)
    return loaded


def _locate_and_walk(loaded: LoadedInstance, instance: Instance, dictionary: DictionarySource) -> None:
    size, head = loaded.stamp[0], loaded._head
    location = locate_data_set(_HeadedSource(loaded._fd, size, head), instance.read_mode, dictionary, head)
    loaded._offset = location.offset
    loaded.syntax = location.transfer_syntax
    meta = location.meta
    if not loaded.syntax.is_known:
        if meta is None:  # a bare data set always has one of the native syntaxes
            raise DataSetError("File meta information header missing")
        loaded.sop_class_uid, loaded.sop_instance_uid = meta.sop_class_uid, meta.sop_instance_uid
        loaded.length = loaded._sendable = size - location.offset
        return
    _check(loaded, size - location.offset, dictionary)


def _check(loaded: LoadedInstance, size: int, dictionary: DictionarySource) -> None:
    """Walk the data set, which has ``size`` bytes in the file, to its end."""
    walked = _walk(loaded, dictionary)
    loaded.sop_class_uid, loaded.sop_instance_uid = walked.sop_class_uid, walked.sop_instance_uid
    loaded.length = walked.encoded_length
    loaded._sendable = size if loaded.syntax.is_deflated else walked.length
    loaded.warnings, loaded.must_be_encoded = walked.warnings, walked.repairs


def _walk(loaded: LoadedInstance, dictionary: DictionarySource) -> WalkResult:
    source = loaded._source(loaded._check)
    if loaded.syntax.is_deflated:
        from dcmsend.transcode import InflatingSource  # zlib is not needed for anything else

        return walk_data_set(InflatingSource(source), EXPLICIT_VR_LITTLE_ENDIAN, dictionary=dictionary)
    return walk_data_set(source, loaded.syntax, dictionary=dictionary)


def _pieces(data: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(data), _PIECE):
        yield data[start : start + _PIECE]


def _make_spool(size: int) -> Spool:
    from .spool import make_spool  # only for what is decoded

    return make_spool(size)


def _nothing() -> None:
    """The data set is in memory: there is no file to give back."""
