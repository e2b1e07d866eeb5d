"""Journals with proofs for tests: outcomes, verdicts, and a model of what a journal has to say."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dcmsend import JournalOptions, Peer, Result, StoreOutcome
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.index import HeaderFacts, Instance, ReadMode
from dcmsend.inputs import InputFile
from dcmsend.interrupt import Interrupt
from dcmsend.journal import Journal, Proofs, StoredRow
from dcmsend.journal.schema import LOOK_UP
from dcmsend.transfer import ProofState, Verdict
from support.fixture_files import CT_CLASS, EI
from support.sending import instance_uid

PEER = Peer("127.0.0.1", 104).facts
WHO = "PACS@127.0.0.1:104"
VERIFIED, COMMITTED = Verdict(ProofState.VERIFIED), Verdict(ProofState.COMMITTED)
DENIED, MISSING = Verdict(ProofState.DENIED, 0x0112), Verdict(ProofState.MISSING)
NO_ANSWER = Verdict(ProofState.NO_ANSWER, "timed_out")


def outcome_of(
    number: int, series: str = "5", study: str = "4", *, version: int = 1, **changes: object
) -> StoreOutcome:
    """The file with this number, stored; another ``version`` is another file of the same name."""
    name = f"/nowhere/{number % 3}/{number}"
    instance = Instance(InputFile(name), CT_CLASS, instance_uid(number), transfer_syntax(EI), ReadMode.FILE_ONLY)
    facts = HeaderFacts(study, series) if series else None
    made = StoreOutcome(number, instance, Result.STORED, 0, started=float(number), file_stamp=(7, version), facts=facts)
    return made._replace(**changes)


@contextmanager
def opened(path: Path) -> Iterator[Journal]:
    journal = Journal(JournalOptions(str(path), resume=True), PEER, Interrupt())
    try:
        yield journal
    finally:
        journal.close()
    assert journal.error is None


def look_up(journal: Journal, number: int) -> bool:
    """Whether the file would be left out, by the question that a run asks."""
    with closing(sqlite3.connect(journal.path)) as connection:
        (directory,) = connection.execute(
            "SELECT id FROM directory WHERE path = ?", (b"/nowhere/%d" % (number % 3),)
        ).fetchone()
        return connection.execute(LOOK_UP, (directory, b"%d" % number)).fetchone() is not None


class ProofsMachine(RuleBasedStateMachine):
    """Any order of sending, asking, answering and changing: the journal says what a simple model says."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "journal"
        self.journal = Journal(JournalOptions(str(self.path), resume=True), PEER, Interrupt())
        self.version: dict[int, int] = {}
        self.state: dict[int, ProofState | None] = {}
        self.asked: dict[int, str] = {}
        self.heard: dict[str, list[str]] = {}  # all UIDs of a request, the last of which counts
        self.sent_again: dict[int, int] = {}
        self.due: set[int] = set()
        self.clock = 0

    @property
    def proofs(self) -> Proofs:
        return self.journal.proofs()

    def number(self, row: StoredRow) -> int:
        return int(os.path.basename(row.path))

    @rule(number=st.integers(1, 4), changes=st.booleans())
    def send(self, number: int, changes: bool) -> None:
        self.clock += 1
        if changes or number not in self.version:
            self.version[number] = self.version.get(number, 0) + 1
            self.sent_again[number] = 0
        elif number in self.due:
            self.sent_again[number] += 1
        self.due.discard(number)
        self.asked.pop(number, None)
        self.state[number] = None
        self.journal.note(outcome_of(number, version=self.version[number], started=float(self.clock)))

    @rule(verdict=st.sampled_from([VERIFIED, MISSING, NO_ANSWER]), count=st.integers(0, 4))
    def verify(self, verdict: Verdict, count: int) -> None:
        rows = list(self.proofs.unproven())[:count]
        assert self.proofs.record([(row, verdict) for row in rows]) == len(rows)
        for row in rows:
            self.state[self.number(row)] = verdict.state

    @rule(count=st.integers(1, 4))
    def ask(self, count: int) -> None:
        rows = list(self.proofs.unproven())[:count]
        uid = f"1.{len(self.heard)}"
        assert self.proofs.begin_transaction(uid, rows, WHO) == rows
        if rows:
            self.heard[uid] = [uid]
        for row in rows:
            self.state[self.number(row)] = ProofState.NO_ANSWER
            self.asked[self.number(row)] = uid

    @precondition(lambda self: self.heard)
    @rule(data=st.data())
    def replace(self, data: st.DataObject) -> None:
        waiting = [each.uid for each in self.proofs.open_transactions()]
        if not waiting:
            return
        old, new = data.draw(st.sampled_from(waiting)), f"1.{len(self.heard)}"
        self.proofs.replace_transaction(old, new, WHO)
        self.heard[new] = self.heard[old]
        self.heard[new].append(new)

    @precondition(lambda self: self.heard)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        uid = data.draw(st.sampled_from(sorted(self.heard)))
        named = {instance_uid(number): data.draw(st.sampled_from([COMMITTED, DENIED])) for number in (1, 2, 3)}
        proven = self.proofs.answer_transaction(uid, named)
        assert proven is not None
        waiting = {number for number, asked in self.asked.items() if asked in self.heard[uid]}
        if self.heard[uid][-1] != uid:  # what it leaves out waits for the answer to the last request
            waiting = {number for number in waiting if instance_uid(number) in named}
        assert {self.number(row) for row, _ in proven} == waiting
        for number in waiting:
            self.state[number] = named.get(instance_uid(number), Verdict(ProofState.NO_ANSWER)).state
            del self.asked[number]

    @precondition(lambda self: self.heard)
    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        uid = data.draw(st.sampled_from(sorted(self.heard)))
        is_open = uid in [each.uid for each in self.proofs.open_transactions()]
        rows = {self.number(row) for row in self.proofs.refuse_transaction(uid, 0x0213)}
        waiting = {number for number, asked in self.asked.items() if asked in self.heard[uid]}
        assert rows == (waiting if is_open else set())
        for number in rows:
            del self.asked[number]

    @rule()
    def again(self) -> None:
        rows = list(self.proofs.refuted(sent_again=False))
        assert self.proofs.send_again(rows) == len(rows)
        self.due |= {self.number(row) for row in rows}

    @rule(kills=st.booleans())
    def next_run(self, kills: bool) -> None:
        del kills
        self.journal.close()
        self.journal = Journal(JournalOptions(str(self.path), resume=True), PEER, Interrupt())

    @invariant()
    def it_says_what_the_model_says(self) -> None:
        proofs = self.proofs
        refuted = {number for number, state in self.state.items() if state is not None and state.is_refuted}
        unproven = {
            number
            for number, state in self.state.items()
            if state in (None, ProofState.NO_ANSWER) and number not in self.asked
        }
        found = list(proofs.unproven())
        assert {self.number(row) for row in found} == unproven
        assert {self.number(row): row.sent_again for row in found} == {each: self.sent_again[each] for each in unproven}
        for again in (False, True):
            rows = {self.number(row) for row in proofs.refuted(sent_again=again)}
            assert rows == {number for number in refuted if bool(self.sent_again[number]) is again}
        assert {number for number in self.state if not look_up(self.journal, number)} == self.due
        assert all(count <= 1 for count in self.sent_again.values())

    def teardown(self) -> None:
        self.journal.close()
        self.folder.cleanup()
