"""The ends of inputs without a cluster: what the journal makes of what an earlier driver has not heard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dcmsend import JournalOptions, Peer, Result, StoreOutcome
from dcmsend.cluster.ends import Ends
from dcmsend.cluster.told import from_text, tell_outcome, to_text
from dcmsend.cluster.window import Window
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.index import Instance, ReadMode
from dcmsend.inputs import InputFile, Origin, Source
from dcmsend.interrupt import Interrupt
from dcmsend.journal import open_journal
from dcmsend.report import RunRecord
from dcmsend.transfer import Ledger
from support.fixture_files import CT_CLASS, EI
from support.sending import instance_uid, write_instances

PEER = Peer("127.0.0.1", 104).facts


@contextmanager
def journal_at(path: Path, move_sent: str = "") -> Iterator[Any]:
    journal = open_journal(JournalOptions(str(path), resume=True, move_sent=move_sent), PEER, Interrupt())
    try:
        yield journal
    finally:
        journal.close()
    assert journal.error is None


def ends_with(ledger: Ledger, window: Window[Source] | None = None) -> Ends:
    return Ends(window or Window(1), RunRecord(), None, ledger, "/", stays_here=True)


def stored(path: Path, number: int = 1, **changes: Any) -> StoreOutcome:
    """The outcome of a file, as a worker has it."""
    status = path.stat()
    instance = Instance(
        InputFile(str(path)), CT_CLASS, instance_uid(number), transfer_syntax(EI), ReadMode.FILE_ONLY
    )
    made = StoreOutcome(
        1, instance, Result.STORED, 0, started=1000.0 + number, seconds=0.25, sop_instance_uid=instance_uid(number),
        file_stamp=(status.st_size, status.st_mtime_ns), file_identity=(status.st_dev, status.st_ino),
    )  # fmt: skip
    return made._replace(**changes)


def told(*outcomes: StoreOutcome, found: list[Any] | None = None) -> dict[str, Any]:
    """A group of a worker's that tells of these inputs, as it comes from the scheduler."""
    ends = []
    for number, outcome in enumerate(outcomes, 1):
        item = outcome.instance.input
        ends.append(["outcome", None if found else number, item.path, item.etag, found, tell_outcome(outcome)])
    group: dict[str, Any] = from_text(to_text({"run": "earlier", "attempt": 1, "host": "w", "number": 1, "ends": ends}))
    return group


def test_what_an_earlier_driver_was_told_is_moved_only_when_it_is_named_again(tmp_path: Path) -> None:
    """That run may have been asked to move nothing; and only a search knows the directory it began in."""
    write_instances(tmp_path / "in" / "study", 2)
    paths = sorted((tmp_path / "in" / "study").iterdir())
    moved = tmp_path / "moved"
    with journal_at(tmp_path / "journal", str(moved)) as journal:
        ends = ends_with(journal)
        ends.take_of_others(told(stored(paths[0])))
        ends.take_of_others(told(stored(paths[1], 2), found=["digest", 1, "file", str(paths[1]), None]))
        journal.flush()
    assert sorted((tmp_path / "in" / "study").iterdir()) == paths
    with journal_at(tmp_path / "journal", str(moved)) as journal:
        for path in paths:
            assert journal.is_stored(InputFile(str(path), Origin.DIRECTORY, root=f"{tmp_path}/in/"))
    assert not any(path.exists() for path in paths)
    assert sorted((moved / "study").iterdir()) == [moved / "study" / path.name for path in paths]
