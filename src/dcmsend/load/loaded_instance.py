"""Checks the data set of an open file to its end, and makes it ready to be sent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from dcmsend.dicom.byte_source import ByteSource
from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, TransferSyntax
from dcmsend.dicom.walk import walk_data_set
from dcmsend.dicom.walk_notes import Notes
from dcmsend.errors import DataSetError, FileUnreadable
from dcmsend.index import FileMeta, HeaderFacts, Instance, facts_of, locate_data_set
from dcmsend.inputs import FileSource, OpenFile

from .payload import BytesPayload, ChunkPayload, FilePayload, Payload, check_unchanged

if TYPE_CHECKING:
    from dcmsend.dicom.data_dictionary import DataDictionary
    from dcmsend.transcode import RunJobs, Spool

__all__ = ["DictionarySource", "LoadedInstance", "Recoding", "load_instance"]

DictionarySource = Callable[[], "DataDictionary"]


class Recoding:
    """How a data set is encoded anew.

    Attributes:
        dictionary: the data dictionary, loaded when first asked for.
        deflate_level: 0 to 9, for Deflated.
        decompress: false forbids what is more than another encoding of the same elements (``-dn``).
        keep_ybr: losslessly compressed YBR is not converted to RGB.
        run_jobs: carries out the decoding.
    """

    __slots__ = ("decompress", "deflate_level", "dictionary", "keep_ybr", "run_jobs")

    def __init__(
        self, dictionary: DictionarySource, deflate_level: int, decompress: bool, keep_ybr: bool, run_jobs: RunJobs
    ) -> None:
        self.dictionary = dictionary
        self.deflate_level = deflate_level
        self.decompress = decompress
        self.keep_ybr = keep_ybr
        self.run_jobs = run_jobs


class LoadedInstance:
    """An open file whose data set was walked to its end.

    Attributes:
        stamp: size in bytes and time of modification in nanoseconds at its opening.
        syntax: the transfer syntax the data set really has.
        sop_class_uid: (0008,0016) of the data set; from the meta header when the syntax is unknown.
        sop_instance_uid: (0008,0018), likewise.
        length: bytes of the data set (inflated for Deflated).
        facts: what else it says of itself; None where it could not be walked.
        warnings: what was odd about it, for the log.
        must_be_encoded: why it cannot go out as it stands, ``()`` when it can.
        notes: (level, text) of what is to be told about its conversion.
    """

    __slots__ = (
        "_content", "_owns_content", "_sendable", "facts", "length", "must_be_encoded", "notes", "sop_class_uid",
        "sop_instance_uid", "stamp", "syntax", "warnings",
    )

    def __init__(self, content: _FileContent, facts: _Facts) -> None:
        self._content = content
        self._owns_content = True
        self.stamp = content.stamp
        self.syntax = facts.syntax
        self.sop_class_uid = facts.sop_class_uid
        self.sop_instance_uid = facts.sop_instance_uid
        self.length = facts.length
        self._sendable = facts.sendable
        self.facts = facts.header
        self.warnings = facts.warnings
        self.must_be_encoded = facts.repairs
        self.notes: tuple[tuple[str, str], ...] = ()

    def close(self) -> None:
        """Give the file back unless a payload has taken it over."""
        if self._owns_content:
            self._content.close()

    def as_it_stands(self) -> Payload:
        """The data set's bytes of the file; takes the file over."""
        return self._content.payload(self._sendable)

    def encoded(self, target: TransferSyntax, recoding: Recoding) -> Payload:
        """The data set in ``target``, canonically encoded, its pixels decoded if need be; takes the file over.

        What is to be told about it is appended to ``notes``.
        Raises DataSetError, TranscodeError, FileUnreadable, Cancelled; the file is then still to be closed.
        """
        from dcmsend.transcode import convert_data_set  # not needed for what is sent as it stands

        converted = convert_data_set(
            self._content,
            self.syntax,
            target,
            dictionary=recoding.dictionary,
            deflate_level=recoding.deflate_level,
            decompress=recoding.decompress,
            keep_ybr=recoding.keep_ybr,
            origin=self._content.offset,
        )
        try:
            converted.decode(_make_spool, recoding.run_jobs)
        except BaseException:
            converted.close()
            raise
        finally:
            self.notes += converted.notes
        content = self._content
        self._owns_content = False

        def close() -> None:
            converted.close()
            content.close()

        return ChunkPayload(_unless_changed(converted.chunks(), content), close)


