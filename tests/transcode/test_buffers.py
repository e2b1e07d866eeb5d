"""Memory for frames is used again, but never kept without bound."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.errors import DataSetError
from dcmsend.transcode import Job, MemorySpool, buffers, convert_data_set, frames
from dcmsend.transcode.buffers import Buffers
from dcmsend.transcode.frames import Frames
from support.compressed_files import Native, encapsulated_data_set


def test_memory_is_lent_again_as_soon_as_it_is_back() -> None:
    lender = Buffers()
    with lender.lent(1000) as first, lender.lent(1000) as second:
        assert first.obj is not second.obj
        used = {id(first.obj), id(second.obj)}
    for size in (1000, 1, 1001):
        with lender.lent(size) as again:
            assert len(again) == size
            assert id(again.obj) in used


def test_memory_that_is_too_small_is_replaced() -> None:
    lender = Buffers()
    with lender.lent(10):
        pass
    with lender.lent(100_000) as large:
        assert len(large) == 100_000


def test_neither_large_nor_much_memory_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffers, "_LARGEST_KEPT", 1000)
    lender = Buffers()
    with lender.lent(1001):
        pass
    assert not lender._free
    for data in [lender.take(10) for _ in range(100)]:
        lender.give_back(data)
    assert len(lender._free) == buffers._MOST_KEPT


def test_a_borrowed_frame_is_that_which_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_PIECE", 3)
    source = BytesSource(bytes(range(40)))
    lender = Buffers()
    found = Frames(source, [2, 20, 30], [10, 4, 8], [0, 2, 3])
    for number in (0, 1, 0):
        frame = found.borrow(number, lender)
        assert bytes(frame) == found.read(number)
        lender.give_back(frame)


def test_a_file_that_was_shortened_gives_no_frame() -> None:
    found = Frames(BytesSource(bytes(5)), [2], [10], [0, 1])
    with pytest.raises(DataSetError) as read:
        found.read(0)
    with pytest.raises(DataSetError) as borrowed:
        found.borrow(0, Buffers())
    assert str(borrowed.value) == str(read.value)


_HEADER = struct.pack("<16L", 1, 64, *[0] * 14)


def jobs_for(packets: bytes, count: int) -> tuple[int, int]:
    """How many jobs are made of so many frames of one pixel, and how large they say that a frame is."""
    pixel: dict[int, tuple[str, object] | None] = dict.fromkeys((2621456, 2621457), ("US", ("H", 1)))
    changes = pixel | {0x00280008: ("IS", b"%d" % count)}
    data = encapsulated_data_set(Native(), [b"", *[_HEADER + packets] * count], changes)
    rle, native = (transfer_syntax(f"1.2.840.10008.1.2{end}") for end in (".5", ".1"))
    seen = []

    def run(jobs: Iterator[Job], memory: int) -> None:
        done = [job() for job in jobs]
        seen.append((len(done), memory))

    convert_data_set(BytesSource(data), rle, native, dictionary=default_dictionary).decode(MemorySpool, run)
    return seen[-1]


def test_a_job_has_so_many_frames_at_most() -> None:
    """What holds a frame of one pixel is larger than it is."""
    assert jobs_for(b"\0\7", 4000)[0] >= 4


def test_a_compressed_frame_may_be_larger_than_its_pixels() -> None:
    """Packets that stand for nothing are allowed."""
    assert jobs_for(b"\x80" * 100_000 + b"\0\7", 4)[1] >= 100_000
