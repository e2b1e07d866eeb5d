"""Where decoded pixels wait."""

from __future__ import annotations

import errno
import os
import random
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from dcmsend.errors import FileUnreadable, TranscodeError
from dcmsend.load import pixel_spool as spool_module
from dcmsend.load.pixel_spool import LARGEST_IN_MEMORY, FileSpool, make_spool
from dcmsend.transcode import MemorySpool, Spool
from support.descriptors import open_descriptors
from support.few_threads import permit_threads


@pytest.fixture(params=["memory", "file", "file without pwrite"])
def spool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Spool:
    """One with room for 1000 bytes; the last one as on a system that cannot read and write at a position."""
    if request.param == "memory":
        return MemorySpool(1000)
    if request.param != "file":
        monkeypatch.delattr(os, "pwrite")
        monkeypatch.delattr(os, "pread")
    return FileSpool()


def test_what_is_stored_in_any_order_is_read(spool: Spool) -> None:
    content = random.Random(1).randbytes(1000)
    for position in (300, 0, 700, 100, 200, 500, 400, 600, 900, 800):
        room = spool.reserve(position, 100)
        assert len(room) == 100
        room[:] = content[position : position + 100]
        spool.store(position, room)
    spool.finish()
    assert b"".join(spool.read_at(position, 130) for position in range(0, 1000, 130)) == content
    assert spool.read_at(995, 10) == content[995:]
    assert spool.read_at(1000, 10) == b""
    spool.close()
    spool.close()


def test_where_no_thread_can_be_started_it_is_written_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = permit_threads(monkeypatch, "dcmsend-spool")
    test_what_is_stored_in_any_order_is_read(FileSpool())
    assert refused


def test_a_file_has_no_name_and_goes_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = open_descriptors()
    spool = FileSpool()
    room = spool.reserve(0, 10)
    room[:] = b"0123456789"
    spool.store(0, room)
    assert list(tmp_path.iterdir()) == []
    spool.close()
    assert open_descriptors() <= before


def test_rooms_are_used_again() -> None:
    """Fresh memory for each frame would cost more than many a codec."""
    spool = FileSpool()
    seen = set()
    for number in range(100):
        room = spool.reserve(number * 1000, 1000)
        seen.add(id(room.obj))
        spool.store(number * 1000, room)
    assert len(seen) <= spool_module._MOST_WAITING + 2  # some wait to be written, one is written, one is filled
    assert len(spool.reserve(200_000, 10)) == 10
    spool.close()


@pytest.mark.parametrize(("size", "kind"), [(1, MemorySpool), (LARGEST_IN_MEMORY, MemorySpool), (1 << 40, FileSpool)])
def test_what_is_large_goes_to_a_file(size: int, kind: type) -> None:
    spool = make_spool(size)
    assert type(spool) is kind
    spool.close()


def no_room(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_no_room_for_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", no_room)
    with pytest.raises(TranscodeError) as error:
        FileSpool()
    assert error.value.detail == "temporary file for the decompressed pixels: No space left on device"


def keep(spool: Spool, position: int, size: int) -> None:
    spool.store(position, spool.reserve(position, size))
    spool.finish()


@pytest.mark.parametrize("size", [10, 5 << 20], ids=["by the writer", "at once"])
def test_no_room_while_it_grows(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Known before the first byte is read, also when the last piece is the one that finds no room."""
    spool = FileSpool()
    spool.store(0, spool.reserve(0, size))
    monkeypatch.setattr(os, "pwrite", no_room)
    with pytest.raises(TranscodeError, match="Pixel representation cannot be changed"):
        keep(spool, size, size)
    with pytest.raises(TranscodeError):  # nothing more is tried
        spool.store(0, spool.reserve(0, size))
    monkeypatch.setattr(os, "pread", no_room)
    with pytest.raises(FileUnreadable):
        spool.read_at(0, 1)
    spool.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "dcmsend-spool"]