class _Facts:
    """What the walk has found; the names are those of LoadedInstance, ``sendable`` is what goes out as it stands."""

    __slots__ = (
        "header", "length", "repairs", "sendable", "sop_class_uid", "sop_instance_uid", "syntax", "warnings",
    )  # fmt: skip

    def __init__(
        self,
        syntax: TransferSyntax,
        sop_class_uid: str,
        sop_instance_uid: str,
        length: int,
        sendable: int,
        warnings: tuple[str, ...] = (),
        repairs: tuple[str, ...] = (),
        header: HeaderFacts | None = None,
    ) -> None:
        self.syntax = syntax
        self.sop_class_uid = sop_class_uid
        self.sop_instance_uid = sop_instance_uid
        self.length = length
        self.sendable = sendable
        self.warnings = warnings
        self.repairs = repairs
        self.header = header


class _FileContent:
    """The data set of an open file of known size whose beginning has been read already; a ByteSource over it.

    ``check`` is called before every read of the file and may raise.
    """

    __slots__ = ("_check", "_descriptor", "_head", "_size", "offset", "stamp")

    def __init__(self, file: OpenFile, offset: int, check: Callable[[], None] | None) -> None:
        self._descriptor = file.descriptor
        self._head = file.head
        self._size = file.size
        self.offset = offset
        self._check = check
        self.stamp = file.size, file.modified

    @property
    def size(self) -> int:
        """Bytes of the data set in the file."""
        return self._size - self.offset

    def read_at(self, position: int, size: int) -> bytes:
        position += self.offset
        end = min(position + size, self._size)
        if end <= len(self._head):
            return self._head[position:end]
        if self._check is not None:
            self._check()
        return FileSource(self._descriptor).read_at(position, end - position)

    def payload(self, sendable: int) -> Payload:
        """The first ``sendable`` bytes of the data set; takes the file over."""
        if len(self._head) == self._size:  # what was checked is all there is, so nothing can change any more
            return BytesPayload(memoryview(self._head)[self.offset : self.offset + sendable])
        descriptor, self._descriptor = self._descriptor, -1
        return FilePayload(descriptor, self.offset, sendable, self.stamp)

    def check_unchanged(self) -> None:
        """Compare the file with what it was at its opening.  Raises FileChanged, FileUnreadable."""
        if self._descriptor >= 0:
            try:
                check_unchanged(self._descriptor, self.stamp)
            except OSError as error:
                raise FileUnreadable(error.strerror or str(error), error.errno or 0) from error

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def load_instance(
    instance: Instance,
    file: OpenFile,
    dictionary: DictionarySource,
    check: Callable[[], None] | None = None,
    noted: frozenset[int] = frozenset(),
) -> LoadedInstance:
    """Find the data set in an open file, which is taken over, and walk it to its end.

    ``check`` is called now and then while a long one is walked and may raise.  ``noted`` are the tags that its facts
    have beside the UIDs.  Raises FileUnreadable and DataSetError
    with DCMTK's condition.
    """
    try:
        location = locate_data_set(_FileContent(file, 0, None), instance.read_mode, dictionary, file.head)
        content = _FileContent(file, location.offset, check)
        if location.transfer_syntax.is_known:
            facts = _walked(content, location.transfer_syntax, dictionary, noted)
        elif location.meta is None:  # a bare data set always has one of the native syntaxes
            raise DataSetError("File meta information header missing")
        else:
            facts = _believed(content, location.transfer_syntax, location.meta)
    except BaseException:
        file.close()
        raise
    return LoadedInstance(content, facts)


def _believed(content: _FileContent, syntax: TransferSyntax, said: FileMeta) -> _Facts:
    """For a data set that cannot be walked, because its transfer syntax is unknown."""
    return _Facts(syntax, said.sop_class_uid, said.sop_instance_uid, content.size, content.size)


def _walked(
    content: _FileContent, syntax: TransferSyntax, dictionary: DictionarySource, noted: frozenset[int]
) -> _Facts:
    """Walk the data set to its end."""
    source: ByteSource = content
    if syntax.is_deflated:
        from dcmsend.transcode import InflatingSource  # zlib is not needed for anything else

        source = InflatingSource(source)
    notes = Notes(noted)
    walked = walk_data_set(
        source,
        EXPLICIT_VR_LITTLE_ENDIAN if syntax.is_deflated else syntax,
        dictionary=dictionary,
        origin=content.offset,
        notes=notes,
    )
    return _Facts(
        syntax,
        walked.sop_class_uid,
        walked.sop_instance_uid,
        walked.encoded_length,
        content.size if syntax.is_deflated else walked.length,
        walked.warnings,
        walked.repairs,
        facts_of(notes.values, noted),
    )


def _unless_changed(chunks: Iterator[bytes], content: _FileContent) -> Iterator[bytes]:
    """The chunks, and at their end a look whether the file is still what it was at its opening.

    Raises FileChanged, FileUnreadable.
    """
    yield from chunks
    content.check_unchanged()


def _make_spool(size: int) -> Spool:
    from .pixel_spool import make_spool  # only for what is decoded

    return make_spool(size)
