"""What the journal keeps of proofs, and that it is kept when a method returns."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import signal
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings

from dcmsend import JournalOptions, Reason, Result
from dcmsend.inputs import InputFile
from dcmsend.interrupt import Interrupt
from dcmsend.journal import Journal, JournalFilter, JournalReader, MovingJournal, StoredRow
from dcmsend.journal.proofs import NOT_NAMED
from dcmsend.report import format_time
from dcmsend.transfer import ProofState
from support.old_journal import OldRow, write_old_journal
from support.programs import installed_dcmsend
from support.run import run
from support.sending import instance_uid, write_instances

from .proving import (
    COMMITTED,
    DENIED,
    MISSING,
    NO_ANSWER,
    PEER,
    VERIFIED,
    WHO,
    ProofsMachine,
    look_up,
    opened,
    outcome_of,
)  # fmt: skip


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with opened(tmp_path / "journal") as made:
        yield made


def names(rows: Iterator[StoredRow]) -> list[str]:
    return [os.path.basename(row.path) for row in rows]


def test_order(journal: Journal) -> None:
    """By study and series as they were first sent, however the files lie; what has no series is last."""
    sent = [("9", "9"), ("1", "1"), ("9", "8"), ("", ""), ("1", "1"), ("9", "9"), ("1", "0")]
    for number, (study, series) in enumerate(sent, start=1):
        journal.note(outcome_of(number, series, study))
        journal.proofs()  # one after the other, as they are finished
    rows = list(journal.proofs().unproven())
    assert [(row.study_uid, row.series_uid) for row in rows] == [
        ("9", "9"), ("9", "9"), ("9", "8"), ("1", "1"), ("1", "1"), ("1", "0"), ("", ""),
    ]  # fmt: skip
    assert {row.sop_instance_uid for row in rows} == {instance_uid(number) for number in range(1, 8)}
    assert {row.proof for row in rows} == {None}


def test_rows_of_version_1(tmp_path: Path) -> None:
    write_old_journal(tmp_path / "journal", [OldRow(b"/a", b"b"), OldRow(b"/a", b"c", outcome=1)])
    with opened(tmp_path / "journal") as journal:
        (row,) = journal.proofs().unproven()
        assert (row.path, row.series_uid) == ("/a/b", "")
        assert journal.proofs().begin_transaction("1.2", [row], WHO) == [row]


def test_a_series_is_proven_in_part(journal: Journal) -> None:
    """As of the last answer; the whole journal is looked at once for all series, not for each."""
    for number, series in enumerate("556", start=1):
        journal.note(outcome_of(number, series))
    proofs = journal.proofs()
    one, two, three = proofs.unproven()
    proofs.record([(one, MISSING), (two, MISSING), (three, MISSING)])
    assert not proofs.has_proven("4", "5")
    proofs.record([(row, VERIFIED) for row in proofs.refuted(sent_again=False) if row.key == two.key])
    assert [proofs.has_proven(*series) for series in (("4", "5"), ("4", "6"), ("5", "5"))] == [True, False, False]
    statements: list[str] = []
    proofs._connection.set_trace_callback(statements.append)
    assert [proofs.has_proven("4", series) for series in "567"] == [True, False, False]
    assert len(statements) == 6  # whether others have written, and the question
    assert not any("INSERT" in each for each in statements)
    assert not [statement for statement in statements if "instance" in statement.split("WHERE")[0]]


def test_uids_of_several_series(journal: Journal) -> None:
    """Only those that are refuted; a second copy, a row that is not stored and one without series are no other one."""
    proofs = journal.proofs()

    def add(number: int, uid: int, series: str, study: str = "4", **changes: object) -> None:
        made = outcome_of(number, series, study, **changes)
        journal.note(made._replace(instance=made.instance._replace(sop_instance_uid=instance_uid(uid))))

    wanted = {}
    for uid in range(1, 14):  # the same series UID in two studies; every other one has a second copy
        add(uid, uid, "5")
        add(uid + 100, uid, "5", "9")
        if uid % 2:
            add(uid + 200, uid, "5")
        wanted[instance_uid(uid)] = 2 + uid % 2
    for number, (series, changes) in enumerate((("5", {}), ("6", {"result": Result.REFUSED, "status": 1}), ("", {}))):
        add(20 + number, 20 + number, "5")
        add(120 + number, 20 + number, series, **changes)
    add(30, 30, "5")
    add(130, 30, "6")
    assert proofs.shared_uids() == (0, ())
    proven = instance_uid(30)
    proofs.record([(row, VERIFIED if row.sop_instance_uid == proven else MISSING) for row in proofs.unproven()])
    found = proofs.shared_uids()
    assert found.total == 13
    assert found.first == tuple(sorted(wanted.items())[:10])
    (shared,) = (row for row in proofs.refuted(sent_again=False) if os.path.basename(row.path) == "101")
    proofs.record([(shared, VERIFIED)])
    assert proofs.shared_uids() == found, "the archive has one of both"


def test_only_what_is_stored(journal: Journal) -> None:
    journal.note(outcome_of(1))
    journal.note(outcome_of(2, result=Result.REFUSED, status=0xA900))
    journal.note(outcome_of(3, status=0xB000))
    assert sorted(names(journal.proofs().unproven())) == ["1", "3"]


def test_sent_again_once_ever(journal: Journal) -> None:
    """What is refuted is no reason to skip its file; what is refuted again stays so."""
    proofs = journal.proofs()
    for number in (1, 2):
        journal.note(outcome_of(number))
    one, two = proofs.unproven()
    assert proofs.record([(one, DENIED), (two, VERIFIED)]) == 2
    assert list(proofs.unproven()) == []
    (refuted,) = proofs.refuted(sent_again=False)
    assert (refuted.sop_instance_uid, refuted.proof and refuted.proof[:3]) == (
        one.sop_instance_uid, (ProofState.DENIED, 0x0112, ""),
    )  # fmt: skip
    assert look_up(journal, 1)
    assert proofs.send_again([refuted]) == 1
    assert not look_up(journal, 1)
    journal.note(outcome_of(1, result=Result.UNCONFIRMED, status=None, reason=Reason.CONNECTION_LOST))
    proofs.totals()
    assert not look_up(journal, 1), "it was not stored again"
    journal.note(outcome_of(1, started=9.0))
    (again,) = proofs.unproven()
    assert (again.sent_again, again.proof, look_up(journal, 1)) == (1, None, True)
    assert list(proofs.refuted(sent_again=False)) == list(proofs.refuted(sent_again=True)) == []
    assert proofs.record([(again, MISSING)]) == 1
    (last,) = proofs.refuted(sent_again=True)
    assert (last.sent_again, proofs.send_again([last]), look_up(journal, 1)) == (1, 0, True)
    assert list(proofs.refuted(sent_again=False)) == []
    assert proofs.totals() == {ProofState.MISSING: 1, ProofState.VERIFIED: 1}


def test_questions_for_a_path_or_a_transaction_are_indexed(journal: Journal) -> None:
    """They cost as little in a journal of millions of rows, proofs and transactions."""
    from dcmsend.journal.proof_notes import _HAND_OVER, _OF_TRANSACTION
    from dcmsend.journal.schema import LOOK_UP

    with closing(sqlite3.connect(journal.path)) as connection:
        for query, values in ((LOOK_UP, (1, b"1")), (_OF_TRANSACTION, (1,)), (_HAND_OVER, (2, 3, 1))):
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", values)]
            assert not [step for step in plan if step.startswith("SCAN") or "TEMP" in step], plan


def test_another_file_of_the_same_name_is_not_proven(journal: Journal) -> None:
    proofs = journal.proofs()
    journal.note(outcome_of(1))
    (row,) = proofs.unproven()
    proofs.begin_transaction("1.2.3", [row], WHO)
    journal.note(outcome_of(1, version=2, started=5.0))
    (changed,) = proofs.unproven()
    assert proofs.rows_of("1.2.3") == []
    assert proofs.answer_transaction("1.2.3", {row.sop_instance_uid: COMMITTED}) == []
    assert proofs.record([(row, VERIFIED)]) == 0
    assert list(proofs.unproven()) == [changed]
    assert (changed.proof, changed.sent_again) == (None, 0)


def test_a_transaction(journal: Journal) -> None:
    proofs = journal.proofs()
    for number in range(1, 5):
        journal.note(outcome_of(number))
    rows = list(proofs.unproven())
    assert proofs.begin_transaction("1.2.3", rows, WHO) == rows
    (waiting,) = proofs.open_transactions()
    assert (waiting.uid, waiting.peer, waiting.rows) == ("1.2.3", WHO, 4)
    assert list(proofs.unproven()) == []
    assert proofs.totals() == {ProofState.NO_ANSWER: 4}
    uids = [row.sop_instance_uid for row in rows]
    proven = proofs.answer_transaction("1.2.3", {uids[0]: COMMITTED, uids[1]: DENIED, "9.9": COMMITTED})
    assert proven is not None
    assert [(row.sop_instance_uid, proof[:3]) for row, proof in proven] == [
        (uids[0], (ProofState.COMMITTED, None, "1.2.3")), (uids[1], (ProofState.DENIED, 0x0112, "1.2.3")),
        (uids[2], (ProofState.NO_ANSWER, NOT_NAMED, "1.2.3")), (uids[3], (ProofState.NO_ANSWER, NOT_NAMED, "1.2.3")),
    ]  # fmt: skip
    assert proofs.open_transactions() == []
    assert proofs.answer_transaction("1.2.3", dict.fromkeys(uids, COMMITTED)) == [], "it comes twice"
    assert proofs.answer_transaction("1.2.4", dict.fromkeys(uids, COMMITTED)) is None, "nobody knows it"
    assert [row.sop_instance_uid for row in proofs.unproven()] == uids[2:]
    with pytest.raises(ValueError, match="used once"):
        proofs.begin_transaction("1.2.3", rows, WHO)


@pytest.mark.parametrize("answered", [("1", "3"), ("2", "3"), ("3", "1")])
def test_any_transaction_for_the_same_rows_may_be_answered(journal: Journal, answered: tuple[str, str]) -> None:
    proofs = journal.proofs()
    journal.note(outcome_of(1))
    (row,) = proofs.unproven()
    proofs.begin_transaction("1", [row], WHO)
    for old, new in itertools.pairwise("123"):
        assert [each.sop_instance_uid for each in proofs.replace_transaction(old, new, WHO)] == [row.sop_instance_uid]
        with pytest.raises(ValueError, match="only an open one"):
            proofs.replace_transaction(old, "4", WHO)
    assert [each.uid for each in proofs.open_transactions()] == ["3"]
    first, second = answered
    ((_, proof),) = proofs.answer_transaction(first, {row.sop_instance_uid: COMMITTED}) or ()
    assert (proof.state, proof.transaction_uid) == (ProofState.COMMITTED, first)
    assert proofs.answer_transaction(second, {row.sop_instance_uid: DENIED}) == []
    assert (proofs.totals(), proofs.open_transactions()) == ({ProofState.COMMITTED: 1}, [])


def test_a_transaction_that_is_refused(journal: Journal) -> None:
    proofs = journal.proofs()
    journal.note(outcome_of(1))
    rows = list(proofs.unproven())
    proofs.begin_transaction("1", rows, WHO)
    refused = proofs.refuse_transaction("1", 0x0213)
    assert proofs.refuse_transaction("1", 0x0213) == []
    (row,) = proofs.unproven()
    assert refused == [row]  # and so it may be requested again
    assert row.proof is not None
    assert row.proof[:3] == (ProofState.NO_ANSWER, 0x0213, "1")
    assert proofs.begin_transaction("2", [row], WHO) == [row]


def three_stored(journal: MovingJournal, folder: Path) -> list[StoredRow]:
    """The rows of three files."""
    for number, path in enumerate(write_instances(folder, 3), start=1):
        status = path.stat()
        stamp = (status.st_size, status.st_mtime_ns)
        made = outcome_of(number)
        journal.note(made._replace(instance=made.instance._replace(input=InputFile(str(path))), file_stamp=stamp))
    return list(journal.proofs().unproven())


def test_what_the_archive_lacks_is_not_moved_by_a_run_without_a_question(tmp_path: Path) -> None:
    """The journal knows it from an earlier run; the file may be all that there is."""
    options = JournalOptions(str(tmp_path / "journal"), resume=True, move_sent=str(tmp_path / "sent"))
    journal = MovingJournal(options, PEER, Interrupt(), needs_proof=True)
    one, two, three = three_stored(journal, tmp_path / "in")
    journal.proofs().record([(one, MISSING), (two, DENIED), (three, NO_ANSWER)])
    journal.close()
    journal = MovingJournal(options, PEER, Interrupt())
    assert all(journal.is_stored(InputFile(row.path)) for row in (one, two, three))
    journal.close()
    assert os.listdir(tmp_path / "sent") == [os.path.basename(three.path)]
    assert Path(one.path).exists()
    assert Path(two.path).exists()


def test_what_is_moved_waits_for_its_proof(tmp_path: Path) -> None:
    """Neither when it is stored nor by a later run, but when the proof is kept; by one run or the next."""
    options = JournalOptions(str(tmp_path / "journal"), resume=True, move_sent=str(tmp_path / "sent"))
    journal = MovingJournal(options, PEER, Interrupt(), needs_proof=True)
    one, two, three = three_stored(journal, tmp_path / "in")
    journal.proofs().record([(one, VERIFIED), (two, DENIED), (three, NO_ANSWER)])
    for row in (one, two, three):
        journal.move_proven(InputFile(row.path), None)
    journal.close()
    assert os.listdir(tmp_path / "sent") == [os.path.basename(one.path)]
    journal = MovingJournal(options, PEER, Interrupt(), needs_proof=True)
    journal.proofs().record([(row, COMMITTED) for row in journal.proofs().unproven()])
    assert all(journal.is_stored(InputFile(row.path)) for row in (two, three))
    journal.close()
    assert sorted(os.listdir(tmp_path / "sent")) == sorted(os.path.basename(row.path) for row in (one, three))
    assert Path(two.path).exists()


@pytest.mark.parametrize("method", ["begin", "answer", "record", "again", "replace"])
def test_it_is_kept_when_the_method_returns(tmp_path: Path, method: str) -> None:
    """SIGKILL right after the return."""
    path = tmp_path / "journal"
    child = os.fork()
    if child == 0:
        try:
            made = Journal(JournalOptions(str(path), resume=True), PEER, Interrupt())
            made.note(outcome_of(1))
            proofs = made.proofs()
            rows = list(proofs.unproven())
            if method in ("begin", "answer", "replace"):
                proofs.begin_transaction("1", rows, WHO)
            if method == "answer":
                proofs.answer_transaction("1", {rows[0].sop_instance_uid: COMMITTED})
            if method == "replace":
                proofs.replace_transaction("1", "2", WHO)
            if method in ("record", "again"):
                proofs.record([(rows[0], MISSING)])
            if method == "again":
                proofs.send_again(proofs.refuted(sent_again=False))
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    with opened(path) as journal:
        proofs = journal.proofs()
        transactions = [each.uid for each in proofs.open_transactions()]
        assert transactions == {"begin": ["1"], "replace": ["2"]}.get(method, [])
        (state,) = proofs.totals()
        expected = {"answer": ProofState.COMMITTED, "record": ProofState.MISSING, "again": ProofState.MISSING}
        assert state is expected.get(method, ProofState.NO_ANSWER)
        assert look_up(journal, 1) is (method != "again")


def test_memory_is_bounded(tmp_path: Path) -> None:
    """As little for 60 000 rows as for 3 000; the order is made on the disk."""
    path = tmp_path / "journal"
    peaks = []
    for count in (3_000, 60_000):
        with opened(path) as journal:
            proofs = journal.proofs()
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("INSERT OR IGNORE INTO directory VALUES (1, x'2f')")
                connection.execute("INSERT OR IGNORE INTO sop_class VALUES (1, '1.2')")
                row = "1, ?, 1, 1, 0, 0, NULL, 1, 1, 1, ?, NULL, NULL, NULL, NULL"
                connection.executemany(
                    f"INSERT OR IGNORE INTO instance VALUES ({row})",
                    ((b"%d" % number, f"1.2.{number}") for number in range(count)),
                )
                connection.commit()
            tracemalloc.start()
            assert sum(1 for _ in proofs.unproven()) == count
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_it_is_shown(tmp_path: Path) -> None:
    """Where it is set: rows that were never asked for look as they did."""
    path = tmp_path / "journal"
    with opened(path) as journal:
        journal.note(outcome_of(1, "", ""))
        journal.note(outcome_of(2))
        journal.note(outcome_of(3))
        proofs = journal.proofs()
        _, two, three = sorted(proofs.unproven(), key=lambda row: row.sop_instance_uid)
        proofs.record([(two, DENIED)])
        proofs.begin_transaction("1.7", [three], WHO)
        (transaction,) = proofs.open_transactions()
    show = str(Path(installed_dcmsend()).with_name("dcmsend-journal"))
    rows = {row["sop_instance_uid"]: row for row in json.loads(run(show, path, "--format", "json").stdout)}
    plain, denied, asked = (rows[instance_uid(number)] for number in (1, 2, 3))
    assert not {"proof", "etag", "study_uid", "options", "sent_again"} & plain.keys()
    assert (denied["study_uid"], denied["series_uid"]) == ("4", "5")
    assert {**denied["proof"], "time": ""} == {"state": "denied", "reason": "0x0112", "transaction": None, "time": ""}
    assert (asked["proof"]["state"], asked["proof"]["transaction"]) == ("no_answer", "1.7")
    lines = csv.DictReader(io.StringIO(run(show, path, "--format", "csv").stdout))
    table = {row["sop_instance_uid"]: row for row in lines}
    parts = [table[instance_uid(2)][f"proof{part}"] for part in ("", "_reason", "_transaction")]
    assert parts == ["denied", "0x0112", ""]
    assert table[instance_uid(1)]["proof"] == ""
    assert "0x0000 denied" in run(show, path, "--list").stdout
    totals = json.loads(run(show, path, "--totals", "--format", "json").stdout)
    assert list(totals["proofs"].items()) == [("denied", 1), ("no_answer", 1), ("not_asked", 1)]
    waiting = totals["open_transactions"]
    assert (waiting["number"], waiting["instances"]) == (1, 1)
    assert waiting["oldest"] == format_time(transaction.requested)
    shown = run(show, path).stdout
    assert "denied                  1  of those stored" in shown
    assert f"waiting                 1  in open transactions: 1, the oldest of {waiting['oldest']}\n" in shown
    with opened(path) as journal:
        journal.proofs().answer_transaction("1.7", {})
    assert "open_transactions" not in json.loads(run(show, path, "--totals", "--format", "json").stdout)
    assert "waiting" not in run(show, path).stdout
    with JournalReader(str(path)) as reader:
        wanted = JournalFilter(proofs=(ProofState.DENIED, None))
        assert sorted(row.sop_instance_uid for row in reader.rows(wanted)) == [instance_uid(1), instance_uid(2)]
        assert sum(group.instances for group in reader.totals(wanted)) == 2


TestAnyOrder = ProofsMachine.TestCase
TestAnyOrder.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
