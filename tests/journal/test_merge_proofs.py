"""``dcmsend-journal merge`` brings along what the archive has said."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import rule

from dcmsend import Result
from dcmsend.errors import JournalError
from dcmsend.journal import Journal, JournalReader, StoredRow, merge_journals
from dcmsend.journal.database import open_database
from dcmsend.journal.proof_rows import ASKED
from dcmsend.reasons import NoJournal
from dcmsend.transfer import PeerFacts, ProofState
from support.old_journal import OldRow, write_old_journal
from support.programs import installed_dcmsend
from support.sending import instance_uid

from .proving import COMMITTED, DENIED, MISSING, NO_ANSWER, PEER, VERIFIED, WHO, ProofsMachine, opened, outcome_of

_OPEN, _REPLACED = 0, 3


def known(path: Path) -> tuple[dict[Any, Any], dict[Any, Any], set[Any]]:
    """Rows with their proofs, transactions, and the rows of open transactions, read without our code."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        rows = {}
        for *key, outcome, when, mark, code, reason, said, transaction, count, due in connection.execute(
            "SELECT path, name, outcome, instance.time, proof, proof.state, proof.reason, proof.time, commitment.uid, "
            "coalesce(sent_again, 0), coalesce(due, 0) FROM instance JOIN directory ON directory.id = directory "
            "LEFT JOIN proof ON proof.id = abs(proof) LEFT JOIN commitment ON commitment.id = proof.commitment"
        ):
            is_current = (mark or 0) > 0
            answer = (code, reason, said, transaction, due) if is_current else None
            rows[tuple(key)] = (outcome, when, count if is_current else count + due, answer)
        waiting = set(connection.execute(
            "SELECT uid, path, name FROM requested JOIN commitment ON commitment.id = commitment "
            "JOIN directory ON directory.id = directory"
        ))  # fmt: skip
        waiting = {(uid, *key) for uid, *key in waiting if (rows[tuple(key)][3] or (0,) * 4)[::3][:2] == (ASKED, uid)}
        has_rows = {uid for uid, *_ in waiting}
        transactions = {
            uid: (_REPLACED if state == _OPEN and uid not in has_rows else state, *more)
            for uid, state, *more in connection.execute(
                "SELECT old.uid, old.state, old.requested, old.peer, old.answered, later.uid FROM commitment AS old "
                "LEFT JOIN commitment AS later ON later.id = old.replaced_by"
            )
        }
        for table in ("instance", "proof"):
            assert connection.execute("PRAGMA foreign_key_check").fetchone() is None, table
    return rows, transactions, waiting


def merged(target: Path, *sources: Path) -> Path:
    merge_journals(str(target), [str(source) for source in sources])
    return target


def is_same_in_any_order(tmp_path: Path, *sources: Path) -> Path:
    """The merged journal, which is the same in each order, and when all is merged once more."""
    found = []
    for number, some in enumerate(itertools.permutations(sources)):
        found.append(known(merged(tmp_path / f"at-once-{number}", *some)))
        for source in some:
            merged(tmp_path / f"one-by-one-{number}", source)
        found.append(known(tmp_path / f"one-by-one-{number}"))
    assert all(each == found[0] for each in found)
    target = merged(tmp_path / "at-once-0", *sources, *sources)
    assert known(target) == found[0]
    return target


