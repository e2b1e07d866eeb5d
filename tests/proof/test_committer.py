"""Requests for commitment and the reports on them, against an archive in memory and a real journal."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcmsend import JournalOptions, Peer, Result, StoreOutcome
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.errors import (
    AssociationAborted,
    AssociationRejected,
    Cancelled,
    ConnectFailed,
    ConnectionLost,
    DcmsendError,
    NegotiationFailed,
    RemoteProtocolError,
    SopClassRefused,
    TimedOut,
)
from dcmsend.index import HeaderFacts, Instance, ReadMode
from dcmsend.inputs import InputFile
from dcmsend.interrupt import Interrupt
from dcmsend.journal import Journal, Proofs, StoredRow
from dcmsend.proof import CommitOptions, Committer
from dcmsend.transfer import CommitmentAnswer, ProofState, Verdict
from support.examples import examples
from support.fixture_files import CT_CLASS, EI
from support.sending import instance_uid

from .memory_committing_archive import Answer, Killed, MemoryCommittingArchive, PumpedTransactions

COMMITTED, DENIED, NO_ANSWER = ProofState.COMMITTED, ProofState.DENIED, ProofState.NO_ANSWER
SMALL = CommitOptions(instances=3, outstanding=2, port=1, wait=60.0)
Found = dict[int, tuple[ProofState, int | str | None]]


def outcome_of(number: int) -> StoreOutcome:
    instance = Instance(
        InputFile(f"/nowhere/{number:04}"), CT_CLASS, instance_uid(number), transfer_syntax(EI), ReadMode.FILE_ONLY
    )
    facts = HeaderFacts("1.2", "1.2.3")
    return StoreOutcome(number, instance, Result.STORED, 0, started=1.0, file_stamp=(7, 1), facts=facts)


NUMBERS = {instance_uid(number): number for number in range(1, 60)}


@contextmanager
def proofs_of(path: Path, stored: int = 0) -> Iterator[Proofs]:
    journal = Journal(JournalOptions(str(path), resume=True), Peer("127.0.0.1", 104).facts, Interrupt())
    with closing(journal):
        for number in range(1, stored + 1):
            journal.note(outcome_of(number))
        journal.proofs().totals()  # writes what was noted
        with closing(Proofs(journal.path)) as proofs:
            yield proofs


class Night:
    """One run that asks for commitments.

    Attributes:
        found: the proof of each instance, by number; each comes once.
        warnings: what was told of the first failure in a row.
    """

    def __init__(
        self, archive: MemoryCommittingArchive, proofs: Proofs, options: CommitOptions = SMALL,
        interrupt: Interrupt | None = None, on_proof: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        self._on_proof = on_proof
        self.found: Found = {}
        self.warnings: list[int | str] = []
        self.committer = Committer(
            archive, PumpedTransactions(archive, proofs), options, interrupt or Interrupt(),
            warn=lambda reason, error: self.warnings.append(reason), clock=archive.clock,
        )  # fmt: skip
        self.proofs = proofs

    def passes(self) -> Found:
        for row, proof in self.committer.commit(self.proofs.unproven()):
            number = NUMBERS[row.sop_instance_uid]
            assert number not in self.found, "once"
            self.found[number] = proof.state, proof.reason
            self._on_proof()
        return self.found


def night(path: Path, archive: MemoryCommittingArchive, stored: int = 0, options: CommitOptions = SMALL) -> Night:
    with proofs_of(path, stored) as proofs:
        made = Night(archive, proofs, options)
        made.passes()
        return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def all_of(count: int, state: ProofState = COMMITTED, reason: int | str | None = None) -> Found:
    return dict.fromkeys(range(1, count + 1), (state, reason))


def test_everything_is_committed_a_few_at_a_time(path: Path) -> None:
    archive = MemoryCommittingArchive(usual=Answer(delay=1.0))
    assert night(path, archive, 8).found == all_of(8)
    assert [len(uids) for _, uids in archive.requested] == [3, 3, 2]
    with proofs_of(path) as proofs:
        assert (proofs.totals(), proofs.open_transactions()) == ({COMMITTED: 8}, [])
    assert night(path, archive).found == {}
    assert len(archive.requested) == 3  # what is proven is not asked for


def test_no_more_requests_are_outstanding_than_allowed(path: Path) -> None:
    """The third one waits for a report."""
    archive = MemoryCommittingArchive(usual=Answer(delay=None))
    found = night(path, archive, 9).found
    assert [len(uids) for _, uids in archive.requested] == [3, 3]
    assert found == all_of(6, NO_ANSWER, "not_reported") | dict.fromkeys((7, 8, 9), (NO_ANSWER, "not_requested"))


def test_a_wait_of_no_time_asks_for_everything_and_leaves(path: Path) -> None:
    archive = MemoryCommittingArchive(usual=Answer(delay=30.0))
    leaves = SMALL.replace(wait=0.0)
    assert night(path, archive, 8, leaves).found == all_of(8, NO_ANSWER, "not_reported")
    before = archive.clock.now
    assert len(archive.requested) == 3
    archive.clock.now += 100.0  # the reports come while the next run listens
    assert night(path, archive, 0).found == all_of(8)
    assert len(archive.tried) == len(set(archive.tried))
    assert archive.clock.now - before < 110


@pytest.mark.parametrize("delay", [0.0, 0.01, 30.0, 59.0])
def test_a_report_before_or_after_the_answer(path: Path, delay: float) -> None:
    archive = MemoryCommittingArchive(usual=Answer(delay=delay, times=3))
    assert night(path, archive, 5).found == all_of(5)
    assert archive.refused == []


def test_what_a_report_says_of_each_instance(path: Path) -> None:
    answer = Answer(denied={0: 0x0112, 1: 0x0110}, forgets=1, strange=True)
    found = night(path, MemoryCommittingArchive(usual=answer), 3).found
    assert found == {1: (DENIED, 0x0112), 2: (DENIED, 0x0110), 3: (NO_ANSWER, "not_named")}


@pytest.mark.parametrize("status", [0x0110, 0x0213, 0x0131, 0xA700])
def test_an_archive_that_is_busy_is_asked_again(path: Path, status: int) -> None:
    archive = MemoryCommittingArchive([Answer(status), Answer(), Answer(status), Answer(status)])
    made = night(path, archive, 6)
    assert (made.found, made.warnings, made.committer.given_up) == (all_of(6), [status, status], None)
    assert len(set(archive.tried)) == len(archive.tried) == 5


@pytest.mark.parametrize("status", [0x0112, 0x0118, 0x0122, 0x0211, 0x0124])
def test_an_archive_that_will_not_do_it_is_asked_once(path: Path, status: int) -> None:
    archive = MemoryCommittingArchive(usual=Answer(status))
    made = night(path, archive, 7)
    assert (made.found, made.warnings, made.committer.given_up) == (all_of(7, NO_ANSWER, status), [status], status)
    assert len(archive.tried) == 1
    with proofs_of(path) as proofs:
        assert proofs.open_transactions() == []


@pytest.mark.parametrize(
    ("error", "reason", "tries", "left_open"),
    [
        (SopClassRefused(), "context_refused", 1, 0),
        (NegotiationFailed(AssociationRejected(1, 1, 7)), "no_association", 1, 0),
        (NegotiationFailed(ConnectFailed("nobody")), "no_association", 3, 0),
        (AssociationAborted(), "aborted", 3, 3),
        (ConnectionLost(), "connection_lost", 3, 3),
        (TimedOut("the answer", 30.0), "timed_out", 3, 3),
        (RemoteProtocolError("noise"), "protocol_error", 3, 3),
    ],
)
def test_an_archive_that_gives_no_answer(
    path: Path, error: DcmsendError, reason: str, tries: int, left_open: int
) -> None:
    """Where nobody knows whether it has the request, a report still counts."""
    archive = MemoryCommittingArchive(usual=Answer(error=error, delay=None))
    made = night(path, archive, 7)
    assert (made.found, made.warnings) == (all_of(7, NO_ANSWER, reason), [reason])
    assert (made.committer.given_up, made.committer.error) == (reason, error)
    assert len(set(archive.tried)) == len(archive.tried) == tries
    with proofs_of(path) as proofs:
        assert len(proofs.open_transactions()) == left_open
    assert night(path, MemoryCommittingArchive()).found == all_of(7)


def test_a_report_on_a_request_without_an_answer(path: Path) -> None:
    """It comes while the archive is left alone, so that nothing is requested anew."""
    archive = MemoryCommittingArchive([Answer(error=ConnectionLost(), delay=0.5)])
    assert night(path, archive, 3).found == all_of(3)
    assert len(archive.tried) == 1


def test_a_report_on_a_request_that_was_replaced(path: Path) -> None:
    archive = MemoryCommittingArchive([Answer(error=ConnectionLost(), delay=2.0)], Answer(delay=None))
    assert night(path, archive, 3).found == all_of(3)
    assert len(archive.tried) == 2
    assert archive.clock.now < 1010  # nobody waits for the second report


def test_next_night_open_requests_are_made_anew(path: Path) -> None:
    archive = MemoryCommittingArchive(usual=Answer(delay=None))
    night(path, archive, 4)
    archive.usual = Answer()
    assert night(path, archive).found == all_of(4)
    assert len(set(archive.tried)) == len(archive.tried) == 4
    with proofs_of(path) as proofs:
        assert proofs.open_transactions() == []


def test_a_late_report_that_leaves_something_out_comes_while_the_next_run_sends(path: Path) -> None:
    """What it leaves out is requested anew, and told once: by the second answer."""
    archive = MemoryCommittingArchive(usual=Answer(delay=30.0, forgets=1))
    night(path, archive, 3, SMALL.replace(wait=0.0))
    archive.usual = Answer()
    archive.clock.now += 100.0
    with proofs_of(path) as proofs:
        made = Night(archive, proofs)
        archive.pump()  # before anything is asked
        assert made.passes() == all_of(3)
    assert [len(uids) for _, uids in archive.requested] == [3, 1]


def test_late_reports_that_nobody_looks_at_are_told_from_the_journal(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the first is held in memory while the next run sends; what is left out is requested anew, and told once."""
    monkeypatch.setattr("dcmsend.run.transactions._MOST_WAITING", 1)
    answers = [Answer(delay=30.0), Answer(delay=40.0, forgets=1), Answer(delay=50.0, denied={0: 0x0110})]
    archive = MemoryCommittingArchive(answers)
    night(path, archive, 9, SMALL.replace(wait=0.0))
    archive.clock.now += 100.0
    with proofs_of(path) as proofs:
        made = Night(archive, proofs)
        archive.pump()
        assert made.passes() == all_of(9) | {7: (DENIED, 0x0110)}
    assert [len(uids) for _, uids in archive.requested] == [3, 3, 3, 1]


