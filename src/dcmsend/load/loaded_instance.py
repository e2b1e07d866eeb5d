"""Checks the data set of an open file to its end, and prepares it to be sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dcmsend.dicom.byte_source import ByteSource
from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, TransferSyntax
from dcmsend.dicom.walk import walk_data_set
from dcmsend.dicom.walk_notes import Notes
from dcmsend.errors import DataSetError
from dcmsend.index import FileMeta, Instance, locate_data_set, parse_regular_meta
from dcmsend.inputs import FileSource, OpenFile, read_into, unreadable

from .payload import BytesPayload, ChunkPayload, FilePayload, Payload, check_unchanged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.dicom.data_dictionary import DataDictionary
    from dcmsend.index import HeaderFacts
    from dcmsend.transcode import RunJobs, Spool

    from .checksum import Checksum

__all__ = ["DictionarySource", "LoadedInstance", "Recoding", "load_instance"]

DictionarySource = Callable[[], "DataDictionary"]


class Recoding:
    """How a data set is encoded anew.

    Attributes:
        dictionary: returns the data dictionary, which is loaded at the first call.
        deflate_level: 0 to 9, for Deflated.
        decompress: false permits only another encoding of the same elements (``-dn``).
        keep_ybr: losslessly compressed YBR is not converted to RGB.
        run_jobs: runs the decoding jobs.
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
        stamp: size in bytes and time of modification in nanoseconds when the file was opened.
        syntax: the transfer syntax the data set really has.
        sop_class_uid: (0008,0016) of the data set, all values; from the meta header when the syntax is unknown.
        sop_instance_uid: (0008,0018), likewise.
        length: bytes of the data set (inflated for Deflated).
        facts: further values that reports show; None if nobody asks, or the data set could not be walked.
        warnings: oddities of the data set, for the log.
        must_be_encoded: why the data set cannot be sent as it stands, ``()`` when it can.
        notes: (level, text) to log about the conversion.
    """

    __slots__ = (
        "_content", "_owns_content", "_sendable", "facts", "length", "must_be_encoded", "notes", "sop_class_uid",
        "sop_instance_uid", "stamp", "syntax", "warnings",
    )

    def __init__(
        self,
        content: _FileContent,
        syntax: TransferSyntax,
        sop_class_uid: str,
        sop_instance_uid: str,
        length: int,
        sendable: int,
        warnings: tuple[str, ...] = (),
        must_be_encoded: tuple[str, ...] = (),
        facts: HeaderFacts | None = None,
    ) -> None:
        """``sendable`` is the number of bytes to send unchanged."""
        self._content = content
        self._owns_content = True
        self._sendable = sendable
        self.stamp = content.stamp
        self.syntax = syntax
        self.sop_class_uid = sop_class_uid
        self.sop_instance_uid = sop_instance_uid
        self.length = length
        self.warnings = warnings
        self.must_be_encoded = must_be_encoded
        self.facts = facts
        self.notes: tuple[tuple[str, str], ...] = ()

    def close(self) -> None:
        """Close the file unless a payload has taken it over."""
        if self._owns_content:
            self._content.close()

    def as_it_stands(self) -> Payload:
        """The bytes of the data set as they are in the file; the payload takes the file over."""
        return self._content.payload(self._sendable)

    @property
    def is_a_file(self) -> bool:
        """Whether the input is a file of PS3.10 whose meta header is regular and true of the data set."""
        content = self._content
        meta = parse_regular_meta(content.head)
        if meta is None or meta.data_set_offset != content.offset:
            return False
        said = (meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid)
        return said == (self.sop_class_uid, self.sop_instance_uid, self.syntax.uid)

    def as_a_file(self) -> Payload:
        """The bytes of the whole file, meta header and data set, as they stand; the payload takes the file over.

        Data Set Trailing Padding, which no message has, is among them: it is part of a file (PS3.10 7.2).
        """
        end = self._sendable if self.syntax.is_deflated else max(self._sendable, self.length)
        return self._content.payload(end, from_first_byte=True)

    def encoded(self, target: TransferSyntax, recoding: Recoding) -> Payload:
        """The data set in ``target``, canonically encoded, with its pixels decoded if necessary; takes the file over.

        Remarks on the conversion are appended to ``notes``.
        Raises DataSetError, TranscodeError, FileUnreadable, Cancelled; the caller then still has to close the file.
        """
        from dcmsend.transcode import convert_data_set  # not needed for data sets that are sent as they stand

        self._content.check_crc()
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
        content.let_finish()
        self._owns_content = False

        def close() -> None:
            converted.close()
            content.close()

        return ChunkPayload(_unless_changed(converted.chunks(), content), close)


class _FileContent:
    """The data set of an open file of known size, whose beginning has been read already; a ByteSource.

    ``check`` is called before every read of the file, until ``let_finish``, and may raise.

    Attributes:
        offset: position in the input of the first byte of the data set; 0 until it is known.
        stamp: size in bytes and time of modification in nanoseconds by which the input is known again.
        crc: CRC-32 of the whole input, None if there is nothing to check.
    """

    __slots__ = ("_check", "_closer", "_descriptor", "_head", "_size", "_start", "_state", "crc", "offset", "stamp")

    def __init__(self, file: OpenFile, check: Callable[[], None] | None) -> None:
        self._descriptor = file.descriptor
        self._closer = file.closer
        self._head = file.head
        self._size = file.size
        self._start = file.start
        self._state = file.state
        self.crc = file.crc if file.descriptor >= 0 else None
        self.offset = 0
        self._check = check
        self.stamp = file.stamp

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
        return FileSource(self._descriptor).read_at(self._start + position, end - position)

    def read_into(self, position: int, target: memoryview) -> int:
        """See ``byte_source.read_into``."""
        position += self.offset
        end = min(position + len(target), self._size)
        if end <= position:
            return 0
        target = target[: end - position]
        if end <= len(self._head):
            target[:] = self._head[position:end]
            return end - position
        if self._check is not None:
            self._check()
        return read_into(self._descriptor, self._start + position, target)

    def let_finish(self) -> None:
        """From now on the file is read for a request in flight, of which its sender decides when it ends."""
        self._check = None

    def ends_a_stream(self, position: int, length: int) -> bool:
        """Whether no more is from ``position`` on than what ends a deflate stream of ``length`` inflated bytes.

        That is at most a zero byte, which makes a length even (PS3.5 A.5).  Many writers put before it what gzip does
        (RFC 1952, 2.3.1): a checksum and the length.
        """
        rest = self.read_at(position, 10)
        if len(rest) >= 8 and int.from_bytes(rest[4:8], "little") == length & 0xFFFFFFFF:
            rest = rest[8:]
        return rest in (b"", b"\0")

    @property
    def head(self) -> bytes:
        """The first bytes of the input, at least 16 KiB or all there are."""
        return self._head

    def payload(self, sendable: int, *, from_first_byte: bool = False) -> Payload:
        """The first ``sendable`` bytes of the data set; the payload takes the file over.

        With ``from_first_byte`` what lies before the data set, the meta header, comes first.
        """
        start, end = 0 if from_first_byte else self.offset, self.offset + sendable
        if len(self._head) == self._size:  # the checked bytes are all there are, so nothing can change any more
            return BytesPayload(memoryview(self._head)[start:end])
        checksum = None if self.crc is None else self._checksum(self.crc, start, end)
        descriptor, self._descriptor = self._descriptor, -1
        return FilePayload(descriptor, self._start + start, end - start, self._state, checksum, self._closer)

    def _checksum(self, crc: int, start: int, after: int) -> Checksum:
        from .checksum import Checksum, crc_of_range  # only for members of archives

        before = crc_of_range(self._descriptor, self._start, start)
        return Checksum(crc, before, (self._start + after, self._size - after))

    def check_crc(self) -> None:
        """Read the whole input and compare its CRC-32, if it has one.  Raises DataSetError, FileUnreadable."""
        if self.crc is not None:
            from .checksum import check_range

            check_range(self._descriptor, self._start, self._size, self.crc)

    def check_unchanged(self) -> None:
        """Compare the file with its state when it was opened.  Raises FileChanged, FileUnreadable."""
        if self._descriptor >= 0:
            try:
                check_unchanged(self._descriptor, self._state)
            except OSError as error:
                raise unreadable(error) from error

    def close(self) -> None:
        if self._descriptor >= 0:
            self._closer(self._descriptor)
            self._descriptor = -1


def load_instance(
    instance: Instance,
    file: OpenFile,
    dictionary: DictionarySource,
    check: Callable[[], None] | None = None,
    noted: frozenset[int] | None = None,
) -> LoadedInstance:
    """Find the data set in an open file and walk it to its end; takes the file over.

    ``check`` is called now and then while a long data set is walked and may raise.  ``noted`` are the tags of the
    facts beside the UIDs, None if no facts are wanted.  Raises FileUnreadable, and DataSetError with DCMTK's condition.
    """
    content = _FileContent(file, check)
    try:
        location = locate_data_set(content, instance.read_mode, dictionary, file.head)
        content.offset = location.offset
        if location.transfer_syntax.is_known:
            # Of an empty data set DCMTK reads nothing, and it stays in the syntax that a new one has.
            syntax = location.transfer_syntax if content.size else EXPLICIT_VR_LITTLE_ENDIAN
            return _walked(content, syntax, dictionary, noted)
        if location.meta is None:  # a bare data set always has one of the native syntaxes
            raise DataSetError("File meta information header missing")
        return _believed(content, location.transfer_syntax, location.meta)
    except BaseException:
        file.close()
        raise


def _believed(content: _FileContent, syntax: TransferSyntax, said: FileMeta) -> LoadedInstance:
    """Believe the meta header of a data set that cannot be walked, because its transfer syntax is unknown."""
    return LoadedInstance(content, syntax, said.sop_class_uid, said.sop_instance_uid, content.size, content.size)


def _walked(
    content: _FileContent, syntax: TransferSyntax, dictionary: DictionarySource, noted: frozenset[int] | None
) -> LoadedInstance:
    """Walk the data set to its end."""
    source: ByteSource = content
    is_deflated = syntax.is_deflated
    if is_deflated:
        from dcmsend.transcode import InflatingSource  # zlib is only needed for deflated data sets

        source = inflating = InflatingSource(source)
    notes = Notes(noted or frozenset())
    walked = walk_data_set(
        source,
        EXPLICIT_VR_LITTLE_ENDIAN if is_deflated else syntax,
        dictionary=dictionary,
        origin=content.offset,
        notes=notes,
    )
    warnings, repairs = walked.warnings, walked.repairs
    if is_deflated:
        has_more, end = inflating.finish(walked.encoded_length)
        is_all = content.ends_a_stream(end, walked.encoded_length)
        warning = "" if is_all else _behind_the_stream(content.size - end)
        if warning:
            warnings += (warning,)
        if warning or has_more:  # as it stands it would be sent with what is not of the data set
            repairs += ("more than the data set is in the file",)
    return LoadedInstance(
        content,
        syntax,
        *walked.uids,
        walked.encoded_length,
        content.size if is_deflated else walked.length,
        warnings,
        repairs,
        None if noted is None else _facts(notes, noted),
    )


def _facts(notes: Notes, noted: frozenset[int]) -> HeaderFacts:
    from dcmsend.index import facts_of  # not needed in a run without reports

    return facts_of(notes.values, noted)


def _behind_the_stream(count: int) -> str:
    """Of bytes that belong to no data set: no walk has seen them."""
    text = "1 byte" if count == 1 else f"{count} bytes"
    return f"{text} behind the end of the deflate stream {'is' if count == 1 else 'are'} not sent"


def _unless_changed(chunks: Iterator[bytes], content: _FileContent) -> Iterator[bytes]:
    """The chunks; after the last one, check that the file is unchanged since it was opened.

    Raises FileChanged, FileUnreadable.
    """
    yield from chunks
    content.check_unchanged()


def _make_spool(size: int) -> Spool:
    from .pixel_spool import make_spool  # only needed where pixels are decoded

    return make_spool(size)
