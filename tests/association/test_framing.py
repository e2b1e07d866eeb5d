"""The bytes of a data set reach the slots of a framed buffer in order, however they are read."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcmsend.association import framing as framing_module
from dcmsend.association.framing import Framing, framing_of
from dcmsend.errors import FileUnreadable
from dcmsend.inputs import FileChanged, preadv_by_seeking
from dcmsend.load import BytesPayload, ChunkPayload, FilePayload, Payload
from dcmsend.protocol import FramedBuffer
from support import wire
from support.examples import examples

Reader = Callable[[int, Sequence[memoryview], int], int]


def sent_by(payload: Payload | Framing, buffer: FramedBuffer) -> tuple[bytes, list[int]]:
    """What would go over the wire: the data set, and the length of each fragment."""
    framing = framing_of(payload) if isinstance(payload, Payload) else payload
    data = bytearray()
    lengths = []
    lasts = []
    while True:
        count, is_last = framing.fill(buffer)
        assert count == buffer.capacity or is_last
        frame = bytes(buffer.frame(count, context_id=7, is_last=is_last))
        while frame:
            end = 6 + int.from_bytes(frame[2:6], "big")
            for context_id, flags, fragment in wire.presentation_data_values(frame[6:end]):
                assert context_id == 7
                assert not flags & 1
                data += fragment
                lengths.append(len(fragment))
                lasts.append(bool(flags & 2))
            frame = frame[end:]
        if is_last:
            assert lasts == [False] * (len(lasts) - 1) + [True]
            return bytes(data), lengths


def expected_lengths(total: int, fragment: int) -> list[int]:
    """All fragments are full but the last, and there is no empty one behind a full one."""
    full, rest = divmod(total, fragment)
    return [fragment] * full + [rest] * (rest > 0 or total == 0)


def padded(data: bytes) -> bytes:
    """A message has an even length (PS3.5 7.1.1, A.5)."""
    return data + bytes(len(data) % 2)


def open_payload(path: Path, start: int, length: int) -> FilePayload:
    fd = os.open(path, os.O_RDONLY)
    status = os.fstat(fd)
    return FilePayload(fd, start, length, (status.st_size, status.st_mtime_ns))


def whole(fd: int, targets: Sequence[memoryview], offset: int) -> int:
    return os.preadv(fd, targets, offset)


def short(fd: int, targets: Sequence[memoryview], offset: int) -> int:
    """A file system that gives a little less than asked, anywhere in the middle of a slot."""
    wanted = random.Random(offset).randint(1, sum(len(target) for target in targets))
    cut = []
    for target in targets:
        cut.append(target[:wanted])
        wanted -= len(cut[-1])
        if not wanted:
            break
    return os.preadv(fd, cut, offset)


READERS: dict[str, Reader] = {
    "preadv": whole,
    "short reads": short,
    "without preadv": preadv_by_seeking,
}


@pytest.fixture(params=list(READERS))
def any_reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(framing_module, "read_into", READERS[request.param])
    return str(request.param)


@pytest.fixture(scope="module")
def content() -> bytes:
    return random.Random(5).randbytes(100_000)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> Path:
    path = tmp_path_factory.mktemp("payload") / "file"
    path.write_bytes(content)
    return path


def test_what_the_system_has_is_used() -> None:
    assert framing_module.read_into is getattr(os, "preadv", preadv_by_seeking)


@pytest.mark.usefixtures("any_reader")
@settings(max_examples=examples(60), deadline=None)
@given(data=st.data())
def test_file(file: Path, content: bytes, data: st.DataObject) -> None:
    fragment = 2 * data.draw(st.one_of(st.integers(1, 20), st.integers(500, 20_000)), "half a fragment")
    capacity = data.draw(st.integers(1, 60_000), "capacity")
    start = data.draw(st.integers(0, len(content)), "start")
    longest = min(len(content) - start, 400 * fragment)
    length = data.draw(st.integers(0, longest), "length")
    buffer = FramedBuffer(fragment, capacity)
    payload = open_payload(file, start, length)
    try:
        expected = padded(content[start : start + length])
        assert sent_by(payload, buffer) == (expected, expected_lengths(len(expected), fragment))
    finally:
        payload.close()


@pytest.mark.usefixtures("any_reader")
def test_one_buffer_for_many_files_of_all_lengths(file: Path, content: bytes) -> None:
    buffer = FramedBuffer(100, 1000)
    capacity = buffer.capacity
    for length in (0, 1, 99, 100, 101, capacity - 1, capacity, capacity + 1, 3 * capacity, 5, 2 * capacity + 37):
        payload = open_payload(file, 11, length)
        expected = padded(content[11 : 11 + length])
        assert sent_by(payload, buffer) == (expected, expected_lengths(len(expected), 100))
        payload.close()


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=12), st.integers(1, 30), st.integers(1, 400), st.booleans())
def test_pieces(pieces: list[bytes], half: int, capacity: int, as_views: bool) -> None:
    whole_data = padded(b"".join(pieces))
    fragment = 2 * half
    chunks: Iterator[bytes | memoryview] = iter([memoryview(piece) if as_views else piece for piece in pieces])
    payload = ChunkPayload(chunks, lambda: None)
    lengths = expected_lengths(len(whole_data), fragment)
    assert sent_by(payload, FramedBuffer(fragment, capacity)) == (whole_data, lengths)


@settings(max_examples=examples(150), deadline=None)
@given(st.binary(max_size=2000), st.integers(1, 600), st.integers(1, 900))
def test_bytes(content: bytes, half: int, capacity: int) -> None:
    expected = padded(content)
    lengths = expected_lengths(len(expected), 2 * half)
    assert sent_by(BytesPayload(memoryview(content)), FramedBuffer(2 * half, capacity)) == (expected, lengths)


def test_an_error_of_the_pieces_is_passed_on() -> None:
    def pieces() -> Iterator[bytes]:
        yield bytes(1000)
        raise FileUnreadable("Input/output error", 5)

    with pytest.raises(FileUnreadable):
        sent_by(ChunkPayload(pieces(), lambda: None), FramedBuffer(100, 300))


def test_pieces_are_closed_once_however_often_one_asks() -> None:
    """A second close would hit whatever file has got the descriptor meanwhile."""
    closed = []
    payload = ChunkPayload(iter(()), lambda: closed.append(1))
    payload.close()
    payload.close()
    assert closed == [1]


def test_a_file_is_closed_once_however_often_one_asks(file: Path) -> None:
    payload = open_payload(file, 0, 10)
    payload.close()
    fd = os.open(file, os.O_RDONLY)  # gets the number that has become free
    payload.close()
    os.fstat(fd)
    os.close(fd)


# --- files that do not stay as they were


def shrink(path: Path) -> None:
    os.truncate(path, 900)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"changed")


def touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


@pytest.mark.usefixtures("any_reader")
@pytest.mark.parametrize("change", [shrink, grow, rewrite, touch])
@pytest.mark.parametrize("when", ["before the first byte", "in the middle"])
def test_a_file_that_changes_is_never_taken_for_sent(
    tmp_path: Path, change: Callable[[Path], None], when: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(1000))
    os.utime(path, ns=(0, 10**18))  # the clock of a file system may be too coarse for a change right after
    payload = open_payload(path, 0, 1000)
    framing = framing_of(payload)
    buffer = FramedBuffer(50, 200)
    if when == "in the middle":
        framing.fill(buffer)
    change(path)
    with pytest.raises(FileChanged) as caught:
        sent_by(framing, buffer)
    payload.close()
    assert caught.value.text == "Invalid stream"
    assert caught.value.detail


def test_a_replaced_file_is_sent_as_it_was(tmp_path: Path) -> None:
    """Who saves by renaming a new file does no harm: the old one is still open."""
    path = tmp_path / "file"
    path.write_bytes(b"old" * 100)
    payload = open_payload(path, 0, 300)
    (tmp_path / "new").write_bytes(b"new" * 100)
    (tmp_path / "new").replace(path)
    assert sent_by(payload, FramedBuffer(50, 200))[0] == b"old" * 100
    payload.close()


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    payload = FilePayload(fd, 0, 100, (0, 0))
    with pytest.raises(FileUnreadable) as caught:
        framing_of(payload).fill(FramedBuffer(50, 200))
    payload.close()
    assert caught.value.reason == "Is a directory"
