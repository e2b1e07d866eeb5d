"""Deflated data sets: reading at any place, bounds, streams that are damaged."""

from __future__ import annotations

import random
import zlib

import pytest

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.errors import DataSetError
from dcmsend.transcode import InflatingSource
from dcmsend.transcode.deflate import deflated

PLAIN = random.Random(1).randbytes(300_000) + bytes(2_000_000) + random.Random(2).randbytes(900_000)


def raw_deflate(data: bytes, level: int = 6) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


class CountingSource(BytesSource):
    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.read = 0

    def read_at(self, position: int, size: int) -> bytes:
        data = super().read_at(position, size)
        self.read += len(data)
        return data


def condition(source: InflatingSource, position: int = 0, size: int = 1 << 30) -> str:
    with pytest.raises(DataSetError) as error:
        source.read_at(position, size)
    return error.value.condition


@pytest.mark.parametrize("distance", [1000, 100_000, 16 << 20])
def test_reading_at_any_place(monkeypatch: pytest.MonkeyPatch, distance: int) -> None:
    monkeypatch.setattr("dcmsend.transcode.deflate._FIRST_DISTANCE", distance)
    source = InflatingSource(BytesSource(raw_deflate(PLAIN) + b"\0"))
    choice = random.Random(3)
    for _ in range(300):
        position, size = choice.randrange(len(PLAIN) + 10), choice.choice((1, 12, 5000, 300_000))
        assert source.read_at(position, size) == PLAIN[position : position + size]
    assert source.read_at(len(PLAIN), 1) == b""
    assert source.read_at(len(PLAIN) + 5, 1) == b""


def test_going_back_does_not_start_from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcmsend.transcode.deflate._FIRST_DISTANCE", 100_000)
    counting = CountingSource(raw_deflate(random.Random(4).randbytes(3_000_000)))
    source = InflatingSource(counting)
    source.read_at(2_999_999, 1)
    before = counting.read
    source.read_at(2_000_000, 10)
    assert counting.read - before < 600_000


def test_a_bomb_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcmsend.transcode.deflate._LARGEST", 10_000_000)
    bomb = raw_deflate(bytes(50_000_000), 9)
    source = InflatingSource(BytesSource(bomb))
    assert source.read_at(5_000_000, 4) == bytes(4)
    assert condition(source, 40_000_000, 4) == "Invalid stream"


def test_a_bomb_is_stopped_early_if_it_is_small() -> None:
    """Half a megabyte of zeros that inflates to 512 MiB; the same behind 1 MB of noise is honest.

    After a full flush the same zeros deflate to the same bytes, so that they are deflated only once.
    """
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    noise = compressor.compress(random.Random(5).randbytes(1_000_000)) + compressor.flush(zlib.Z_FULL_FLUSH)
    zeros = compressor.compress(bytes(1 << 24)) + compressor.flush(zlib.Z_FULL_FLUSH)
    end = compressor.flush()
    source = InflatingSource(BytesSource(zeros * 40 + end))
    assert source.read_at(400_000_000, 4) == bytes(4)
    assert condition(source, 600_000_000, 4) == "Invalid stream"
    size = 1_000_000 + 33 * (1 << 24)
    assert InflatingSource(BytesSource(noise + zeros * 33 + end)).read_at(size - 4, 9) == bytes(4)


def test_reading_back_and_forth_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcmsend.transcode.deflate._MOST_WORK", 30_000_000)
    source = InflatingSource(BytesSource(raw_deflate(PLAIN)))
    for _ in range(9):
        source.read_at(3_000_000, 10)
        source.read_at(0, 10)
    assert condition(source, 3_000_000, 10) == "Invalid stream"


def test_damaged_streams() -> None:
    stream = raw_deflate(PLAIN)
    assert condition(InflatingSource(BytesSource(stream[:-1]))) == "I/O suspension or premature end of stream"
    assert condition(InflatingSource(BytesSource(b""))) == "I/O suspension or premature end of stream"
    assert condition(InflatingSource(BytesSource(zlib.compress(b"abc")))) == "ZLib Error: invalid stored block lengths"
    source = InflatingSource(BytesSource(stream[: len(stream) // 2]))
    assert source.read_at(0, 1000) == PLAIN[:1000]


@pytest.mark.parametrize("level", [0, 1, 6, 9])
@pytest.mark.parametrize("size", [0, 1, 5, 300_000])
def test_output_is_raw_deflate_of_even_length(level: int, size: int) -> None:
    data = PLAIN[:size]
    pieces = list(deflated(iter([data[: size // 2], b"", data[size // 2 :]]), level))
    stream = b"".join(pieces)
    inflater = zlib.decompressobj(-15)
    assert inflater.decompress(stream) == data
    assert inflater.unused_data in (b"", b"\0")
    assert len(stream) % 2 == 0
    assert max(map(len, pieces)) <= 256 * 1024
