"""What a DICOMDIR refers to is not moved, and what it does not is."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcmsend import JournalOptions, Peer, Result, StoreOutcome
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.index import Instance, ReadMode
from dcmsend.inputs import InputFile, Origin
from dcmsend.interrupt import Interrupt
from dcmsend.journal import Journal, MovingJournal, Staying
from dcmsend.transfer import ProofState, Verdict
from support.fixture_files import CT_CLASS, EI
from support.sending import instance_uid, write_instances
from support.unnumbered import unnumbered_files


def instance_of(path: Path, number: int) -> Instance:
    """An instance in a file."""
    return Instance(InputFile(str(path)), CT_CLASS, instance_uid(number), transfer_syntax(EI), ReadMode.FILE_ONLY)


def stored(path: Path, number: int) -> StoreOutcome:
    """The outcome of a file that is stored."""
    status = path.stat()
    stamp = status.st_size, status.st_mtime_ns
    instance = instance_of(path, number)
    return StoreOutcome(number, instance, Result.STORED, 0, None, started=time.time(), file_stamp=stamp)


def move(folder: Path, paths: list[Path], prepare: Callable[[MovingJournal], object]) -> list[str]:
    """The names of those files that are moved, once ``prepare`` has named what stays."""
    folder.mkdir(exist_ok=True)
    options = JournalOptions(str(folder / "journal"), move_sent=str(folder / "sent"))
    journal = MovingJournal(options, Peer("127.0.0.1", 104).facts, Interrupt(), reads_dicomdir=True)
    for number, path in enumerate(paths, 1):
        journal.note(stored(path, number))
    prepare(journal)
    journal.all_found()
    journal.close()
    return sorted(path.name for path in (folder / "sent").iterdir() if path.is_file())


def test_a_file_of_a_dicomdir_is_never_moved_so_its_time_says_nothing_of_what_was(tmp_path: Path) -> None:
    """Of an earlier driver the journal hears late, with times of then."""
    early, late, gone = write_instances(tmp_path / "in", 3)
    options = JournalOptions(str(tmp_path / "journal"), move_sent=str(tmp_path / "sent"))
    peer = Peer("127.0.0.1", 104).facts
    earlier = Journal(options, peer, Interrupt())
    earlier.note(stored(gone, 3)._replace(started=2000.0))
    earlier.close()
    gone.unlink()
    journal = MovingJournal(options.replace(resume=True), peer, Interrupt(), reads_dicomdir=True)
    by_dicomdir = stored(early, 1)
    item = InputFile(str(early), Origin.DICOMDIR)
    journal.note(by_dicomdir._replace(instance=by_dicomdir.instance._replace(input=item), started=1000.0))
    journal.note(stored(late, 2))
    journal.flush()
    assert not journal.was_moved(instance_of(gone, 3))
    journal.close()


@pytest.mark.parametrize("name", ["in/IMAGES", "in/IMAGES/..", "in", "in/IMAGES/."])
def test_a_record_that_names_a_directory_keeps_nothing_in_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    paths = write_instances(tmp_path / "in" / "IMAGES", 2)

    def prepare(journal: MovingJournal) -> None:
        journal.keep(str(tmp_path / name))
        journal.is_stored(InputFile(str(tmp_path / name), Origin.DICOMDIR))

    assert move(tmp_path, paths, prepare) == ["000001.dcm", "000002.dcm"]
    assert "stay" not in caplog.text


def test_all_below_the_directory_of_a_dicomdir_stays_also_by_another_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = write_instances(tmp_path / "in" / "IMAGES", 2)
    (tmp_path / "link").symlink_to(tmp_path / "in" / "IMAGES")
    by_link = [tmp_path / "link" / path.name for path in paths]
    assert move(tmp_path, by_link, lambda journal: journal.keep(str(tmp_path / "in"), all_below=True)) == []
    assert caplog.text.count("sent files stay") == 1


def test_what_stays_costs_other_files_no_look_at_each_directory_above_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directories may lie on another host's disk."""
    deep = tmp_path / "in" / "deep"
    paths = write_instances(deep / "er", 4)
    (kept,) = write_instances(tmp_path / "medium", 1, first=9)
    looks: Counter[str] = Counter()
    really = os.stat

    def counted(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        looks[str(path)] += 1
        return really(path, *arguments, **options)

    def prepare(journal: MovingJournal) -> None:
        journal.keep(str(kept))
        monkeypatch.setattr(os, "stat", counted)

    assert len(move(tmp_path, paths, prepare)) == 4
    assert looks[str(deep)] == 0
    monkeypatch.undo()

    def prepare_more(journal: MovingJournal) -> None:
        journal.keep(str(kept.parent), all_below=True)
        prepare(journal)

    again = write_instances(deep / "er", 4)
    assert len(move(tmp_path / "again", again, prepare_more)) == 4
    assert looks[str(deep)] == 1


def test_where_the_system_numbers_no_files_only_what_is_named_stays(tmp_path: Path) -> None:
    """Any two files would look like one by device and inode."""
    first, second = write_instances(tmp_path / "in", 2)
    (third,) = write_instances(tmp_path / "medium", 1, first=3)
    with unnumbered_files():
        staying = Staying()
        staying.keep(str(first))
        staying.keep(str(third.parent), all_below=True)
        assert [staying.holds(str(path)) for path in (first, second, third)] == [True, False, True]


def test_what_has_to_be_sent_again_was_not_moved_by_this_run(tmp_path: Path) -> None:
    """The archive does not have it: that its file is gone is told, and it does not count as stored."""
    (path,) = write_instances(tmp_path / "in", 1)
    options = JournalOptions(str(tmp_path / "journal"), move_sent=str(tmp_path / "sent"))
    journal = MovingJournal(options, Peer("127.0.0.1", 104).facts, Interrupt(), needs_proof=True)
    journal.note(stored(path, 1)._replace(started=time.time() + 60))
    journal.flush()
    (row,) = journal.proofs().unproven()
    journal.proofs().record([(row, Verdict(ProofState.MISSING))])
    path.unlink()
    assert journal.was_moved(instance_of(path, 1))
    assert journal.proofs().send_again(list(journal.proofs().refuted(sent_again=False))) == 1
    assert not journal.was_moved(instance_of(path, 1))
    journal.close()
