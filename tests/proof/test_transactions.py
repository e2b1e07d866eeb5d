"""The transactions of a run: what an archive is answered to a report, and when."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dcmsend.errors import JournalError
from dcmsend.journal import Proofs
from dcmsend.run.transactions import JournalTransactions
from dcmsend.transfer import CommitmentAnswer, ProofState, Verdict
from support.sending import instance_uid

from .test_committer import proofs_of

COMMITTED = Verdict(ProofState.COMMITTED)


def report(number: int, uid: str = "1.1") -> CommitmentAnswer:
    return CommitmentAnswer(uid, {instance_uid(number): COMMITTED})


@pytest.fixture
def proofs(tmp_path: Path) -> Iterator[Proofs]:
    with proofs_of(tmp_path / "journal", 2) as proofs:
        yield proofs


@pytest.fixture
def transactions(proofs: Proofs) -> Iterator[JournalTransactions]:
    """One is open; reports have to wait for ``use``."""
    made = JournalTransactions("PACS@127.0.0.1:104")
    made.use(proofs)
    made.begin("1.1", list(proofs.unproven()))
    made.use(None)
    yield made
    made.finish()


class Taking(threading.Thread):
    """Another archive's association: reports in turn.  ``status`` is the answer, None before it."""

    def __init__(self, take: Callable[[CommitmentAnswer], int], answer: CommitmentAnswer) -> None:
        super().__init__(daemon=True)
        self._take, self._answer = take, answer
        self.status: int | None = None
        self.start()

    def run(self) -> None:
        self.status = self._take(self._answer)

    def ends(self) -> int | None:
        self.join(20)
        return self.status


def test_a_report_waits_for_the_journal(transactions: JournalTransactions, proofs: Proofs) -> None:
    taking = Taking(transactions.take_in_turn, report(1))
    taking.join(0.5)
    assert taking.status is None
    transactions.use(proofs)
    assert taking.ends() == 0
    found = transactions.wait(0.0)
    assert found is not None
    assert {row.sop_instance_uid: proof.state for row, proof in found.proofs}[instance_uid(1)] is ProofState.COMMITTED


def test_a_report_that_waits_is_refused_at_the_end(transactions: JournalTransactions, proofs: Proofs) -> None:
    taking = Taking(transactions.take_in_turn, report(1))
    taking.join(0.5)
    transactions.finish()
    assert taking.ends() == 0x0213
    transactions.use(proofs)
    assert transactions.take(report(1)) == 0, "the next journal is the beginning of the next step"


def test_reports_wait_for_those_that_nobody_has_looked_at(
    transactions: JournalTransactions, proofs: Proofs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dcmsend.run.transactions._MOST_WAITING", 1)
    transactions.use(proofs)
    assert transactions.wait(0.0) is None, "somebody looks"
    assert transactions.take_in_turn(report(1)) == 0
    assert proofs.begin_transaction("1.2", list(proofs.unproven()), "PACS@127.0.0.1:104")
    taking = Taking(transactions.take_in_turn, report(2, "1.2"))
    taking.join(0.5)
    assert taking.status is None
    assert transactions.wait(0.0) is not None
    assert taking.ends() == 0
    assert transactions.wait(0.0) is not None


def test_reports_wait_for_nobody_while_files_are_sent(
    transactions: JournalTransactions, proofs: Proofs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody looks at them for hours then: the journal has them, and tells those for which there is no room."""
    monkeypatch.setattr("dcmsend.run.transactions._MOST_WAITING", 1)
    transactions.use(proofs)
    assert transactions.take_in_turn(report(1)) == 0
    assert proofs.begin_transaction("1.2", list(proofs.unproven()), "PACS@127.0.0.1:104")
    assert Taking(transactions.take_in_turn, report(2, "1.2")).ends() == 0
    first = transactions.wait(0.0)
    assert first is not None
    assert first.transaction_uid == "1.1"
    assert transactions.wait(0.0) is None
    ((row, proof),) = transactions.untold()
    assert (row.sop_instance_uid, proof[:3]) == (instance_uid(2), (ProofState.COMMITTED, None, "1.2"))
    assert list(transactions.untold()) == []


def test_what_the_journal_cannot_keep_is_not_answered_with_success(
    transactions: JournalTransactions, proofs: Proofs, tmp_path: Path
) -> None:
    """The archive may report again; the run ends with the error."""
    transactions.use(proofs)
    with closing(sqlite3.connect(tmp_path / "journal", isolation_level=None)) as other:
        other.execute("CREATE TRIGGER full BEFORE UPDATE ON instance BEGIN SELECT RAISE(ABORT, 'no room'); END")
        assert transactions.take(report(1)) == 0x0110
        other.execute("DROP TRIGGER full")
    with pytest.raises(JournalError):
        transactions.wait(0.0)
    assert ProofState.COMMITTED not in proofs.totals()


def test_a_transaction_of_nobody(transactions: JournalTransactions, proofs: Proofs) -> None:
    """Some archives repeat for ever what is not answered with success."""
    transactions.use(proofs)
    assert transactions.take(report(1, "1.9")) == 0
    assert transactions.take(report(1)) == 0
    assert transactions.take(report(1)) == 0
    assert transactions.wait(0.0) is not None
    assert transactions.wait(0.0) is None, "the second one tells nothing"