def copied(path: Path, name: str) -> Path:
    """A journal as it is now, also while it is open."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(path.with_name(name))) as copy:
        source.backup(copy)
    return path.with_name(name)


def rows_of(path: Path) -> list[StoredRow]:
    with opened(path) as journal:
        proofs = journal.proofs()
        rows = [*proofs.unproven(), *proofs.refuted(sent_again=False), *proofs.refuted(sent_again=True)]
    return sorted(rows, key=lambda row: row.path)


class MergingMachine(ProofsMachine):
    """Copies of a journal, merged in any order, know what the journal knows: no old copy undoes anything."""

    def __init__(self) -> None:
        super().__init__()
        self.copies: list[Path] = []

    @rule()
    def copy(self) -> None:
        self.proofs.totals()  # all is written
        self.copies.append(copied(self.path, f"copy{len(self.copies)}"))

    def teardown(self) -> None:
        self.journal.close()
        sources = [self.path, *self.copies]
        random.Random(len(self.copies)).shuffle(sources)
        wanted = known(self.path)
        target = self.path.with_name("target")
        assert known(merged(target, *sources)) == wanted
        assert known(merged(target, *reversed(sources))) == wanted
        for source in sources:
            merged(self.path.with_name("one-by-one"), source)
        assert known(self.path.with_name("one-by-one")) == wanted
        super().teardown()


TestCopies = MergingMachine.TestCase
TestCopies.settings = settings(max_examples=10, stateful_step_count=20, deadline=None)


def test_each_state(tmp_path: Path) -> None:
    """The archive is asked for nothing that it has answered; and a report counts in the merged journal."""
    verdicts = {1: VERIFIED, 2: DENIED, 3: MISSING, 4: NO_ANSWER}
    with opened(tmp_path / "one") as journal:
        for number in range(1, 8):
            journal.note(outcome_of(number))
        proofs = journal.proofs()
        rows = {int(os.path.basename(row.path)): row for row in proofs.unproven()}
        proofs.record([(rows[number], verdict) for number, verdict in verdicts.items()])
        proofs.begin_transaction("1.5", [rows[5]], WHO)
        proofs.begin_transaction("1.6", [rows[6]], WHO)
        proofs.answer_transaction("1.6", {rows[6].sop_instance_uid: COMMITTED})
        before = proofs.totals()
    with opened(tmp_path / "two") as journal:
        journal.note(outcome_of(8))
    target = is_same_in_any_order(tmp_path, tmp_path / "one", tmp_path / "two")
    rows_one, transactions, waiting = known(tmp_path / "one")
    rows_both, *others = known(target)
    assert rows_one.items() <= rows_both.items()
    assert others == [transactions, waiting]
    with opened(target) as journal:
        proofs = journal.proofs()
        before[None] += 1
        assert proofs.totals() == before
        assert sorted(os.path.basename(row.path) for row in proofs.unproven()) == ["4", "7", "8"]
        assert proofs.answer_transaction("1.6", {instance_uid(6): DENIED}) == [], "a second report"
        ((row, proof),) = proofs.answer_transaction("1.5", {instance_uid(5): COMMITTED}) or ()
        assert (os.path.basename(row.path), proof.state) == ("5", ProofState.COMMITTED)


def refute(journal: Journal, *, is_due: bool) -> None:
    proofs = journal.proofs()
    proofs.record([(row, DENIED) for row in proofs.unproven()])
    if is_due:
        proofs.send_again(proofs.refuted(sent_again=False))


def test_sent_again_once_ever(tmp_path: Path) -> None:
    """Whichever journal a run uses: it was sent again according to one, and is refuted again in the merged one."""
    with opened(tmp_path / "one") as journal:
        journal.note(outcome_of(1))
        refute(journal, is_due=True)
        copied(tmp_path / "one", "due")
        journal.note(outcome_of(1, started=5.0))
    target = is_same_in_any_order(tmp_path, tmp_path / "one", tmp_path / "due")
    (row,) = rows_of(target)
    assert (row.sent_again, row.proof) == (1, None)
    with opened(target) as journal:
        refute(journal, is_due=True)
        assert [row.sent_again for row in journal.proofs().refuted(sent_again=True)] == [1]
        assert not list(journal.proofs().refuted(sent_again=False))


@pytest.mark.parametrize("is_due", [False, True])
def test_a_later_copy_of_another_run(tmp_path: Path, is_due: bool) -> None:
    """It was sent after the other journal wanted that: this was the once.  Only refuted, it was sent by chance."""
    with opened(tmp_path / "one") as journal:
        journal.note(outcome_of(1))
        refute(journal, is_due=is_due)
    with opened(tmp_path / "two") as journal:
        journal.note(outcome_of(1, started=5.0))
    (row,) = rows_of(is_same_in_any_order(tmp_path, tmp_path / "one", tmp_path / "two"))
    assert (row.sent_again, row.proof, row.time) == (int(is_due), None, 5000)


def test_an_older_wish_to_send_it_again(tmp_path: Path) -> None:
    """A copy that is due according to one journal is not, if another journal has sent the instance again."""
    with opened(tmp_path / "one") as journal:
        journal.note(outcome_of(1))
        refute(journal, is_due=True)
        journal.note(outcome_of(1, started=3.0))
    with opened(tmp_path / "two") as journal:
        journal.note(outcome_of(1, started=5.0))
        refute(journal, is_due=True)
    (row,) = rows_of(is_same_in_any_order(tmp_path, tmp_path / "one", tmp_path / "two"))
    assert (row.sent_again, row.proof and row.proof.state) == (1, ProofState.DENIED)
    with opened(tmp_path / "at-once-0") as journal:
        assert journal.proofs().send_again(journal.proofs().refuted(sent_again=False)) == 0
        assert [each.time for each in journal.proofs().refuted(sent_again=True)] == [5000]


def test_the_peer_refuses_it_for_good(tmp_path: Path) -> None:
    """A run has counted it without another copy; the merged journal from before does not want it any more."""
    with opened(tmp_path / "one") as journal:
        journal.note(outcome_of(1))
        refute(journal, is_due=True)
        copied(tmp_path / "one", "due")
        (row,) = journal.proofs().refuted(sent_again=False)
        journal.proofs().record([(row._replace(sent_again=1), DENIED)])
    target = is_same_in_any_order(tmp_path, tmp_path / "one", tmp_path / "due")
    assert known(target) == known(tmp_path / "one")


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        (VERIFIED, MISSING, ProofState.MISSING),
        (MISSING, VERIFIED, ProofState.VERIFIED),
        (VERIFIED, NO_ANSWER, ProofState.VERIFIED),
        (DENIED, NO_ANSWER, ProofState.DENIED),
        (None, NO_ANSWER, ProofState.NO_ANSWER),
        (None, DENIED, ProofState.DENIED),
        (VERIFIED, "1.2", ProofState.VERIFIED),
        (NO_ANSWER, "1.2", "1.2"),
        (None, "1.2", "1.2"),
        ("1.2", NO_ANSWER, "1.2"),
        ("1.2", MISSING, ProofState.MISSING),
    ],
    ids=str,
)
def test_two_answers_about_the_same_copy(tmp_path: Path, first: Any, second: Any, wanted: Any) -> None:
    with opened(tmp_path / "base") as journal:
        journal.note(outcome_of(1))
    for name, verdict in (("one", first), ("two", second)):
        shutil.copy(tmp_path / "base", tmp_path / name)
        with opened(tmp_path / name) as journal:
            (row,) = journal.proofs().unproven()
            if isinstance(verdict, str):
                journal.proofs().begin_transaction(verdict, [row], WHO)
            elif verdict is not None:
                journal.proofs().record([(row, verdict)])
        time.sleep(0.003)  # the second answer is later
    target = is_same_in_any_order(tmp_path, tmp_path / "one", tmp_path / "two")
    with opened(target) as journal:
        if isinstance(wanted, str):
            assert [(each.uid, each.rows) for each in journal.proofs().open_transactions()] == [(wanted, 1)]
        else:
            assert list(journal.proofs().totals()) == [wanted]
            assert journal.proofs().open_transactions() == []
            if "1.2" in (first, second):
                assert journal.proofs().answer_transaction("1.2", {instance_uid(1): COMMITTED}) == [], "it is known"


@pytest.mark.parametrize(
    "changes",
    [
        {"result": Result.REFUSED, "status": 0xA900},
        {"result": Result.UNCONFIRMED, "status": None},
        {"result": Result.FAILED, "status": None, "file_stamp": None},
    ],
    ids=str,
)
def test_a_row_that_is_not_stored_takes_no_proof_away(tmp_path: Path, changes: dict[str, Any]) -> None:
    with opened(tmp_path / "one") as journal:
        journal.note(outcome_of(1))
        journal.proofs().record([(row, VERIFIED) for row in journal.proofs().unproven()])
    with opened(tmp_path / "two") as journal:
        journal.note(outcome_of(1, started=9.0, **changes))
    target = is_same_in_any_order(tmp_path, tmp_path / "one", tmp_path / "two")
    assert known(target) == known(tmp_path / "one")


def test_another_file_of_the_same_name_is_not_proven(tmp_path: Path) -> None:
    with opened(tmp_path / "one") as journal:
        journal.note(outcome_of(1))
        refute(journal, is_due=True)
    with opened(tmp_path / "two") as journal:
        journal.note(outcome_of(1, version=2, started=5.0))
    target = is_same_in_any_order(tmp_path, tmp_path / "one", tmp_path / "two")
    assert known(target) == known(tmp_path / "two")


def ask(path: Path, uid: str, *numbers: int) -> None:
    with opened(path) as journal:
        for number in numbers:
            journal.note(outcome_of(number))
        assert journal.proofs().begin_transaction(uid, list(journal.proofs().unproven()), WHO)


def test_what_another_journal_has_not_heard_of_is_asked_again(tmp_path: Path) -> None:
    """The transaction is answered or refused there; nobody would wait for it any more."""
    for number, end in enumerate(["answered", "refused", "replaced"], start=1):
        path, uid = tmp_path / end, f"1.{number}"
        ask(path, uid, number, number + 3)
        copied(path, f"{end}-before")
        with opened(path) as journal:
            proofs = journal.proofs()
            if end == "answered":
                proofs.answer_transaction(uid, {instance_uid(number): COMMITTED, instance_uid(number + 3): DENIED})
            elif end == "refused":
                proofs.refuse_transaction(uid, 0x0110)
            else:
                proofs.replace_transaction(uid, "1.9", WHO)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("DELETE FROM instance WHERE name = ?", (b"%d" % (number + 3),))
            connection.commit()
    paths = [tmp_path / name for end in ("answered", "refused", "replaced") for name in (end, f"{end}-before")]
    target = merged(tmp_path / "out", *paths)
    assert known(merged(tmp_path / "other", *reversed(paths)))[0] == known(target)[0]
    with opened(target) as journal:
        proofs = journal.proofs()
        assert {os.path.basename(row.path): row.proof and row.proof.reason for row in proofs.unproven()} == {
            "2": 0x0110, "4": "not_named", "5": "not_named",
        }  # fmt: skip
        assert [(each.uid, each.rows) for each in proofs.open_transactions()] == [("1.9", 2)]
        proven = proofs.answer_transaction("1.3", {instance_uid(3): COMMITTED, instance_uid(6): COMMITTED}) or ()
        assert sorted(os.path.basename(row.path) for row, _ in proven) == ["3", "6"]


def test_both_have_asked_again(tmp_path: Path) -> None:
    """Each under a UID of its own: the later one counts, and a report to the first or to the later UID is taken."""
    ask(tmp_path / "one", "1.1", 1, 2)
    copied(tmp_path / "one", "two")
    for name in ("one", "two"):
        with opened(tmp_path / name) as journal:
            journal.proofs().replace_transaction("1.1", f"1.{name}", WHO)
        time.sleep(0.003)
    target = is_same_in_any_order(tmp_path, tmp_path / "one", tmp_path / "two")
    for uid in ("1.1", "1.two"):
        with opened(copied(target, f"heard-{uid}")) as journal:
            proofs = journal.proofs()
            assert [(each.uid, each.rows) for each in proofs.open_transactions()] == [("1.two", 2)]
            assert proofs.answer_transaction("1.one", {}) == []
            taken = proofs.answer_transaction(uid, {instance_uid(1): COMMITTED})
            assert len(taken or ()) == (1 if uid == "1.1" else 2), "the other one waits for the later request"


def test_open_transactions_come_by_age(tmp_path: Path) -> None:
    ask(tmp_path / "old", "1.9", 1)
    time.sleep(0.003)
    ask(tmp_path / "new", "1.1", 2)
    target = merged(tmp_path / "out", tmp_path / "new", tmp_path / "old")
    with opened(target) as journal:
        assert [each.uid for each in journal.proofs().open_transactions()] == ["1.9", "1.1"]


def test_journals_of_version_1(tmp_path: Path) -> None:
    """Into one with proofs, and the other way round."""
    write_old_journal(tmp_path / "old", [OldRow(b"/a", b"b", time=3)])
    with opened(tmp_path / "new") as journal:
        journal.note(outcome_of(1))
        refute(journal, is_due=True)
    with closing(sqlite3.connect(tmp_path / "new")) as connection:
        connection.execute("UPDATE peer SET called_ae_title = 'ANY-SCP'")
        connection.commit()
    first = known(merged(tmp_path / "out", tmp_path / "old", tmp_path / "new"))
    before = (tmp_path / "old").read_bytes()
    shutil.copy(tmp_path / "old", tmp_path / "upgraded")
    assert known(merged(tmp_path / "upgraded", tmp_path / "new")) == first
    assert known(merged(tmp_path / "upgraded", tmp_path / "old", tmp_path / "new")) == first
    assert (tmp_path / "old").read_bytes() == before
    assert len(first[0]) == 2


DAMAGES = {
    "no such proof": "DELETE FROM proof",
    "state": "UPDATE proof SET state = 6",
    "negative state": "UPDATE proof SET state = -1",
    "text for a state": "UPDATE proof SET state = 'x'",
    "reason": "UPDATE proof SET reason = x'00'",
    "long reason": "UPDATE proof SET reason = printf('%.*c', 2000, 'x')",
    "time": "UPDATE proof SET time = 1.5",
    "count": "UPDATE proof SET sent_again = -1",
    "due": "UPDATE proof SET due = 2",
    "no transaction": "UPDATE proof SET commitment = NULL",
    "transaction's state": "UPDATE commitment SET state = 4",
    "transaction's time": "UPDATE commitment SET requested = 'x'",
    "transaction's UID": "UPDATE commitment SET uid = x'00'",
    "mark": "UPDATE instance SET proof = 'x'",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_no_run_has_written(tmp_path: Path, damage: str) -> None:
    ask(tmp_path / "one", "1.1", 1)
    ask(tmp_path / "bad", "1.2", 2)
    merged(tmp_path / "out", tmp_path / "one")
    with closing(sqlite3.connect(tmp_path / "bad")) as connection:
        connection.execute(DAMAGES[damage])
        connection.commit()
    before = known(tmp_path / "out")
    with pytest.raises(JournalError, match="bad"):
        merged(tmp_path / "out", tmp_path / "one", tmp_path / "bad")
    assert known(tmp_path / "out") == before


def write_proven(path: Path, count: int, first: int = 0) -> Path:
    """A journal with so many rows, half of them proven, the others in an open transaction."""
    connection = open_database(str(path), PeerFacts("127.0.0.1", 104, PEER.called_ae_title, ""), resume=False)
    with closing(connection):
        connection.execute("BEGIN")
        connection.execute("INSERT INTO sop_class VALUES (1, '1.2')")
        connection.execute("INSERT INTO directory VALUES (1, x'2f')")
        connection.execute("INSERT INTO commitment VALUES (1, '1.7', 1, ?, 0, NULL, NULL)", (WHO,))
        connection.execute("INSERT INTO proof VALUES (1, 0, NULL, 5, NULL, 0, 0), (2, 5, NULL, 5, 1, 0, 0)")
        numbers: Iterable[int] = range(first, first + count)
        connection.executemany(
            "INSERT INTO instance VALUES (1, ?, 1000, 1, 0, 0, NULL, 1, 1, 1, ?, NULL, NULL, NULL, ?)",
            ((b"IM%08d" % n, f"1.2.3.{n}", n % 2 + 1) for n in numbers),
        )
        connection.execute("INSERT INTO requested SELECT 1, directory, name FROM instance WHERE proof = 2")
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = DELETE")
    return path


def test_a_kill_at_any_moment(tmp_path: Path) -> None:
    """The journal has all proofs and transactions, or what it had."""
    source = write_proven(tmp_path / "in", 5_000)
    old = write_proven(tmp_path / "old", 10)
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("UPDATE proof SET sent_again = 1")
        connection.commit()
    before = known(old)
    chance = random.Random(13)
    program = str(Path(installed_dcmsend()).with_name("dcmsend-journal"))
    whole = Path(shutil.copy(old, tmp_path / "whole"))
    begun = time.monotonic()
    subprocess.run([program, "merge", whole, source], stdout=subprocess.DEVNULL, check=True)
    seconds = time.monotonic() - begun
    wanted = known(whole)
    ends, found = set(), []
    for number in range(6):
        out = Path(shutil.copy(old, tmp_path / f"out{number}"))
        process = subprocess.Popen([program, "merge", out, source], stdout=subprocess.DEVNULL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds * (number + chance.random()) / 6)
        process.kill()
        ends.add(process.wait())
        assert why_unreadable(out) in (None, NoJournal.NOT_CLOSED)  # a journal, also before SQLite has mended it
        found.append(known_of_copy(out, tmp_path / "copy"))
        assert found[-1] in (before, wanted)
        assert known(merged(out, source)) == wanted
    assert -signal.SIGKILL in ends
    assert before in found


def why_unreadable(path: Path) -> NoJournal | None:
    """None for a journal that can be read as it is."""
    try:
        with JournalReader(str(path)):
            return None
    except JournalError as error:
        return error.why


def known_of_copy(path: Path, folder: Path) -> Any:
    """What a killed process has left, in a copy: SQLite mends it, and here the program shall."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for suffix in ("", "-wal", "-journal"):
        with suppress(FileNotFoundError):
            shutil.copy(f"{path}{suffix}", folder / f"j{suffix}")
    with closing(sqlite3.connect(folder / "j")) as connection:
        connection.execute("SELECT count(*) FROM instance").fetchone()
    return known(folder / "j")
