"""What cannot be sent again: which files are gone, as far as this machine can tell."""

from __future__ import annotations

import logging
import os
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from dcmsend import JournalOptions, Peer
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.index import Instance, ReadMode
from dcmsend.inputs import InputFile
from dcmsend.interrupt import Interrupt
from dcmsend.journal import Journal, Proofs, StoredRow
from dcmsend.run.lost_files import LostFiles
from dcmsend.transfer import Result, StoreOutcome
from support.fixture_files import CT_CLASS, EI


class Known:
    """What a journal knows of directories; counts the questions."""

    def __init__(self, *directories: Path | str) -> None:
        self._directories = list(map(os.fsencode, directories))
        self.asked = 0

    def directories_below(self, directory: str) -> list[bytes]:
        self.asked += 1
        return [each for each in self._directories if each.startswith(os.fsencode(directory + os.sep))]


def gone(path: Path | str, name: str = "", known: Known | None = None, lost: LostFiles | None = None) -> bool:
    found = row(str(path))._replace(key=(1, os.fsencode(name or os.path.basename(path))))
    return (lost or LostFiles()).is_gone(found, cast("Proofs", known or Known()))


def test_files(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    (tmp_path / "link").symlink_to("nowhere")  # somebody may bring back what it leads to
    assert [gone(tmp_path / name) for name in ("there", "link", "none", "a\0b")] == [False, False, True, False]


@pytest.mark.parametrize("name", ["no folder/none", "a/b/none", "there/none", "old.zip!/a/none"])
def test_a_folder_that_is_not_there_is_gone_where_others_beside_it_are(tmp_path: Path, name: str) -> None:
    """Else the tree may be on another host, or is not mounted."""
    path, name = tmp_path / "data" / name, name.partition("!/")[2]
    assert not gone(path, name, Known(path.parent, tmp_path / "data" / "other", tmp_path / "in"))
    (tmp_path / "in").mkdir()
    known = Known(path.parent, tmp_path / "data" / "other")
    assert not gone(path, name, known)
    (tmp_path / "data" / "other").mkdir(parents=True)
    (tmp_path / "data" / "there").touch()
    lost = LostFiles()
    assert [gone(path, name, known, lost) for _ in range(3)] == [True] * 3
    assert known.asked <= 2, "once, and once before"
    assert not gone("/no folder of this name/none", known=Known(tmp_path))


def test_the_journal_knows_directories(tmp_path: Path) -> None:
    options = JournalOptions(str(tmp_path / "journal"))
    with closing(Journal(options, Peer("127.0.0.1", 104).facts, Interrupt())) as journal:
        for number, path in enumerate(("/no/a/1", "/no/b/c/1", "/no/1", "/no0/1", "/n/1", "/no!/1")):
            instance = Instance(
                InputFile(path), CT_CLASS, f"1.2.{number}", transfer_syntax(EI), ReadMode.FILE_ONLY
            )
            journal.note(StoreOutcome(number + 1, instance, Result.STORED, 0, started=1.0, file_stamp=(7, 1)))
        journal.proofs().totals()  # writes what was noted
        assert journal.proofs().directories_below("/no") == [b"/no/b/c", b"/no/a"]


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