def test_a_report_on_a_request_made_anew_overtakes_the_answer(path: Path) -> None:
    """The journal knows its UID before the archive does."""
    archive = MemoryCommittingArchive(usual=Answer(delay=None))
    night(path, archive, 4)
    archive.usual = Answer(delay=0.0)
    assert night(path, archive).found == all_of(4)
    assert (len(archive.tried), archive.refused) == (4, [])


def test_what_a_report_on_an_open_request_leaves_out_comes_once(path: Path) -> None:
    """The list of what is to be requested is older than the report, so that it has no place in it."""
    archive = MemoryCommittingArchive(usual=Answer(delay=None))
    night(path, archive, 3)
    archive.usual = Answer(delay=0.0, forgets=1)
    assert night(path, archive).found == all_of(2) | {3: (NO_ANSWER, "not_named")}
    assert len(archive.tried) == 2


def test_what_a_late_report_leaves_out_is_answered_by_the_next(path: Path) -> None:
    """It is requested anew by then; the answer to that counts."""
    archive = MemoryCommittingArchive(usual=Answer(delay=30.0, forgets=1))
    night(path, archive, 3, SMALL.replace(wait=0.0))
    archive.clock.now += 100.0
    archive.usual = Answer(delay=5.0)
    assert night(path, archive).found == all_of(3)
    with proofs_of(path) as proofs:
        assert proofs.open_transactions() == []


