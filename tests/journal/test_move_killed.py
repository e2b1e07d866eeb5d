"""A run that is killed while it moves a file, at any line of the code that does it: the next run completes it.

    KILL_STRIDE=1 python -m pytest tests/journal/test_move_killed.py
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dcmsend.inputs import InputFile
from dcmsend.interrupt import Interrupt
from dcmsend.journal import move_file
from dcmsend.journal.folder import Folder
from dcmsend.journal.move_file import NotMoved
from dcmsend.journal.move_note import KeptNote, LeftNote, MoveNote, left_notes
from dcmsend.journal.move_recovery import recover
from dcmsend.journal.mover import Mover
from support.unnumbered import unnumbered_files

from .killed_moves import Killer, Move, move_noted
from .move_ways import WAYS, go_the_way

CONTENT = b"content" * 20_000
STRIDE = int(os.environ.get("KILL_STRIDE", "20"))
"""Every so many lines are tried, in each way other ones; 1 is all of them, in half a minute."""


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with Killer() as killer:
        yield killer


def a_file_to_move(here: Path, sent: Path) -> tuple[Path, Path, tuple[int, int]]:
    """A file in one of two new folders; gives it, its name in the other one, and its stamp."""
    for folder in (here, sent):
        folder.mkdir(parents=True)
    source = here / "x.dcm"
    source.write_bytes(CONTENT)
    status = source.stat()
    return source, sent / "x.dcm", (status.st_size, status.st_mtime_ns)


def everything_below(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*"))


def told_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Our messages: a server of a test before may be told of when its memory is freed."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("dcmsend")]


@pytest.mark.parametrize("is_changed", [False, True], ids=["moved", "put back"])
@pytest.mark.parametrize("way", WAYS)
def test_killed_at_any_line(
    tmp_path: Path,
    way: str,
    is_changed: bool,
    killer: Killer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Between any two lines the whole file is there, and there is nothing else after the next run."""
    go_the_way(way, monkeypatch)
    case = 2 * WAYS.index(way) + is_changed
    told = False
    for line in itertools.count(1 + case * STRIDE // (2 * len(WAYS)), STRIDE):
        here, sent = tmp_path / f"{line}" / "in", tmp_path / f"{line}" / "sent"
        source, target, stamp = a_file_to_move(here, sent)
        move = Move(str(source), str(target), stamp, way, is_changed)
        if not killer.is_killed(line, move):
            break
        assert any(path.read_bytes() == CONTENT for path in everything_below(here, sent) if path.is_file())
        caplog.clear()
        is_away = not source.exists() and not target.exists()
        with caplog.at_level(logging.WARNING):
            recover(str(sent))
        assert bool(told_of(caplog)) or not is_away, "what was left has to be told"
        told = told or bool(told_of(caplog))
        files = [path for path in everything_below(here, sent) if path.name != "x.dcm"]
        assert files == [], f"killed at line {line}"
        if is_changed:
            assert source.read_bytes() == CONTENT
        elif source.exists():
            move_noted(move)
        assert not (source.exists() and target.exists() and not is_changed)
        assert (source if is_changed else target).read_bytes() == CONTENT
        assert len(everything_below(here, sent)) == 1
    assert line > 20
    assert told


@pytest.mark.parametrize("content", ["", CONTENT.decode()], ids=["being written", "the same bytes"])
@pytest.mark.parametrize("side", ["new name", "old name"])
def test_killed_where_the_name_is_taken(
    tmp_path: Path, side: str, content: str, killer: Killer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What somebody else writes under the name is no copy of ours, although it begins as ours does."""
    way = "no renaming without replacing"
    go_the_way(way, monkeypatch)
    for line in itertools.count(1, 3):
        here, sent = tmp_path / f"{line}" / "in", tmp_path / f"{line}" / "sent"
        source, target, stamp = a_file_to_move(here, sent)
        move = Move(str(source), str(target), stamp, way)
        if side == "new name":
            target.write_text(content)
        else:
            move = replace(move, is_changed=True, replaced_by=content)
        if not killer.is_killed(line, move):
            break
        theirs = target if side == "new name" else source
        is_there = side == "new name" or (any(path != source for path in here.iterdir()) and source.exists())
        recover(str(sent))
        files = everything_below(here, sent)
        assert len(files) == 1 + is_there, f"killed at line {line}"
        assert not is_there or theirs.read_text() == content
        assert any(path.read_bytes() == CONTENT for path in files if path != theirs or not is_there)
    assert line > 20


def test_a_name_that_is_taken_while_the_file_is_copied_is_not_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy takes its time; what has the name by then is somebody's, and recovery would remove its beginning."""
    source, target = tmp_path / "in" / "x.dcm", tmp_path / "out" / "x.dcm"
    source.parent.mkdir()
    source.write_bytes(CONTENT)
    status = source.stat()
    go_the_way("another file system", monkeypatch)
    really = move_file.copy_file
    noted: list[str] = []

    def copy_late(*arguments: Any) -> None:
        really(*arguments)
        if not target.exists():
            target.write_bytes(CONTENT[:-1])

    class Note(MoveNote):
        def place(self, name: str) -> None:
            noted.append(name)

    monkeypatch.setattr(move_file, "copy_file", copy_late)
    with pytest.raises(NotMoved, match="taken"):
        move_file.move_file(str(source), str(target), (status.st_size, status.st_mtime_ns), note=Note())
    assert noted == []
    assert (source.read_bytes(), target.read_bytes()) == (CONTENT, CONTENT[:-1])
    assert everything_below(tmp_path / "in", tmp_path / "out") == [source, target]


def test_a_run_that_lives_is_let_be(tmp_path: Path) -> None:
    """Two runs with one directory, maybe in two containers, where both have the same process number."""
    note = KeptNote(str(tmp_path))
    (tmp_path / "in").mkdir()
    taken = tmp_path / "in" / note.taken("x")
    taken.write_bytes(b"one")
    note.begin(str(tmp_path / "in" / "x"), str(tmp_path / "x"))
    recover(str(tmp_path))
    assert taken.read_bytes() == b"one"
    note.close(leave=True)  # and now it lives no longer
    recover(str(tmp_path))
    assert (tmp_path / "in" / "x").read_bytes() == b"one"
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_an_incomplete_copy_is_known_where_the_system_numbers_no_files(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    source, target = tmp_path / "in" / "x", tmp_path / "x"
    note = KeptNote(str(tmp_path))
    (tmp_path / "in" / note.taken("x")).write_bytes(b"whole")
    note.begin(str(source), str(target))
    target.write_bytes(b"who")
    note.place(str(target))
    note.close(leave=True)
    with unnumbered_files():
        recover(str(tmp_path))
    assert source.read_bytes() == b"whole"
    assert not target.exists()


def test_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has none, only a note that nobody has written to for a day belongs to no run."""

    def no_lock(fd: int, operation: int) -> None:
        raise OSError(37, os.strerror(37))

    monkeypatch.setattr(fcntl, "flock", no_lock)
    note = KeptNote(str(tmp_path))
    (tmp_path / note.taken("x")).write_bytes(b"one")
    note.begin(str(tmp_path / "x"), str(tmp_path / "sent" / "x"))
    note.close(leave=True)
    recover(str(tmp_path))
    assert not (tmp_path / "x").exists()
    (path,) = (tmp_path / ".dcmsend-moving").iterdir()
    os.utime(path, (0, time.time() - 90000))
    recover(str(tmp_path))
    assert (tmp_path / "x").read_bytes() == b"one"


def test_the_name_is_taken_when_it_is_put_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    note = KeptNote(str(tmp_path))
    (tmp_path / note.taken("x.dcm")).write_bytes(b"one")
    (tmp_path / "x.dcm").write_bytes(b"two")
    note.begin(str(tmp_path / "x.dcm"), str(tmp_path / "sent" / "x.dcm"))
    note.close(leave=True)
    recover(str(tmp_path))
    assert (tmp_path / "x.dcm").read_bytes() == b"two"
    assert (tmp_path / "x-2.dcm").read_bytes() == b"one"
    assert told_of(caplog) == [f"put back after a killed run had begun to move it: {tmp_path}/x-2.dcm"]


@pytest.mark.parametrize("fault", ["renamed without an answer", "not renamed", "no answer from then on"])
def test_a_disk_that_fails_while_a_file_has_its_third_name(
    tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The file has its old name again at once, or the message tells where it may be and the next run looks there."""
    source, _, stamp = a_file_to_move(tmp_path / "in", tmp_path / "sent")
    status, rename = Folder.status, Folder.rename

    def no_status(self: Folder, name: str) -> os.stat_result | None:
        if self.path == str(source.parent) and name != source.name:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return status(self, name)

    def no_answer(self: Folder, name: str, new_name: str) -> None:
        if fault != "not renamed":
            rename(self, name, new_name)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        if fault == "no answer from then on":
            patch.setattr(Folder, "status", no_status)
        else:
            patch.setattr(Folder, "rename", no_answer)
        mover = Mover(str(tmp_path / "sent"), "journal", Interrupt())
        mover.add(InputFile(str(source)), stamp)
        mover.close()
    if fault == "no answer from then on":
        (taken,) = source.parent.iterdir()
        assert any(str(taken) in text for text in told_of(caplog))
        recover(str(tmp_path / "sent"))
    assert source.read_bytes() == CONTENT
    assert everything_below(tmp_path / "in", tmp_path / "sent") == [source]


def test_a_file_system_with_names_too_short_for_the_third_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As where names are encrypted: the file stays, and no note tells the next run of a move that never began."""
    source, _, stamp = a_file_to_move(tmp_path / "in", tmp_path / "sent")
    too_long = OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    stat, rename = os.stat, Folder.rename

    def short_stat(path: Any, **options: Any) -> os.stat_result:
        if ".dcmsend-" in str(path) and str(path).endswith(source.name):
            raise too_long
        return stat(path, **options)

    def short_rename(self: Folder, name: str, new_name: str) -> None:
        if new_name != source.name:
            raise too_long
        rename(self, name, new_name)

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", short_stat)
        patch.setattr(Folder, "rename", short_rename)
        mover = Mover(str(tmp_path / "sent"), "journal", Interrupt())
        mover.add(InputFile(str(source)), stamp)
        mover.close()
    assert source.read_bytes() == CONTENT
    assert everything_below(tmp_path / "in", tmp_path / "sent") == [source]
    assert any("File name too long" in text for text in told_of(caplog))


@pytest.mark.parametrize("is_left", [False, True], ids=["the run that moves", "one that has recovered nothing"])
def test_a_child_of_the_killed_run_lives_on(tmp_path: Path, is_left: bool) -> None:
    """What has forked while a run had its note, or that of an earlier one, does not keep the next run from it."""
    source, target, _ = a_file_to_move(tmp_path / "in", tmp_path / "sent")
    started, end = os.pipe(), os.pipe()
    run = os.fork()
    if run == 0:
        try:
            note: KeptNote | LeftNote = KeptNote(str(target.parent))
            note.begin(str(source), str(target))
            source.rename(source.with_name(note.taken(source.name)))
            if is_left:
                note.close(leave=True)
                (note,) = left_notes(str(target.parent))
            if os.fork() == 0:
                os.close(end[1])
                os.write(started[1], b"x")  # what is done after a fork is done
                os.read(end[0], 1)
        finally:
            os._exit(1)
    try:
        os.waitpid(run, 0)
        os.close(started[1])
        assert os.read(started[0], 1) == b"x"
        recover(str(target.parent))
    finally:
        for descriptor in (started[0], *end):
            os.close(descriptor)
    assert source.read_bytes() == CONTENT


def test_a_disk_that_fails_in_the_midst_of_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The next file is moved all the same, and the next run removes the rest of the copy, which a warning names."""
    source, target, stamp = a_file_to_move(tmp_path / "in", tmp_path / "sent")
    second = source.with_name("y.dcm")
    second.write_bytes(CONTENT)
    go_the_way("another file system", monkeypatch)
    copy_file, unlink, remove, faults = move_file.copy_file, Folder.unlink, os.unlink, [0]

    def half_a_copy(here: Folder, name: str, there: Folder, new_name: str) -> None:
        copy_file(here, name, there, new_name)
        if faults:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def fail(name: str, **options: object) -> None:
        if name.endswith("-copy"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        remove(name, **options)

    def not_removed(self: Folder, name: str) -> None:
        if faults and name.endswith("-copy"):
            faults.pop()
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        unlink(self, name)

    monkeypatch.setattr(move_file, "copy_file", half_a_copy)
    monkeypatch.setattr(Folder, "unlink", not_removed)
    mover = Mover(str(tmp_path / "sent"), "journal", Interrupt())
    mover.add(InputFile(str(source)), stamp)
    status = second.stat()
    mover.add(InputFile(str(second)), (status.st_size, status.st_mtime_ns))
    mover.close()
    (copy,) = target.parent.glob(".dcmsend-*-copy")
    assert any(str(copy) in text for text in told_of(caplog))
    with monkeypatch.context() as disk:  # which still fails in the next run
        disk.setattr(os, "unlink", fail)
        recover(str(tmp_path / "sent"))
    assert copy.exists()
    assert str(copy) in told_of(caplog)[-1]
    recover(str(tmp_path / "sent"))
    assert everything_below(tmp_path / "in", tmp_path / "sent") == [source, target.with_name("y.dcm")]
