"""Opening files, and reading them at any position."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dcmsend.errors import DataSetError, FileUnreadable
from dcmsend.inputs import FileSource, file_source, open_input


@pytest.fixture(params=[True, False], ids=["pread", "lseek"])
def descriptor(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    if not request.param:
        monkeypatch.setattr(file_source, "_pread", None)
        monkeypatch.setattr(file_source, "_preadv", None)
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 10_000)
    opened = open_input(str(path))
    yield opened
    os.close(opened)


CONTENT = bytes(range(256)) * 10_000


@pytest.mark.parametrize(
    ("position", "size"),
    [(0, 10), (5, 0), (0, 3_000_000), (len(CONTENT) - 3, 10), (len(CONTENT), 1), (1 << 40, 5), (100, 1 << 50), (7, -1)],
)
def test_reading_anywhere(descriptor: int, position: int, size: int) -> None:
    assert FileSource(descriptor).read_at(position, size) == CONTENT[position : position + max(size, 0)]


@pytest.mark.parametrize(("position", "size"), [(0, 10), (5, 0), (len(CONTENT) - 3, 10), (len(CONTENT), 1), (7, 9000)])
def test_reading_into_memory(descriptor: int, position: int, size: int) -> None:
    room = bytearray(b"\xff" * (size + 2))
    count = file_source.read_into(descriptor, position, memoryview(room)[1 : size + 1])
    assert room[1 : count + 1] == CONTENT[position : position + size]
    assert room[0] == 0xFF
    assert set(room[count + 1 :]) == {0xFF}


def test_what_cannot_be_read_into_memory(descriptor: int, tmp_path: Path) -> None:
    with (tmp_path / "closed").open("wb") as file, pytest.raises(FileUnreadable) as caught:
        file_source.read_into(file.fileno(), 0, memoryview(bytearray(3)))  # open for writing only
    assert caught.value.errno


def test_a_part_of_a_file(descriptor: int) -> None:
    part = FileSource(descriptor, 100, 300)
    assert part.read_at(0, 1000) == CONTENT[100:300]
    assert part.read_at(199, 5) == CONTENT[299:300]
    assert part.read_at(200, 5) == b""
    assert FileSource(descriptor, 100).read_at(1, 2) == CONTENT[101:103]


def test_two_sources_share_a_descriptor(descriptor: int) -> None:
    first, second = FileSource(descriptor), FileSource(descriptor, 50)
    assert (first.read_at(3, 1), second.read_at(0, 1), first.read_at(4, 1)) == (b"\x03", b"\x32", b"\x04")


def test_memory_follows_what_is_there_and_not_what_is_asked_for(tmp_path: Path) -> None:
    import tracemalloc

    (tmp_path / "small").write_bytes(b"x")
    opened = open_input(str(tmp_path / "small"))
    tracemalloc.start()
    try:
        assert FileSource(opened).read_at(0, 1 << 40) == b"x"
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
        os.close(opened)


def test_a_position_that_no_file_has(descriptor: int) -> None:
    with pytest.raises(FileUnreadable):
        FileSource(descriptor).read_at(1 << 70, 1)


def test_a_closed_descriptor_is_an_error_of_ours_to_tell(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    opened = open_input(str(tmp_path / "file"))
    os.close(opened)
    with pytest.raises(FileUnreadable, match=os.strerror(9)):
        FileSource(opened).read_at(0, 1)


@pytest.mark.parametrize("name", ["missing", "file/below", "x" * 300, "loop", "nul\0byte"])
def test_why_a_file_cannot_be_opened(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(FileUnreadable) as error:
        open_input(str(tmp_path / name))
    assert error.value.reason == os.strerror(error.value.errno)


def test_a_directory_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(DataSetError) as error:
        open_input(str(tmp_path))
    assert error.value.detail == "it is a directory"


def test_a_sparse_file_of_terabytes(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        try:
            file.truncate(1 << 42)
        except OSError as error:
            pytest.skip(f"no such file here: {error}")
    opened = open_input(str(path))
    try:
        assert FileSource(opened).read_at((1 << 42) - 2, 10) == b"\0\0"
    finally:
        os.close(opened)