def test_an_association_that_is_lost_is_opened_again_for_the_report(path: Path) -> None:
    """Some archives report over the next association that we open; with a port that is not needed."""
    alone = SMALL.replace(port=None)
    archive = MemoryCommittingArchive(usual=Answer(delay=3.0, leaves=True))
    assert night(path, archive, 3, alone).found == all_of(3)
    assert archive.opened == 2
    archive = MemoryCommittingArchive(usual=Answer(delay=3.0, leaves=True))
    assert night(path.with_name("other"), archive, 3).found == all_of(3)
    assert archive.opened == 1


def test_an_archive_that_ends_each_association_is_not_called_without_end(path: Path) -> None:
    class Leaving(MemoryCommittingArchive):
        def take_waiting(self) -> None:
            self._is_open = False
            super().take_waiting()

    archive = Leaving(usual=Answer(delay=None, leaves=True))
    assert night(path, archive, 3, SMALL.replace(port=None)).found == all_of(3, NO_ANSWER, "not_reported")
    assert archive.opened < 10


@pytest.mark.parametrize("port", [None, 1])
def test_reports_are_waited_for_when_no_more_is_requested(path: Path, port: int | None) -> None:
    archive = MemoryCommittingArchive([Answer(delay=30.0), Answer(0x0122)])
    made = night(path, archive, 6, SMALL.replace(port=port))
    assert made.found == all_of(3) | dict.fromkeys((4, 5, 6), (NO_ANSWER, 0x0122))
    assert archive.refused == []
    archive = MemoryCommittingArchive([Answer(delay=None), Answer(0x0122)])
    found = night(path.with_name("other"), archive, 6, SMALL.replace(port=port)).found
    assert found == all_of(3, NO_ANSWER, "not_reported") | dict.fromkeys((4, 5, 6), (NO_ANSWER, 0x0122))


