"""An archive in memory that takes requests for commitment, and reports as told; its clock passes only in waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dcmsend.errors import DcmsendError
from dcmsend.journal import Proofs, StoredRow
from dcmsend.proof import Reported
from dcmsend.run.transactions import JournalTransactions
from dcmsend.transfer import CommitmentAnswer, ProofState, Verdict

from .memory_archive import Clock

__all__ = ["Answer", "Killed", "MemoryCommittingArchive", "PumpedTransactions"]

COMMITTED = Verdict(ProofState.COMMITTED)


class Killed(BaseException):
    """The process ends here: nothing after it happens."""


@dataclass(frozen=True)
class Answer:
    """What the archive does with one request.

    Attributes:
        status: of its answer.
        error: what happens instead of an answer.
        is_lost: whether the archive has not got the request (with an error).
        kill: where the process is killed: ``""`` nowhere, ``before`` or ``after`` the archive has the request.
        delay: seconds until its report; 0: before its answer; None: never.
        times: how often it reports.
        denied: indices of instances that it denies, by reason.
        forgets: how many instances at the end it does not name.
        strange: whether it names an instance that nobody asked for.
        leaves: whether it ends the association after its answer.
    """

    status: int = 0
    error: DcmsendError | None = None
    is_lost: bool = False
    kill: str = ""
    delay: float | None = 0.2
    times: int = 1
    denied: dict[int, int] = field(default_factory=dict)
    forgets: int = 0
    strange: bool = False
    leaves: bool = False

    def __hash__(self) -> int:
        return id(self)


class MemoryCommittingArchive:
    """Keeps ``proof.Requester``.

    Attributes:
        answers: what becomes of the next requests; ``usual`` afterwards.
        requested: (Transaction UID, instances) of every request that it has got.
        tried: Transaction UIDs that were used.
        named: SOP Instance UIDs that reports have named, by verdict state, as far as the request had named them.
        refused: statuses of the responses to reports, others than success.
    """

    def __init__(self, answers: Sequence[Answer] = (), usual: Answer | None = None, clock: Clock | None = None) -> None:
        self.answers = list(answers)
        self.usual = usual or Answer()
        self.clock = clock or Clock()
        self.requested: list[tuple[str, list[str]]] = []
        self.tried: list[str] = []
        self.named: dict[ProofState, set[str]] = {state: set() for state in ProofState}
        self.refused: list[int] = []
        self.opened = 0
        self.take: Callable[[CommitmentAnswer], int] | None = None
        self._is_open = False
        self._due: list[tuple[float, CommitmentAnswer, list[str]]] = []

    @property
    def is_open(self) -> bool:
        return self._is_open

    def open(self) -> None:
        self.opened += not self._is_open
        self._is_open = True

    def request(self, transaction_uid: str, instances: Sequence[tuple[str, str]]) -> int:
        self.open()
        answer = self.answers.pop(0) if self.answers else self.usual
        self.tried.append(transaction_uid)
        if answer.kill == "before":
            raise Killed
        uids = [uid for _, uid in instances]
        if not (answer.error and answer.is_lost):
            self._get(transaction_uid, uids, answer)
        if answer.kill == "after":
            raise Killed
        self._is_open = not answer.leaves
        if answer.error is not None:
            self._is_open = False
            raise answer.error
        self.pump()
        return answer.status

    def _get(self, uid: str, uids: list[str], answer: Answer) -> None:
        self.requested.append((uid, uids))
        if answer.delay is None or answer.status not in (0, 0xB000):
            return
        verdicts = dict.fromkeys(uids[: len(uids) - answer.forgets], COMMITTED)
        for index, reason in answer.denied.items():
            if index < len(verdicts):
                verdicts[uids[index]] = Verdict(ProofState.DENIED, reason)
        if answer.strange:
            verdicts["9.9.9"] = COMMITTED
        report = CommitmentAnswer(uid, verdicts)
        self._due += [(self.clock.now + answer.delay, report, uids)] * answer.times

    def take_waiting(self) -> None:
        self.pump()

    def pump(self) -> None:
        """Report what is due, if anybody listens."""
        due = [each for each in self._due if each[0] <= self.clock.now]
        self._due = [each for each in self._due if each[0] > self.clock.now]
        for _, report, uids in due:
            assert self.take is not None
            status = self.take(report)
            if status:
                self.refused.append(status)
                continue
            for uid in uids:
                if uid in report.verdicts:
                    self.named[report.verdicts[uid].state].add(uid)


class PumpedTransactions(JournalTransactions):
    """Waits on the clock of the archive, which reports meanwhile."""

    def __init__(self, archive: MemoryCommittingArchive, proofs: Proofs) -> None:
        super().__init__("PACS@127.0.0.1:104")
        self._archive = archive
        archive.take = self.take
        self.use(proofs)

    def wait(self, seconds: float) -> Reported[StoredRow] | None:
        found = super().wait(0.0)
        if found is None and seconds:
            self._archive.clock.now += seconds
            self._archive.pump()
            found = super().wait(0.0)
        return found
