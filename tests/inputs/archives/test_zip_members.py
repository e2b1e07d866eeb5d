"""The members of zip archives as inputs."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from dcmsend.errors import Cancelled, FileUnreadable
from dcmsend.inputs import FileChanged, InputFile, Origin, expand_archives, open_to_look
from dcmsend.interrupt import Interrupt
from support.archives import content_of, members
from support.descriptors import open_descriptors

METHODS = {
    "stored": zipfile.ZIP_STORED,
    "deflated": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}
LARGE = bytes(range(256)) * 12000


def write_zip(path: Path, contents: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("method", METHODS)
def test_every_byte_of_every_method(tmp_path: Path, method: str) -> None:
    contents = {"a": b"", "b/c": b"x", "b/d": os.urandom(5000), "large": LARGE, "u/\u00e4\u4e2d.dcm": b"umlaut"}
    path = write_zip(tmp_path / "in.zip", contents, METHODS[method])
    before = open_descriptors()
    found = members(path)
    assert [item.path for item in found] == [f"{path}!/{name}" for name in contents]
    for item, content in zip(found, contents.values(), strict=True):
        for head_size in (0, 1, 4999, 5000, 5001):
            assert content_of(item, head_size) == content
            assert item.open_beginning(head_size) == (-1, content[:head_size])
    assert open_descriptors() <= before


@pytest.mark.parametrize("method", ["deflated", "bzip2", "lzma"])
@pytest.mark.parametrize("size", [5000, 9 << 20])
def test_inflating_ends_on_request(tmp_path: Path, method: str, size: int) -> None:
    path = write_zip(tmp_path / "in.zip", {"a": os.urandom(50) * (size // 50)}, METHODS[method])
    interrupt = Interrupt()
    (member,) = expand_archives([InputFile(str(path))], interrupt.check_request)
    interrupt.request()
    with pytest.raises(Cancelled):
        member.open(16)
    with pytest.raises(Cancelled):
        open_to_look(member, 16)


def test_what_a_journal_and_reports_know(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "in.zip", {"d/a": b"12345", "b": b"6"})
    first, second = members(path)
    status = path.stat()
    assert first.look() == (status.st_size, status.st_mtime_ns)
    assert first.open(10).stamp == first.look()
    assert first.key(lambda name: os.fsencode(os.path.realpath(name))) == (os.fsencode(f"{path}!"), b"d/a")
    assert (first.directory, second.directory) == (f"{path}!/d", f"{path}!/")
    assert first.etag == "cbf53a1c-0"
    assert second.etag.endswith("-38")
    assert (first.origin, first.container) == (Origin.PARAMETER, members(path)[0].container)


def test_an_archive_that_was_changed_or_is_gone(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "in.zip", {"a": LARGE})
    (item,) = members(path)
    os.utime(path, (1, 1))
    for open_ in (item.open, item.open_beginning):
        with pytest.raises(FileChanged):
            open_(10)
    path.unlink()
    with pytest.raises(FileUnreadable, match="No such file"):
        item.open(10)