def test_a_request_that_the_archive_cannot_bear_does_not_hold_up_the_others(path: Path) -> None:
    """Neither in the night in which it is made first, nor when it is open in the next."""

    class Choosy(MemoryCommittingArchive):
        def request(self, transaction_uid: str, instances: Sequence[tuple[str, str]]) -> int:
            if any(uid == instance_uid(1) for _, uid in instances):
                self.tried.append(transaction_uid)
                raise AssociationAborted
            return super().request(transaction_uid, instances)

    for is_known in (False, True):
        journal = path.with_name(f"{is_known}")
        if is_known:
            night(journal, MemoryCommittingArchive(usual=Answer(error=ConnectionLost(), delay=None)), 9)
        archive = Choosy()
        found = night(journal, archive, 0 if is_known else 9).found
        refused = dict.fromkeys((1, 2, 3), (NO_ANSWER, "aborted"))
        assert found == refused | dict.fromkeys(range(4, 10), (COMMITTED, None))
        assert len(set(archive.tried)) == len(archive.tried) < 8


class Overtaking(MemoryCommittingArchive):
    """Reports before it does not take the first request: on an earlier one, or on that very one."""

    def __init__(self, end: int | DcmsendError, earlier: str) -> None:
        super().__init__()
        self._end, self._earlier = end, earlier

    def request(self, transaction_uid: str, instances: Sequence[tuple[str, str]]) -> int:
        if self.tried:
            return super().request(transaction_uid, instances)
        self.tried.append(transaction_uid)
        assert self.take is not None
        verdicts = {uid: Verdict(COMMITTED) for _, uid in instances}
        assert self.take(CommitmentAnswer(self._earlier or transaction_uid, verdicts)) == 0
        if isinstance(self._end, DcmsendError):
            raise self._end
        return self._end


@pytest.mark.parametrize("end", [0x0110, NegotiationFailed(ConnectFailed("nobody"))], ids=["status", "no association"])
@pytest.mark.parametrize("is_known", [False, True])
def test_a_report_that_overtakes_a_refusal_holds_up_no_others(
    path: Path, end: int | DcmsendError, is_known: bool
) -> None:
    """Nothing is left to be asked for again; what was not requested yet still is."""
    before = MemoryCommittingArchive(usual=Answer(delay=None))
    if is_known:
        night(path, before, 9)
    archive = Overtaking(end, before.tried[0] if is_known else "")
    assert night(path, archive, 0 if is_known else 9).found == all_of(9)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(0x0213), Answer(error=NegotiationFailed(ConnectFailed("nobody")), is_lost=True),
        Answer(error=SopClassRefused(), is_lost=True),
    ],
    ids=["busy", "no association", "no context"],
)  # fmt: skip
def test_a_request_that_cannot_be_made_anew_stays_open(path: Path, answer: Answer) -> None:
    """The archive may be at work on the first one, as one on tapes that is full of requests: its report counts."""
    first = MemoryCommittingArchive(usual=Answer(delay=None))
    night(path, first, 3)
    made = night(path, MemoryCommittingArchive(usual=answer))
    assert made.committer.given_up is not None
    assert made.found == all_of(3, NO_ANSWER, made.committer.given_up)
    with proofs_of(path) as proofs:
        assert [each.rows for each in proofs.open_transactions()] == [3]
        archive = MemoryCommittingArchive()
        PumpedTransactions(archive, proofs)
        assert archive.take is not None
        verdicts = {instance_uid(number): Verdict(COMMITTED) for number in (1, 2, 3)}
        assert archive.take(CommitmentAnswer(first.tried[0], verdicts)) == 0
        assert proofs.totals() == {COMMITTED: 3}


