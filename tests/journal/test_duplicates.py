"""A peer that refuses what it has already: with a journal that is known also in a later run."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from dcmsend import Peer, Reason, Result, RetryOptions, StoreOutcome, TransferOptions, send
from dcmsend.journal import JournalFilter, JournalReader, merge_journals
from dcmsend.journal.database import close_at_rest, open_database, open_read_only
from dcmsend.journal.resume import StoredFiles
from dcmsend.journal.writer import GroupWriter
from support.fixture_files import CT_CLASS, EI, meta_header
from support.peer_script import Close, Respond, Script
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, tiny_data_set, write_instances

from .runs import outcomes, run_with_journal
from .test_writer import Kept, outcome_of

DUPLICATE = Respond(0x0111)


def test_duplicate_of_what_was_not_answered_in_an_earlier_run_is_stored(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 3)
    with ScriptedPeer(Script(stores={2: Close()}), Script(), Script(other_stores=DUPLICATE)) as peer:
        first = run_with_journal(tmp_path, peer.port)
        assert first.exit_code == 101
        before = outcomes(tmp_path / "journal")
        second = run_with_journal(tmp_path, peer.port, "--resume")
        assert second.exit_code == 0, second.stderr
    (unanswered,) = (name for name, row in before.items() if row[0] == 3)
    assert outcomes(tmp_path / "journal")[unanswered] == (0, 0x0111, None, 2)
    assert len(peer.stores) == 4


def test_duplicate_of_what_was_not_answered_and_then_refused_is_stored(tmp_path: Path) -> None:
    """Only the last attempt has a place in the journal, and it was another one that the peer has stored."""
    (path,) = write_instances(tmp_path / "in", 1)
    refused = Script(other_stores=Respond(0xA700))
    with ScriptedPeer(Script(stores={1: Close()}), refused, refused, Script(other_stores=DUPLICATE)) as peer:
        assert run_with_journal(tmp_path, peer.port, "--retry", "1", "--retry-delay", "0").exit_code == 101
        with JournalReader(str(tmp_path / "journal")) as journal:
            (row,) = journal.rows(JournalFilter())
            assert (row.result, row.status, row.reason) == (Result.REFUSED, 0xA700, None)
            assert list(journal.rows(JournalFilter(reasons=("connection_lost", "aborted", "released")))) == []
            assert [tuple(group) for group in journal.totals(JournalFilter())] == [(Result.REFUSED, 0xA700, None, 1)]
        assert run_with_journal(tmp_path, peer.port, "--resume").exit_code == 101
        done = run_with_journal(tmp_path, peer.port, "--resume")
        assert done.exit_code == 0, done.stderr
    assert outcomes(tmp_path / "journal")[path.name] == (0, 0x0111, None, 4)


UNANSWERED = outcome_of(1, Result.UNCONFIRMED)._replace(sop_instance_uid=instance_uid(1), file_stamp=(10, 10))
REFUSED = UNANSWERED._replace(result=Result.REFUSED, status=0xA700, reason=None)
FAILED = UNANSWERED._replace(result=Result.FAILED)
UNREADABLE = FAILED._replace(reason=Reason.FILE_UNREADABLE, sop_instance_uid="", file_stamp=None)
OTHER = {"sop_instance_uid": instance_uid(2)}
CHANGED = {"file_stamp": (10, 11)}


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ([], True), ([REFUSED], True), ([FAILED], True), ([UNREADABLE], True), ([UNREADABLE, REFUSED, FAILED], True),
        ([FAILED, UNREADABLE, REFUSED, REFUSED], True), ([REFUSED._replace(**OTHER)], False),
        ([REFUSED._replace(**CHANGED)], False), ([FAILED._replace(**OTHER)], False),
        ([FAILED._replace(**CHANGED)], False), ([REFUSED._replace(**OTHER), REFUSED], False),
        ([FAILED._replace(**CHANGED), FAILED], False),
    ],
)
def test_what_later_runs_leave_of_an_attempt_without_an_answer(
    tmp_path: Path, later: list[StoreOutcome], expected: bool
) -> None:
    kept = Kept(tmp_path / "journal")
    for outcome in (UNANSWERED, *later):
        kept.writer.add(outcome)
        kept.writer.flush()
    kept.writer.close()
    kept.connection.close()
    files = StoredFiles(open_read_only(str(kept.path))[0], str(kept.path))
    try:
        assert files.is_unanswered(REFUSED._replace(status=0x0111)) is expected
    finally:
        files.close()


@pytest.mark.parametrize("before", [UNANSWERED, REFUSED._replace(earlier_unanswered=True)], ids=["unanswered", "star"])
def test_a_file_that_cannot_be_opened_leaves_an_attempt_without_an_answer_as_it_is(
    tmp_path: Path, before: StoreOutcome
) -> None:
    """Also when journals are merged: what another run has stored under the name meanwhile is newer."""
    stored = before._replace(result=Result.STORED, status=0, reason=None, file_stamp=(10, 11), started=2.0, **OTHER)
    write_journal(tmp_path / "1", before)
    first = rows_of(tmp_path / "1")
    write_journal(tmp_path / "1", UNREADABLE._replace(started=3.0), resume=True)
    assert rows_of(tmp_path / "1") == first
    write_journal(tmp_path / "2", stored._replace(earlier_unanswered=False))
    merge_journals(str(tmp_path / "merged"), [str(tmp_path / "1"), str(tmp_path / "2")])
    assert rows_of(tmp_path / "merged") == rows_of(tmp_path / "2")


def write_journal(path: Path, outcome: StoreOutcome, *, resume: bool = False) -> None:
    connection = open_database(str(path), Peer("host", 104).facts, resume=resume)
    writer = GroupWriter(connection, str(path), lambda group: None, lambda: None)
    writer.add(outcome)
    writer.close()
    close_at_rest(connection)


def rows_of(path: Path) -> list[tuple[object, ...]]:
    with closing(open_read_only(str(path))[0]) as connection:
        columns = "name, size, mtime_ns, outcome, reason, time, sop_instance_uid"
        return connection.execute(f"SELECT {columns} FROM instance").fetchall()


@pytest.mark.parametrize("scanning", [[], ["--send-while-scanning"]])
def test_other_duplicates_are_refusals(tmp_path: Path, scanning: list[str]) -> None:
    """Neither the first time, nor after the peer has refused it for another reason."""
    write_instances(tmp_path / "in", 2)
    first, then = Script(stores={1: DUPLICATE, 2: Respond(0xA700)}), Script(other_stores=DUPLICATE)
    with ScriptedPeer(first, then) as peer:
        assert run_with_journal(tmp_path, peer.port, *scanning).exit_code == 101
        assert run_with_journal(tmp_path, peer.port, *scanning, "--resume").exit_code == 102
    assert {row[:2] for row in outcomes(tmp_path / "journal").values()} == {(1, 0x0111)}


def put(path: Path, number: int, *, restored: bool) -> None:
    """Put another instance of the same length under a name, with the same time if it is ``restored``."""
    status = path.stat()
    path.write_bytes(meta_header(CT_CLASS, instance_uid(number), EI) + tiny_data_set(number))
    assert path.stat().st_size == status.st_size
    later = 0 if restored else 10**9
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + later))


@pytest.mark.parametrize("restored", [False, True])
def test_duplicate_of_another_instance_under_the_same_name_is_a_refusal(tmp_path: Path, restored: bool) -> None:
    """A was not answered; now B has its name, and the peer has a B: of this one nobody knows that it is there."""
    write_instances(tmp_path / "in", 3)
    with ScriptedPeer(Script(stores={2: Close()}), Script(), Script(other_stores=DUPLICATE)) as peer:
        assert run_with_journal(tmp_path, peer.port).exit_code == 101
        (unanswered,) = (name for name, row in outcomes(tmp_path / "journal").items() if row[0] == 3)
        put(tmp_path / "in" / unanswered, 7, restored=restored)
        second = run_with_journal(tmp_path, peer.port, "--resume")
        assert second.exit_code == 102, second.stderr
    assert outcomes(tmp_path / "journal")[unanswered][:2] == (1, 0x0111)


def test_duplicate_of_a_changed_copy_is_a_refusal(tmp_path: Path) -> None:
    """The same instance with other content: the peer keeps the old one."""
    write_instances(tmp_path / "in", 3)
    with ScriptedPeer(Script(stores={2: Close()}), Script(), Script(other_stores=DUPLICATE)) as peer:
        assert run_with_journal(tmp_path, peer.port).exit_code == 101
        (unanswered,) = (name for name, row in outcomes(tmp_path / "journal").items() if row[0] == 3)
        path = tmp_path / "in" / unanswered
        path.write_bytes(path.read_bytes().replace(b"Test^Transfer", b"Best^Transfer"))
        assert run_with_journal(tmp_path, peer.port, "--resume").exit_code == 102


@pytest.mark.parametrize("restored", [False, True])
def test_file_is_replaced_between_two_attempts(tmp_path: Path, restored: bool) -> None:
    (path,) = write_instances(tmp_path, 1)

    class Replacing(ScriptedPeer):
        def _serve(self, connection: object) -> None:
            if len(self.connections) == 1:
                put(path, 7, restored=restored)
            super()._serve(connection)  # type: ignore[arg-type]

    with Replacing(Script(stores={1: Close()}), Script(other_stores=DUPLICATE)) as peer:
        (outcome,) = send(
            [path], Peer("127.0.0.1", peer.port),
            transfer=TransferOptions(retry=RetryOptions(attempts=2, delay=0.01), halt_on_failure=False),
        )  # fmt: skip
    assert [store.sop_instance_uid for store in peer.stores] == [instance_uid(1), instance_uid(7)]
    assert (outcome.result.value, outcome.status) == ("refused", 0x0111)

