"""The ends of inputs without a cluster: what the journal makes of what an earlier driver has not heard."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from dcmsend import JournalOptions, Peer, Result, StoreOutcome
from dcmsend.cluster.ends import Ends
from dcmsend.cluster.told import from_text, tell_outcome, tell_rejected, to_text
from dcmsend.cluster.window import Window
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.index import Instance, ReadMode, RejectedInput
from dcmsend.inputs import Entry, InputFile, Origin, Place, Source, StoredObject, Stores
from dcmsend.interrupt import Interrupt
from dcmsend.journal import open_journal
from dcmsend.reasons import Reason, Rejection
from dcmsend.report import RunRecord
from dcmsend.transfer import Ledger, ProofState, Verdict
from support.fixture_files import CT_CLASS, EI
from support.processes import wait_until
from support.sending import instance_uid, write_instances

PEER = Peer("127.0.0.1", 104).facts
MISSING, VERIFIED = Verdict(ProofState.MISSING), Verdict(ProofState.VERIFIED)


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


def begin(window: Window[Source], ends: Ends) -> int:
    """The number of the attempt that begins."""
    attempt = window.begin()
    assert attempt is not None
    ends.begin(attempt)
    return attempt.number


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


def test_what_is_to_be_sent_again_stays_so_when_an_earlier_driver_is_heard(tmp_path: Path) -> None:
    """A scheduler keeps what was told of a run that has not come to its end: the journal may know more since."""
    write_instances(tmp_path / "in", 2)
    outcomes = [stored(path, number) for number, path in enumerate(sorted((tmp_path / "in").iterdir()), 1)]
    lost, kept = (outcome.instance.input for outcome in outcomes)
    with journal_at(tmp_path / "journal") as journal:
        ends, proofs = ends_with(journal), journal.proofs()

        def hear_again() -> None:
            ends.take_of_others(told(*outcomes))
            journal.flush()

        hear_again()
        assert journal.is_stored(lost)
        proofs.record([(row, MISSING if row.path == lost.path else VERIFIED) for row in list(proofs.unproven())])
        assert proofs.send_again(list(proofs.refuted(sent_again=False))) == 1
        hear_again()
        assert not journal.is_stored(lost), "it was never sent again"
        assert journal.is_stored(kept)
        assert list(proofs.unproven()) == [], "what the archive has confirmed was forgotten"
        journal.note(outcomes[0]._replace(started=2000.0))
        hear_again()
        (again,) = proofs.unproven()
        assert (again.path, again.sent_again, again.time) == (lost.path, 1, 2_000_250)
        assert journal.is_stored(lost)


def test_what_an_earlier_driver_has_not_heard_counts_as_if_it_had(tmp_path: Path) -> None:
    """Stored stays stored for the same file; of two files of one name the later one counts."""
    (path,) = write_instances(tmp_path / "in", 1)
    item, outcome = InputFile(str(path)), stored(path)
    unheard = outcome._replace(result=Result.FAILED, status=None, reason=Reason.FILE_UNREADABLE, file_stamp=None)
    with journal_at(tmp_path / "journal") as journal:
        ends = ends_with(journal)
        for later in (unheard, outcome._replace(result=Result.REFUSED, status=0xA900)):
            journal.note(later._replace(started=3000.0))
            journal.flush()
            assert not journal.is_stored(item)
        ends.take_of_others(told(outcome))
        journal.flush()
        assert journal.is_stored(item)
        path.write_bytes(path.read_bytes() + b"\0")
        assert not journal.is_stored(item)
        journal.note(stored(path, started=2000.0))
        journal.flush()
        ends.take_of_others(told(outcome))
        journal.flush()
        assert journal.is_stored(item)


def test_a_name_that_cannot_be_takes_no_other_outcome_of_an_earlier_driver_with_it(tmp_path: Path) -> None:
    first, second = write_instances(tmp_path / "in", 2)
    impossible = stored(first)
    item = InputFile(f"{tmp_path}/in\0/000001.dcm")
    impossible = impossible._replace(instance=impossible.instance._replace(input=item))
    with journal_at(tmp_path / "journal") as journal:
        group = told(stored(first), impossible, stored(second, 2))
        ends_with(journal).take_of_others({**group, "ends": [*group["ends"][:2], ["outcome"], *group["ends"][2:]]})
        journal.flush()
        assert [journal.is_stored(InputFile(str(path))) for path in (first, second)] == [True, True]


def test_what_comes_again_after_it_was_moved_is_known_to_be_stored(tmp_path: Path) -> None:
    """By its name, and when a worker cannot open it; though the directory was unknown when it came first."""
    (path,) = write_instances(tmp_path / "in", 1)
    item = InputFile(str(path))
    window: Window[Source] = Window(1)
    window.add([item])
    with journal_at(tmp_path / "journal", str(tmp_path / "moved")) as journal:
        assert not journal.is_stored(item)
        journal.note(stored(path, started=time.time()))
        wait_until(lambda: journal.is_stored(item) and not path.exists(), 60, "the move")
        ends = ends_with(journal, window)
        rejected = RejectedInput(str(path), "cannot be opened", False, None, "", Rejection.UNREADABLE, None)
        end = ["rejected", 1, str(path), None, tell_rejected(rejected)]
        ends.take_group({**told(), "attempt": begin(window, ends), "ends": [end]})
        assert list(ends.take()) == []


def test_what_was_noted_is_known_after_a_flush(tmp_path: Path) -> None:
    (path,) = write_instances(tmp_path / "in", 1)
    item = InputFile(str(path))
    with journal_at(tmp_path / "journal") as journal:
        assert not journal.is_stored(item)
        journal.note(stored(path))
        journal.flush()
        assert journal.is_stored(item)


def test_a_duplicate_counts_as_stored_only_where_a_worker_may_have_sent_it(tmp_path: Path) -> None:
    """Another worker may have died before it had begun the batch, or before it had come so far in it."""
    paths = write_instances(tmp_path / "in", 6)
    duplicates = [
        stored(path, number, result=Result.REFUSED, status=0x0111) for number, path in enumerate(paths, 1)
    ]

    def results(*, was_heard: bool) -> list[str]:
        window: Window[Source] = Window(1)
        window.add([InputFile(str(path)) for path in paths], ahead=2)
        with journal_at(tmp_path / f"journal-{was_heard}") as journal:
            ends = ends_with(journal, window)
            first = begin(window, ends)
            if was_heard:
                ends.take_group({**told(stored(paths[0])), "attempt": first})
            ends.die(first)
            group = told(*duplicates)
            ends.take_group({**group, "attempt": begin(window, ends), "ends": group["ends"][was_heard:]})
            return [outcome.result.value for outcome in ends.take() if isinstance(outcome, StoreOutcome)]

    assert results(was_heard=False) == ["refused"] * 6
    assert results(was_heard=True) == ["stored"] * 3 + ["refused"] * 3


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"result": Result.REFUSED, "status": 0xA700}, True),
        ({"result": Result.FAILED, "status": None, "reason": Reason.CONNECTION_LOST}, True),
        ({"result": Result.FAILED, "status": None, "reason": Reason.FILE_CHANGED}, False),
    ],
    ids=["refused", "failed", "changed"],
)
def test_what_a_worker_that_died_may_have_sent_is_known_in_later_runs(
    tmp_path: Path, changes: dict[str, Any], expected: bool
) -> None:
    """Though the next worker was told otherwise, or did not come so far: a duplicate is no refusal then."""
    (path,) = write_instances(tmp_path / "in", 1)
    for is_reached in (True, False):
        window: Window[Source] = Window(1)
        window.add([InputFile(str(path))], ahead=2)
        with journal_at(tmp_path / f"journal-{is_reached}") as journal:
            ends = ends_with(journal, window)
            if is_reached:
                first = begin(window, ends)
                ends.take_group({**told(), "attempt": first})
                ends.die(first)
            ends.take_group({**told(stored(path, **changes)), "attempt": begin(window, ends)})
            (outcome,) = ends.take()
            assert isinstance(outcome, StoreOutcome)
            assert outcome.result is changes["result"]
            journal.flush()
            duplicate = stored(path, result=Result.REFUSED, status=0x0111)
            assert journal.is_unanswered(duplicate) is (is_reached and expected)


@pytest.mark.parametrize("is_heard", ["in time", "late", "by a later driver"])
def test_what_was_not_answered_is_known_in_later_runs_though_nobody_goes_on_with_it(
    tmp_path: Path, is_heard: str
) -> None:
    """As its worker tells when it leaves."""
    (path,) = write_instances(tmp_path / "in", 1)
    window: Window[Source] = Window(1)
    window.add([InputFile(str(path))])
    with journal_at(tmp_path / "journal") as journal:
        ends = ends_with(journal, window)
        group = told(stored(path, result=Result.UNCONFIRMED, status=None, reason=Reason.CONNECTION_LOST))
        unanswered = [end[1:] for end in group.pop("ends")]
        group |= {"attempt": begin(window, ends), "last": True, "left": True, "unanswered": unanswered}
        if is_heard == "in time":
            ends.take_group(group)
        ends.put_back(group["attempt"], was_told=True)
        ends.give_up()
        if is_heard == "late":
            ends.take_group(group)
        elif is_heard == "by a later driver":
            ends_with(journal).take_of_others(group)
        journal.flush()
        assert journal.is_unanswered(stored(path, result=Result.REFUSED, status=0x0111))


@pytest.mark.parametrize(("result", "length"), [(Result.FAILED, None), (Result.STORED, 100)])
def test_what_a_worker_tells_of_an_object_of_a_web_server(tmp_path: Path, result: Result, length: int | None) -> None:
    """Its size may be that of what is packed: the next attempt is to expect no number of bytes."""
    place = Place("http", "host", "a.dcm")

    def item_with(entry: Entry) -> StoredObject:
        return StoredObject(cast(Stores, None), place, entry)

    (path,) = write_instances(tmp_path / "in", 1)
    item, fetched = item_with(Entry("a.dcm")), item_with(Entry("a.dcm", 100, 5, "mark", is_packed=True))
    outcome = stored(path, result=result, file_stamp=(100, 5))
    outcome = outcome._replace(instance=outcome.instance._replace(input=fetched))
    window: Window[Source] = Window(1)
    window.add([item])
    with journal_at(tmp_path / "journal") as journal:
        ends = ends_with(journal, window)
        ends.take_group({**told(outcome), "attempt": begin(window, ends)})
        assert [each.result for each in ends.take() if isinstance(each, StoreOutcome)] == [result]
    assert item.etag == "mark"
    assert item.length() == length


def test_what_a_worker_leaves_out_before_it_sends_does_not_say_how_far_it_has_come(tmp_path: Path) -> None:
    """It looks at all inputs first, and tells at once that the last one is no DICOM file."""
    paths = write_instances(tmp_path / "in", 6)
    window: Window[Source] = Window(1)
    window.add([InputFile(str(path)) for path in paths], ahead=2)
    rejected = tell_rejected(RejectedInput(str(paths[5]), "no DICOM", is_dicom=False, why=Rejection.NO_META_HEADER))
    duplicates = [
        stored(path, number, result=Result.REFUSED, status=0x0111) for number, path in enumerate(paths[:5], 1)
    ]
    with journal_at(tmp_path / "journal") as journal:
        ends = ends_with(journal, window)
        first = begin(window, ends)
        ends.take_group({**told(), "attempt": first, "ends": [["rejected", 6, str(paths[5]), None, rejected]]})
        ends.die(first)
        ends.take_group({**told(*duplicates), "attempt": begin(window, ends)})
        results = [each.result.value for each in ends.take() if isinstance(each, StoreOutcome)]
    assert results == ["stored"] * 2 + ["refused"] * 3


def test_a_batch_that_dask_begins_anew_on_another_worker_loses_no_outcome(tmp_path: Path) -> None:
    """As Dask does by itself when a worker dies, under the same number; the first worker may be heard late, too."""
    paths = write_instances(tmp_path / "in", 3)
    outcomes = [stored(path, number) for number, path in enumerate(paths, 1)]
    outcomes[1] = outcomes[1]._replace(result=Result.REFUSED, status=0xC000)
    window: Window[Source] = Window(1)
    window.add([InputFile(str(path)) for path in paths])
    with journal_at(tmp_path / "journal") as journal:
        ends = ends_with(journal, window)
        group = {**told(*outcomes), "attempt": begin(window, ends)}
        first, second, third = group["ends"]
        for course, number, its, is_last in (
            ("a", 1, [], False), ("a", 2, [first], False), ("b", 1, [], False), ("b", 2, [first, second], False),
            ("a", 3, [], False), ("b", 3, [third], True),
        ):  # fmt: skip
            ends.take_group({**group, "course": course, "number": number, "ends": its, "last": is_last})
        assert ends.is_complete(group["attempt"])
        assert ends.end(group["attempt"]) is None
        results = [each.result for each in ends.take() if isinstance(each, StoreOutcome)]
    assert results == [Result.STORED, Result.REFUSED, Result.STORED]


def test_records_of_a_dicomdir_that_are_rejected_under_one_name_all_count(tmp_path: Path) -> None:
    """Once each, though another worker tells of them again."""
    rejected = tell_rejected(
        RejectedInput("", "Invalid filename", is_dicom=True, dicomdir="DICOMDIR", why=Rejection.RECORD_WITHOUT_FILE)
    )
    window: Window[Source] = Window(1)
    window.add([InputFile(str(tmp_path / "DICOMDIR"))])
    with journal_at(tmp_path / "journal") as journal:
        ends = ends_with(journal, window)
        for count in (2, 3):
            attempt = begin(window, ends)
            ends.take_group({**told(), "attempt": attempt, "ends": [["rejected", None, "", None, rejected]] * count})
            ends.die(attempt)
        assert len(list(ends.take())) == 3


def test_what_was_logged_is_not_logged_again_when_it_is_heard_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """After a lost connection, as the scheduler tells it all from the beginning."""
    caplog.set_level(logging.WARNING, "dcmsend.app")
    (path,) = write_instances(tmp_path / "in", 1)
    window: Window[Source] = Window(1)
    window.add([InputFile(str(path))])
    with journal_at(tmp_path / "journal") as journal:
        ends = ends_with(journal, window)
        group = {**told(stored(path)), "attempt": begin(window, ends), "last": True}
        group["log"] = [["dcmsend.app", logging.WARNING, "bad"]]
        ends.take_group(group)
        ends.end(group["attempt"])
        ends.take_group(group, is_told_again=True)
    assert caplog.messages == ["bad"]


def test_a_file_that_was_put_in_the_place_of_the_sent_one_is_not_moved(tmp_path: Path) -> None:
    """Though it has the same size and time, and another host has sent the first one."""
    (path,) = write_instances(tmp_path / "in", 1)
    outcome, status = stored(path), path.stat()
    other = tmp_path / "other"
    other.write_bytes(bytes(status.st_size))
    os.utime(other, ns=(status.st_mtime_ns, status.st_mtime_ns))
    os.replace(other, path)
    window: Window[Source] = Window(1)
    window.add([InputFile(str(path))])
    with journal_at(tmp_path / "journal", str(tmp_path / "sent")) as journal:
        ends = Ends(window, RunRecord(), None, journal, "/", stays_here=False)
        ends.take_group({**told(outcome), "attempt": begin(window, ends)})
    assert path.exists()