@pytest.mark.parametrize("status", [0x0112, 0x0122, 0xC001])
def test_a_request_made_anew_that_is_refused_for_good_is_not_the_first_of_every_night(path: Path, status: int) -> None:
    """One of its instances may be gone from the archive: the others are asked for in other requests."""
    night(path, MemoryCommittingArchive(usual=Answer(delay=None)), 3)
    assert night(path, MemoryCommittingArchive(usual=Answer(status))).found == all_of(3, NO_ANSWER, status)
    with proofs_of(path) as proofs:
        assert not proofs.open_transactions()
    archive = MemoryCommittingArchive()
    assert night(path, archive, options=SMALL.replace(instances=2)).found == all_of(3)
    assert [len(instances) for _, instances in archive.requested] == [2, 1]


def test_an_interrupt_ends_the_waiting(path: Path) -> None:
    interrupt = Interrupt()
    archive = MemoryCommittingArchive([Answer(), Answer(delay=None)], Answer(delay=None))
    archive.clock.sleep = lambda seconds: None  # type: ignore[method-assign]
    with proofs_of(path, 9) as proofs:
        made = Night(archive, proofs, interrupt=interrupt, on_proof=interrupt.request)
        with pytest.raises(Cancelled):
            made.passes()
        assert made.found == all_of(3)
    assert night(path, MemoryCommittingArchive()).found.keys() == set(range(4, 10))


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_after_the_end_no_report_is_taken(path: Path, is_cancelled: bool) -> None:
    """Nobody could tell it; the next run asks anew."""
    archive, interrupt = MemoryCommittingArchive([Answer()], Answer(delay=None)), Interrupt()
    with proofs_of(path, 6) as proofs:
        made = Night(archive, proofs, interrupt=interrupt, on_proof=interrupt.request if is_cancelled else int)
        with pytest.raises(Cancelled) if is_cancelled else nullcontext():
            made.passes()
        assert archive.take is not None
        verdicts = {instance_uid(4): Verdict(COMMITTED)}
        assert archive.take(CommitmentAnswer(archive.tried[1], verdicts)) == 0x0213
        assert proofs.totals()[COMMITTED] == 3


def test_the_wait_begins_with_the_last_request(path: Path) -> None:
    archive = MemoryCommittingArchive([Answer(0x0213), Answer(0x0213)], Answer(delay=2.0))
    assert night(path, archive, 3, SMALL.replace(wait=3.0)).found == all_of(3)


def test_a_report_at_the_last_moment_is_told(path: Path) -> None:
    archive = MemoryCommittingArchive(usual=Answer(delay=100.0))

    class Late(PumpedTransactions):
        def finish(self) -> None:
            archive.clock.now += 100.0
            archive.pump()
            super().finish()

    with proofs_of(path, 3) as proofs:
        committer = Committer(archive, Late(archive, proofs), SMALL, Interrupt(), clock=archive.clock)
        found = {NUMBERS[row.sop_instance_uid]: proof.state for row, proof in committer.commit(proofs.unproven())}
        assert found == dict.fromkeys((1, 2, 3), COMMITTED)


def test_a_report_that_comes_together_with_the_end_is_told(path: Path) -> None:
    """The journal has it; nothing more is read from an association, which would only raise again."""

    class Ending(Interrupt):
        def check_request(self) -> None:
            if len(archive.requested) == 2:
                self.request()
                archive.clock.now += 30.0
                archive.pump()
            super().check_request()

    class Waiting(MemoryCommittingArchive):
        def take_waiting(self) -> None:
            interrupt.check_request()

    archive, interrupt = Waiting(usual=Answer(delay=30.0)), Ending()
    with proofs_of(path, 9) as proofs:
        made = Night(archive, proofs, interrupt=interrupt)
        with pytest.raises(Cancelled):
            made.passes()
        assert made.found == all_of(6)


