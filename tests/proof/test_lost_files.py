"""What cannot be sent again: which files are gone, as far as this machine can tell."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from dcmsend.journal import StoredRow
from dcmsend.run.lost_files import LostFiles, is_gone


def gone(path: Path | str, name: str = "") -> bool:
    return is_gone(str(path), os.fsencode(name or os.path.basename(path)))


def test_files(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    (tmp_path / "link").symlink_to("nowhere")  # somebody may bring back what it leads to
    assert [gone(tmp_path / name) for name in ("there", "link", "none", "there/none", "no folder/none", "a\0b")] == [
        False, False, True, True, True, False,
    ]  # fmt: skip


def test_members_go_by_their_archive(tmp_path: Path) -> None:
    (tmp_path / "a!").mkdir()
    for archive in ("1.zip", "a!/2.zip"):
        (tmp_path / archive).touch()
        for member in ("x", "folder/x", "inner.zip!/x"):
            assert not gone(f"{tmp_path}/{archive}!/{member}", member)
            assert gone(f"{tmp_path}/{archive}.old!/{member}", member)
    assert not gone("/x", "/x"), "its archive is not known"
    assert gone(tmp_path / "a!" / "none")


@pytest.mark.parametrize("address", ["s3://bucket/a/x", "https://host/x", "sftp://host/a.zip!/x"])
def test_objects_are_not_looked_for(address: str) -> None:
    assert not gone(address, "x")


def test_no_more_than_ten_are_named(caplog: pytest.LogCaptureFixture) -> None:
    LostFiles().tell()
    assert not caplog.records
    lost = LostFiles()
    for number in range(12):
        lost.add_gone(row(f"/nowhere/{number}"))
    lost.add_replaced(row("/nowhere/one"))
    lost.tell()
    first, second = caplog.messages
    assert first.startswith("the archive lacks 12 instances whose files are not there any more: /nowhere/0, ")
    assert "/nowhere/9, ...\nthey cannot be sent again before their files are back" in first
    assert second.startswith("the archive lacks 1 instances whose files hold others now: /nowhere/one (1.2.3)\n")
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2


def row(path: str) -> StoredRow:
    return StoredRow((1, b""), path, "1.2", "1.2.3", "", "", 0, 0, None, None)
