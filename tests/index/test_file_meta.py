"""Reading one meta header: the quick way and the thorough way give the same, and no bytes do harm."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.errors import DataSetError
from dcmsend.index import FileMeta, ReadMode, locate_data_set, read_file_meta
from dcmsend.index.file_meta import read_regular_meta
from dcmsend.index.irregular_meta import read_irregular_meta
from dcmsend.inputs import FileSource, open_input
from support.corpus import corpus
from support.data_set_bytes import ENCODINGS, meta_header
from support.part10 import read_part10

EXPLICIT = "1.2.840.10008.1.2.1"
REGULAR = meta_header(EXPLICIT)


def values(meta: FileMeta) -> tuple[str, str, str, int]:
    return meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid, meta.data_set_offset


@pytest.mark.parametrize(
    "file", [file for file in corpus() if file.valid in ("yes", "dicomdir")], ids=lambda file: file.name
)
def test_every_complete_file_of_the_corpus(file: object) -> None:
    path: Path = file.path  # type: ignore[attr-defined]
    descriptor = open_input(str(path))
    try:
        meta = read_file_meta(FileSource(descriptor))
    finally:
        os.close(descriptor)
    assert values(meta) == tuple(read_part10(path))




def mutations(start: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    """Positions from ``start`` on with new bytes for them."""
    return st.lists(st.tuples(st.integers(start, len(REGULAR) + 8), st.integers(0, 255)), max_size=4)


@given(mutations(130), st.integers(0, len(REGULAR) + 20))
def test_quick_and_thorough_reading_agree(changes: list[tuple[int, int]], size: int) -> None:
    """What the quick way takes, the thorough way takes for the same, and it has no reason for a remark."""
    data = _changed(REGULAR + bytes.fromhex("08000500 4353 0a00") + b"ISO_IR 100", changes)[:size]
    quick = read_regular_meta(BytesSource(data))
    if quick is None:
        return
    with _no_remarks():
        thorough = read_irregular_meta(BytesSource(data), needs_preamble=True)
    assert values(quick) == values(thorough)


class _no_remarks(logging.Handler):  # noqa: N801 - reads as a statement
    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        raise AssertionError(record.getMessage())

    def __enter__(self) -> None:
        logging.getLogger("dcmsend.data").addHandler(self)

    def __exit__(self, *_: object) -> None:
        logging.getLogger("dcmsend.data").removeHandler(self)


@given(
    st.one_of(
        st.binary(max_size=64),
        st.binary(max_size=64).map(lambda rest: bytes(128) + b"DICM" + rest),
        st.binary(max_size=64).map(lambda rest: bytes(128) + b"DICM\x02\x00\x00\x00UL\x04\x00" + rest),
        st.tuples(mutations(120), st.binary(max_size=8)).map(lambda pair: _changed(REGULAR + pair[1], pair[0])),
    )
)
def test_any_bytes_have_a_header_or_a_data_set_error(data: bytes) -> None:
    for mode in ReadMode:
        location = None
        with suppress(DataSetError):
            location = locate_data_set(BytesSource(data), mode)
        assert location is None or 0 <= location.offset <= len(data)


def _changed(data: bytes, changes: list[tuple[int, int]]) -> bytes:
    changed = bytearray(data)
    for position, value in changes:
        if position < len(changed):
            changed[position] = value
    return bytes(changed)


class _CountingSource:
    """A source of any size that counts what is asked of it."""

    def __init__(self, data: bytes, size: int) -> None:
        self.data, self.size, self.bytes_read = data, size, 0

    def read_at(self, position: int, size: int) -> bytes:
        size = max(0, min(size, self.size - position))
        self.bytes_read += size
        part = self.data[position : position + size]
        return part + bytes(size - len(part))


@pytest.mark.parametrize("length", [100, 1 << 20, (1 << 32) - 2000])
def test_a_long_value_is_not_read(length: int) -> None:
    """Private Information (0002,0102) may have any size; the UIDs behind it are found all the same."""
    encoding = ENCODINGS["explicit little"]
    body = REGULAR[144:]
    start = REGULAR[:132] + encoding.element(0x00020000, "UL", (length + 12 + len(body)).to_bytes(4, "little"))
    start += encoding.element(0x00020102, "OB", b"", length)
    source = _CountingSource(start, len(start) + length + len(body))
    source.read_at = _with_tail(source, len(start) + length, body)  # type: ignore[method-assign]
    meta = read_file_meta(source)
    assert meta.transfer_syntax_uid == EXPLICIT
    assert meta.data_set_offset == len(start) + length + len(body)
    assert source.bytes_read < 10_000


def _with_tail(source: _CountingSource, where: int, tail: bytes):  # type: ignore[no-untyped-def]
    plain = source.read_at

    def read_at(position: int, size: int) -> bytes:
        data = plain(position, size)
        if position >= where:
            return tail[position - where : position - where + len(data)]
        return data

    return read_at


def test_a_header_without_end_is_refused() -> None:
    """A file of gigabytes that consists of empty elements of group 0002."""
    element = ENCODINGS["explicit little"].element(0x00020012, "UI", b"")
    with pytest.raises(DataSetError) as error:
        read_file_meta(BytesSource(REGULAR + element * 2000))
    assert error.value.condition == "Invalid stream"


def test_where_the_data_set_begins_when_the_group_length_is_wrong() -> None:
    encoding = ENCODINGS["explicit little"]
    for more in (-30, -1, 1, 18, 10_000):
        length = int.from_bytes(REGULAR[140:144], "little") + more
        data = REGULAR[:132] + encoding.element(0x00020000, "UL", length.to_bytes(4, "little")) + REGULAR[144:]
        data += encoding.element(0x00080005, "CS", b"ISO_IR 100")
        assert read_file_meta(BytesSource(data)).data_set_offset == len(REGULAR)


def test_an_unknown_transfer_syntax_is_located_as_it_is() -> None:
    location = locate_data_set(BytesSource(meta_header("1.3.6.1.4.1.99999.1") + b"x"), ReadMode.FILE_ONLY)
    assert location.transfer_syntax.uid == "1.3.6.1.4.1.99999.1"
    assert not location.transfer_syntax.is_known
    assert location.meta is not None


def test_a_header_without_preamble_counts_only_where_data_sets_do() -> None:
    bare = REGULAR[132:]
    with pytest.raises(DataSetError, match="File meta information header missing"):
        locate_data_set(BytesSource(bare), ReadMode.FILE_ONLY)
    assert locate_data_set(BytesSource(bare), ReadMode.FILE_OR_DATA_SET).offset == len(bare)
    assert locate_data_set(BytesSource(bare), ReadMode.DATA_SET_ONLY).offset == 0


@pytest.mark.parametrize("first", [0x00020002, 0x00020016])
def test_a_data_set_that_begins_with_group_0002(first: int) -> None:
    """The group length is right: what follows belongs to the data set, as for DCMTK."""
    element = ENCODINGS["explicit little"].element(first, "UI", b"1.2\0")
    meta = read_file_meta(BytesSource(REGULAR + element + bytes(20)))
    assert meta.data_set_offset == len(REGULAR)