def test_a_report_of_anybody_is_one_line_in_the_log(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever reaches the port can send one."""
    caplog.set_level(logging.INFO)
    archive = MemoryCommittingArchive()
    with proofs_of(path) as proofs:
        PumpedTransactions(archive, proofs)
        assert archive.take is not None
        assert archive.take(CommitmentAnswer("1.2\x1b[2J\nF: lost" + "3" * 10_000, {})) == 0
    (line,) = caplog.messages
    assert line.startswith("ignoring a report on a transaction that is not ours: 1.2\\x1b[2J\\nF: lost3")
    assert len(line) < 1000


ERRORS = st.sampled_from(
    [
        ConnectionLost(),
        AssociationAborted(),
        TimedOut("the answer", 30.0),
        NegotiationFailed(ConnectFailed("nobody")),
        RemoteProtocolError("noise"),
        SopClassRefused(),
    ]
)
ANSWERS = st.builds(
    Answer,
    status=st.sampled_from([0, 0, 0, 0, 0xB000, 0x0213, 0x0110, 0x0122]),
    error=st.one_of(st.none(), st.none(), ERRORS),
    is_lost=st.booleans(),
    kill=st.sampled_from(["", "", "", "", "before", "after"]),
    delay=st.sampled_from([0.0, 0.0, 0.2, 3.0, 20.0, 100.0, None]),
    times=st.integers(1, 3),
    denied=st.dictionaries(st.integers(0, 3), st.sampled_from([0x0110, 0x0112, 0x0119])),
    forgets=st.integers(0, 2),
    strange=st.booleans(),
    leaves=st.booleans(),
)


@settings(max_examples=examples(60))
@given(
    st.lists(st.lists(ANSWERS, max_size=6), min_size=1, max_size=4),
    st.integers(1, 14),
    st.sampled_from([SMALL, SMALL.replace(port=None), SMALL.replace(wait=0.0), SMALL.replace(instances=1)]),
)
def test_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, nights: Sequence[list[Answer]], stored: int, options: CommitOptions
) -> None:
    """Committed is what a report has named that was requested; nothing proven is asked for; no UID is used twice."""
    path = tmp_path_factory.mktemp("night") / "journal"
    archive = MemoryCommittingArchive()
    for number, answers in enumerate(nights):
        archive.answers = list(answers)
        archive.usual = Answer(delay=None)
        check_night(path, archive, 0 if number else stored, options)
        archive.clock.now += 50.0
    archive.answers, archive.usual = [], Answer()
    for _ in range(2):  # in the first one, late reports may leave instances out
        archive.clock.now += 100.0
        check_night(path, archive, 0, options.replace(wait=60.0))
    with proofs_of(path) as proofs:
        assert proofs.open_transactions() == []
        assert set(proofs.totals()) <= {COMMITTED, DENIED}


def check_night(path: Path, archive: MemoryCommittingArchive, stored: int, options: CommitOptions) -> None:
    with proofs_of(path, stored) as proofs:
        before = len(archive.requested)
        unproven = sum(count for state, count in proofs.totals().items() if state in (None, NO_ANSWER))
        proven = {row.sop_instance_uid for row in _rows(proofs) if row.proof and row.proof.state is COMMITTED}
        made = Night(archive, proofs, options)
        try:
            made.passes()
        except Killed:
            pass
        else:
            assert len(made.found) == unproven, "each"
        assert not proven.intersection(uid for _, uids in archive.requested[before:] for uid in uids)
        assert len(set(archive.tried)) == len(archive.tried)
        for row in _rows(proofs):
            if row.proof is not None and row.proof.state is not NO_ANSWER:
                assert row.sop_instance_uid in archive.named[row.proof.state]
        for number, (state, _) in made.found.items():
            if state is not NO_ANSWER:
                assert instance_uid(number) in archive.named[state]


def _rows(proofs: Proofs) -> list[StoredRow]:
    return list(proofs._sorted("1", lambda row: True))
