"""The limits for hostile archives (docs/security.md), and files without a name."""

from __future__ import annotations

import os
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from dcmsend.errors import DataSetError, FileUnreadable
from dcmsend.inputs import anonymous
from dcmsend.inputs.anonymous import anonymous_file
from dcmsend.inputs.archives import content, zip_archive, zip_directory, zip_methods
from support.archives import content_of, members
from support.descriptors import open_descriptors

pytestmark = pytest.mark.usefixtures("library")


def reasons(path: Path) -> list[str]:
    """Why each member cannot be read; "" for those that can."""
    found = []
    for item in members(path):
        try:
            content_of(item)
            found.append("")
        except (DataSetError, FileUnreadable) as error:
            found.append(str(error))
    return found


def write_zip(path: Path, contents: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return path


def test_number_of_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_zip(tmp_path / "in.zip", {str(number): b"x" for number in range(5)})
    assert reasons(path) == [""] * 5
    monkeypatch.setattr(zip_directory, "MOST_MEMBERS", 3)
    assert reasons(path) == ["", "", "", "the archive has more than 3 members"]


def test_size_of_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_zip(tmp_path / "in.zip", {"a": b"x"})
    monkeypatch.setattr(zip_directory, "LARGEST_DIRECTORY", 46)
    assert reasons(path) == ["the list of members has 47 bytes, more than 46"]


def test_the_list_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{number:05d}" + "x" * (number * 997 % 60000) for number in range(60)]
    path = write_zip(tmp_path / "in.zip", dict.fromkeys(names, b"x"))
    largest = 0
    read_at = zip_directory.FileSource.read_at

    def noted(source: Any, position: int, size: int) -> bytes:
        nonlocal largest
        largest = max(largest, size)
        return read_at(source, position, size)

    monkeypatch.setattr(zip_directory.FileSource, "read_at", noted)
    assert [item.path.rpartition("!/")[2] for item in members(path)] == names
    assert path.stat().st_size > 2_000_000 > 1 << 18 == largest


def test_deflate_cannot_reach_the_ratio_that_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "in.zip", {"zeros": bytes(30 << 20)})
    assert 1000 < (30 << 20) / path.stat().st_size < zip_archive.LARGEST_RATIO
    assert reasons(path) == [""]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_bomb_of_another_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: int) -> None:
    path = write_zip(tmp_path / "in.zip", {"zeros": bytes(8 << 20)}, method)
    assert reasons(path) == [""]
    monkeypatch.setattr(zip_archive, "HARMLESS", 8 << 20 - 1)
    assert "it may be a bomb" in reasons(path)[0]


def test_size_of_a_compressed_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_zip(tmp_path / "in.zip", {"a": os.urandom(1000)})
    monkeypatch.setattr(zip_archive, "LARGEST_COMPRESSED", 999)
    assert reasons(path) == ["it has 1000 bytes, more than 999 in a compressed member"]


def test_no_more_than_the_declared_size_is_inflated(tmp_path: Path) -> None:
    """One byte more is enough to know."""
    data = zlib.compress(bytes(50 << 20), 9)[2:-4]
    path = tmp_path / "stream"
    path.write_bytes(data)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        source = zip_methods.FileSource(descriptor)
        taken: list[bytes] = []
        with pytest.raises(DataSetError, match="larger than the 1000000 bytes"):
            taken.extend(zip_methods.inflate_pieces(source, len(data), zip_methods.DEFLATED, 1_000_000, 0))
        assert sum(map(len, taken)) <= 1_000_000
    finally:
        os.close(descriptor)


def test_memory_of_an_lzma_dictionary(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "in.zip", {"a": bytes(1000)}, zipfile.ZIP_LZMA)
    data = bytearray(path.read_bytes())
    at = data.index(b"\x05\0", 31)
    data[at + 3 : at + 7] = b"\xff" * 4
    path.write_bytes(data)
    assert reasons(path) == ["the member needs 4294967295 bytes of memory to be decompressed"]


def test_small_anonymous_files_lie_in_memory_and_large_ones_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = open_descriptors()
    for size, expected in ((anonymous.LARGEST_IN_MEMORY, "memfd:"), (anonymous.LARGEST_IN_MEMORY + 1, str(tmp_path))):
        descriptor = anonymous_file(size)
        try:
            assert expected in os.readlink(f"/proc/self/fd/{descriptor}")
            assert not list(tmp_path.iterdir())
        finally:
            os.close(descriptor)
    assert open_descriptors() <= before


def test_without_memory_files_every_member_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anonymous, "_memfd_create", None)
    path = write_zip(tmp_path / "in.zip", {"a": bytes(100_000)})
    assert reasons(path) == [""]


def test_a_full_disk_is_told_in_the_words_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_zip(tmp_path / "in.zip", {"a": bytes(100_000), "small": b"1"})
    monkeypatch.setattr(content, "anonymous_file", lambda _size: os.open("/dev/full", os.O_RDWR))
    before = open_descriptors()
    assert reasons(path) == ["no temporary file for a member of an archive: No space left on device", ""]
    assert open_descriptors() <= before
