"""The targets of fuzzing, and the promises that must hold for any bytes.

Each target takes bytes and returns when its promises hold; otherwise it raises an exception.  This module needs no
fuzzer: the tests replay the seeds, and variations that hypothesis makes.  All targets also promise to end soon and to
use little memory, which the fuzzer watches.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress

from dcmsend.cli.command_file import split_arguments
from dcmsend.cli.log_filters import is_accepted, make_filters
from dcmsend.cli.log_layout import make_layout
from dcmsend.cli.log_properties import LogTrouble, expand_variables, parse_properties, subset
from dcmsend.cli.terminal import ErrorStream, make_harmless
from dcmsend.dicom.byte_source import BytesSource
from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.dicom.dictionary_file import load_dictionary_files
from dcmsend.dicom.transfer_syntax import TransferSyntax, transfer_syntax
from dcmsend.dicom.walk import walk_data_set
from dcmsend.dicomweb import (
    ResponseUnreadable,
    WebAddress,
    parse_instances,
    parse_store_response,
    retry_after,
)
from dcmsend.errors import (
    DataSetError,
    FileUnreadable,
    PeerDataSetError,
    RemoteProtocolError,
    TranscodeError,
    UsageError,
)
from dcmsend.index import read_file_meta
from dcmsend.inputs import InputFile, OpenFile
from dcmsend.inputs.archives import expand_archives, libdeflate
from dcmsend.inputs.dicomdir import leads_outside, read_dicomdir
from dcmsend.protocol import (
    MESSAGE_TRANSFER_SYNTAXES,
    AssociateAC,
    AssociateRQ,
    ContextResult,
    Event,
    PresentationContext,
    ReleaseRQ,
    State,
    UpperLayer,
    UserInformation,
    decode_commitment_report,
    decode_image_match,
    encode_commitment_request,
    encode_pdu,
)
from dcmsend.transcode import convert_data_set
from dcmsend.transcode.codestream import (
    fault_of_scans,
    has_jpeg_ls_end,
    read_jpeg_2000_header,
    read_jpeg_header,
)
from dcmsend.transcode.jpeg_2000_colour import read_jpeg_2000_colour
from dcmsend.transcode.jpeg_xl_header import read_jpeg_xl_header, read_jpeg_xl_size

__all__ = ["TARGETS"]

EXPLICIT, BIG, IMPLICIT = (f"1.2.840.10008.1.2{suffix}" for suffix in (".1", ".2", ""))
_SYNTAXES = (EXPLICIT, BIG, IMPLICIT, "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.5")
_MOST_CONVERTED = 1 << 20
_ZLIB, _LIBDEFLATE = libdeflate.Search(1 << 62), libdeflate.Search(0)
_LIBDEFLATE.count(1)
_REQUEST = AssociateRQ("B", "A", (PresentationContext(1, "1.2.3", (IMPLICIT,)),), UserInformation())
_ACCEPTANCE = encode_pdu(AssociateAC("B", "A", (ContextResult(1, 0, IMPLICIT),), UserInformation()))


def pdu(data: bytes) -> None:
    """Any stream gives events or one RemoteProtocolError, the same however it is cut, in each of our states."""
    opening, size, stream = data[:1], data[1:2], data[2:]
    kind = opening[0] % 4 if opening else 0
    step = 1 + (size[0] if size else 0) % 64
    whole = _conversation(kind, [stream])
    assert _conversation(kind, [stream[at : at + step] for at in range(0, len(stream), step)]) == whole


def _conversation(kind: int, chunks: Iterable[bytes]) -> tuple[list[Event], str, State]:
    layer = UpperLayer(16384, is_acceptor=kind == 3)
    if kind != 3:
        layer.send(_REQUEST)
    if kind in (1, 2):
        layer.receive_data(_ACCEPTANCE)
    if kind == 2:
        layer.send(ReleaseRQ())
    events: list[Event] = []
    breach = ""
    for chunk in [*chunks, b""]:
        try:
            events += layer.receive_data(chunk)
        except RemoteProtocolError as error:
            assert not breach, "a breach is raised once"
            breach = str(error)
    return events, breach, layer.state


def meta_header(data: bytes) -> None:
    """A meta header, or a DataSetError; the data set begins inside the file."""
    for needs_preamble in (True, False):
        with suppress(DataSetError):
            meta = read_file_meta(BytesSource(data), needs_preamble=needs_preamble)
            assert 0 <= meta.data_set_offset <= len(data)
            for uid in (meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid):
                assert len(uid) <= len(data)


class _CountingSource(BytesSource):
    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.calls = 0

    def read_at(self, position: int, size: int) -> bytes:
        self.calls += 1
        return super().read_at(position, size)


def walk(data: bytes) -> None:
    """A walk ends in a result or a DataSetError, stays within the data, and does not read them repeatedly."""
    syntax, body = _syntax_of(data)
    source = _CountingSource(body)
    with suppress(DataSetError):
        result = walk_data_set(source, syntax, dictionary=default_dictionary)
        assert 0 <= result.length <= result.encoded_length <= max(len(body), result.encoded_length * syntax.is_deflated)
    if not syntax.is_deflated:
        assert source.calls < 20 + 2 * len(body)


def reencode(data: bytes) -> None:
    """A converted data set has the announced length, is valid, and stays the same when it is converted again."""
    syntax, body = _syntax_of(data)
    target = transfer_syntax((EXPLICIT, BIG, IMPLICIT)[len(body) % 3])
    try:
        result = convert_data_set(BytesSource(body), syntax, target, dictionary=default_dictionary)
        result.decode()
        chunks, length = [], 0
        for chunk in result.chunks():
            chunks.append(chunk)
            length += len(chunk)
            if length > _MOST_CONVERTED:
                return  # a deflated data set may be large; its end is the promise of another target
    except (DataSetError, TranscodeError):
        return
    converted = b"".join(chunks)
    assert result.length in (None, len(converted))
    walked = walk_data_set(BytesSource(converted), target, dictionary=default_dictionary)
    assert walked.length == len(converted)
    again = convert_data_set(BytesSource(converted), target, target, dictionary=default_dictionary)
    again.decode()
    assert b"".join(again.chunks()) == converted


def _syntax_of(data: bytes) -> tuple[TransferSyntax, bytes]:
    return transfer_syntax(_SYNTAXES[(data[0] if data else 0) % len(_SYNTAXES)]), data[1:]


def dicomdir(data: bytes) -> None:
    """Records name files; a file ID that does not lead outside stays below the directory of the DICOMDIR."""
    syntax, body = _syntax_of(data)
    with suppress(DataSetError):
        for item in read_dicomdir("medium/DICOMDIR", BytesSource(body), syntax):
            record = item.record
            assert record is not None
            if record.file_id and "\0" not in item.path and not leads_outside(record.file_id):
                below = os.path.normpath(os.path.join("/mnt", item.path))
                assert below == "/mnt/medium" or below.startswith("/mnt/medium/"), item.path


def codestream(data: bytes) -> None:
    """The checks before a codec reads a frame end in a header or a TranscodeError."""
    with suppress(TranscodeError):
        header = read_jpeg_header(data)
        fault_of_scans(data, header)
        has_jpeg_ls_end(data, header)
    with suppress(TranscodeError):
        read_jpeg_2000_header(data)
        read_jpeg_2000_colour(data)
    with suppress(TranscodeError):
        width, height = read_jpeg_xl_size(data)
        assert width > 0
        assert height > 0
        read_jpeg_xl_header(data)


def message_data_set(data: bytes) -> None:
    """Reports on storage commitment and answers to queries give values of the data, or a PeerDataSetError."""
    syntax, body = MESSAGE_TRANSFER_SYNTAXES[(data[0] if data else 0) & 1], data[1:]
    with suppress(PeerDataSetError):
        match = decode_image_match(body, syntax)
        assert 0 < len(match.sop_instance_uid) <= len(body)
    with suppress(PeerDataSetError):
        report = decode_commitment_report(body, syntax)
        assert report.transaction_uid
        references = (*report.committed, *report.failed)
        length = sum(len(each.sop_class_uid) + len(each.sop_instance_uid) for each in references)
        assert length + len(report.transaction_uid) + len(report.retrieve_ae_title) <= len(body)
        assert 8 * len(references) <= len(body)
        if report.committed:
            again = encode_commitment_request(report.transaction_uid, report.committed, MESSAGE_TRANSFER_SYNTAXES[0])
            assert decode_commitment_report(again, MESSAGE_TRANSFER_SYNTAXES[0]).committed == report.committed


def web_answer(data: bytes) -> None:
    """Answers of a web server give UIDs of the body, each in one list, or a ResponseUnreadable."""
    content_type, body = (None, "application/dicom+json", "text/xml")[data[0] % 3 if data else 0], data[1:]
    with suppress(ResponseUnreadable):
        answer = parse_store_response(body, content_type)
        named = [*answer.referenced, *answer.failed, *answer.ambiguous]
        assert len(set(named)) == len(named)
        assert sum(map(len, named)) + len(answer.others) <= len(body)
        codes = (*answer.referenced.values(), *answer.failed.values(), *answer.others)
        assert all(code is None or 0 <= code <= 0xFFFF for code in codes)
    with suppress(ResponseUnreadable):
        instances = parse_instances(body, content_type)
        assert all(instances)
        assert sum(len(uid) + len(availability) for uid, availability in instances) <= len(body)


def web_address(data: bytes) -> None:
    """A URL is taken apart and put together again, or a ValueError; a header Retry-After gives seconds of one day."""
    text = data.decode("utf-8", "surrogateescape")
    with suppress(ValueError):
        address = WebAddress.parse(text)
        target = address.path_of("studies", limit=1)
        assert target.startswith("/")
        assert target.isascii()
        assert target.isprintable()
        assert address.path.endswith("/studies") or WebAddress.parse(address.url) == address
    seconds = retry_after(text, 1_800_000_000.0)
    assert seconds is None or 0 <= seconds <= 86400


def command_file(data: bytes) -> None:
    """Arguments hold only bytes of the file, in their order, and each of them at most once."""
    arguments = [os.fsencode(argument) for argument in split_arguments(data)]
    assert sum(map(len, arguments)) <= len(data)
    rest = iter(data)
    assert all(byte in rest for argument in arguments for byte in argument)


class _Nowhere(ErrorStream):
    def __init__(self) -> None:
        super().__init__(None)


def log_configuration(data: bytes) -> None:
    """A faulty configuration is a UsageError or is reported; layouts and filters accept every message."""
    trouble = LogTrouble(_Nowhere())
    try:
        properties = expand_variables(parse_properties(data), "dcmsend", trouble)
    except UsageError:
        return
    own = subset(properties, "log4cplus.appender.a.")
    layout, filters = make_layout(own, trouble), make_filters(own, trouble)
    for text in ("", "one\ntwo", "\x1b[31m\udcff"):
        record = logging.LogRecord("dcmsend.app", logging.WARNING, __file__, 1, text, None, None)
        assert isinstance(layout(record), str)
        assert is_accepted(filters, record) in (True, False)


def dictionary_file(data: bytes) -> None:
    """Any text makes a dictionary, perhaps an empty one."""
    dictionary = load_dictionary_files([("fuzz.dic", data.decode("utf-8", "replace"))])
    assert dictionary.vr_of(0x00080018)


def terminal_text(data: bytes) -> None:
    """No text that is shown can control a terminal."""
    shown = make_harmless(data.decode("utf-8", "surrogateescape"))
    assert all(character == "\n" or (character.isprintable() or ord(character) > 0x9F) for character in shown)
    assert not any("\x7f" <= character <= "\x9f" or "\u202a" <= character <= "\u202e" for character in shown)


def zip_archive(data: bytes) -> None:
    """Each member can be read, as far as its archive says and no further, or raises an error.

    With libdeflate the bytes and errors are those with zlib alone; what zlib refuses for its form may be read.
    """
    found, usual = [], libdeflate.search
    for libdeflate.search in (_ZLIB, _LIBDEFLATE):
        found.append(_archive(data, ".zip", len(data) // 46 + 1))
    libdeflate.search = usual
    for with_zlib, with_libdeflate in zip(*found, strict=True):
        assert with_libdeflate == with_zlib or (isinstance(with_zlib, str) and isinstance(with_libdeflate, bytes))


def tar_archive(data: bytes) -> None:
    """The same of a tar archive."""
    _archive(data, ".tar", len(data) // 512 + 1)


def compressed_tar(data: bytes) -> None:
    """The same of a compressed one; the first byte chooses how."""
    suffix = (".tgz", ".tbz2", ".txz", ".tzst")[data[0] % 4] if data else ".tgz"
    _archive(data[1:], suffix, 1 << 24)


def _archive(data: bytes, suffix: str, most: int) -> list[bytes | str]:
    """What the members hold, or why they cannot be read."""
    descriptor, path = tempfile.mkstemp(suffix=suffix)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
        found: list[bytes | str] = []
        for item in expand_archives((InputFile(path),)):
            try:
                _, beginning = item.open_beginning(100)
                found.append(_read_member(item.open(64), beginning))
            except (DataSetError, FileUnreadable) as error:
                found.append(str(error))
        assert len(found) <= most
        return found
    finally:
        os.unlink(path)


def _read_member(file: OpenFile, beginning: bytes) -> bytes:
    try:
        content = file.source().read_at(0, file.size)
        assert len(content) == file.size
        assert content.startswith(beginning)
        assert content.startswith(file.head)
        return content
    finally:
        file.close()


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each
    for each in (
        pdu, meta_header, walk, reencode, dicomdir, codestream, message_data_set, web_answer, web_address,
        command_file, log_configuration, dictionary_file, terminal_text, zip_archive, tar_archive, compressed_tar,
    )
}  # fmt: skip
"""All targets by name."""
