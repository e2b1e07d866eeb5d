"""The step after the sending: an archive is asked what it has of what is stored; what it lacks is sent once more."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from dcmsend.errors import DcmsendError
from dcmsend.interrupt import Interrupt
from dcmsend.loggers import get_logger
from dcmsend.report import RunRecord
from dcmsend.settings import Settings
from dcmsend.transfer import InstanceProof, Proof, ProofState, Result, StoreOutcome, Verdict

from .lost_files import LostFiles
from .querying import ONCE, Querying

if TYPE_CHECKING:
    from dcmsend.inputs import Source
    from dcmsend.journal import Directories, Journal, MovingJournal, Proofs, StoredRow

    from .committing import Committing

__all__ = ["Proving"]

_PIECE: Final = 500
"""Verdicts that the journal takes at once."""
_NOT_IN_JOURNAL: Final = "not_in_journal"
"""Reason for an instance that is no file: commitments are kept in the journal, and it has no row there."""
_NO_SUCH_INSTANCE: Final = 0x0112

_log = get_logger("dcmsend.app")
_Item = TypeVar("_Item")


class _Sent(NamedTuple):
    """An instance that this run has stored; keeps ``proof.Provable``."""

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    index: int  # type: ignore[assignment]  # hides tuple.index, which is not used
    source: Source
    identity: tuple[int, int] | None


class Proving:
    """Proves what a run has stored and, with a journal, what earlier runs have: by query or by commitment.

    With a journal an instance that the archive lacks is sent again by the next run that resumes it, once ever.  A
    series of which the archive has nothing is not sent again: the archive may have changed the UIDs.  What has no file
    any more cannot be: a person is told.
    """

    def __init__(self, settings: Settings, record: RunRecord, interrupt: Interrupt) -> None:
        """``settings`` have ``verify`` or ``commit``.  The counts go to ``record``."""
        self._options = settings.verify
        self._record = record
        at_once = Interrupt(0.0, interrupt)  # nothing is in flight that must be waited for
        at_once.drain_seconds = 0.0
        archive = settings.archive or settings.peer
        self._query = Querying(archive, settings.transfer, at_once, is_asked_for=settings.verify is not None)
        self._commit: Committing | None = None
        if settings.commit is not None:
            from .committing import Committing

            self._commit = Committing(settings, at_once)
        self._by_series: dict[tuple[str, str], list[_Sent]] = {}
        self._by_path: dict[str, _Sent] = {}
        self._sent_before: dict[str, list[_Sent]] = {}  # of files that were named several times
        self._due: dict[str, StoredRow] = {}  # what is sent again, by its path
        self._lost = LostFiles()
        self._refused: set[str] = set()  # of those that were due
        self._directories: Directories | None = None
        self._has_proven: dict[tuple[str, str], bool] = {}
        self._has_journal = settings.journal is not None
        self._asks_again = settings.journal is not None and settings.journal.resume
        self._found: list[tuple[StoredRow, Proof]] = []  # what the archive has all the same

    def note(self, outcome: StoreOutcome) -> None:
        """Remember an instance that the peer has stored."""
        if outcome.result is not Result.STORED:
            if self._due and outcome.result is Result.REFUSED and not outcome.is_retryable:
                path = self._path_in_journal(outcome.instance.input)
                if path in self._due:
                    self._refused.add(path)
            return
        facts, item = outcome.facts or outcome.instance.facts, outcome.instance.input
        study, series = ("", "") if facts is None else (facts.study_uid, facts.series_uid)
        if self._has_journal and item.is_lasting:  # the journal has the other UIDs
            sent = _Sent("", "", outcome.sop_instance_uid, "", outcome.index, item, outcome.file_identity)
            path = self._path_in_journal(item)
            if path in self._by_path:
                self._sent_before.setdefault(path, []).append(self._by_path[path])
            self._by_path[path] = sent
        else:
            uids = study, series, outcome.sop_instance_uid, outcome.sop_class_uid
            sent = _Sent(*uids, outcome.index, item, outcome.file_identity)
            self._by_series.setdefault((study, series), []).append(sent)

    def listen(self) -> None:
        """Before anything is sent: open the port on which the archive reports.  Raises CannotListen, UsageError."""
        if self._commit is not None:
            self._commit.listen()

    def use(self, journal: Journal | MovingJournal | None) -> None:
        """Reports are kept in this journal from now on; None before it is closed.  Raises JournalError."""
        if self._commit is not None:
            self._commit.use(journal)

    def close(self) -> None:
        """The archive is not asked, and reports are not taken, any longer; may be called twice."""
        if self._commit is not None:
            self._commit.close()

    def ask_again(self, journal: Journal | MovingJournal) -> None:
        """Before a journal is resumed: ask once more for what the archive lacked, and have the rest sent again.

        Raises JournalError, Cancelled.
        """
        proofs = journal.proofs()
        self._ask_refuted(proofs)
        again = proofs.send_again(self._rows_due(proofs))
        if again:
            _log.warning("the archive lacks %d instances that it has called stored; they are sent again", again)

    def _rows_due(self, proofs: Proofs) -> Iterator[StoredRow]:
        texts: dict[str, str] = {}  # each once, where there are many rows
        for row in proofs.refuted(sent_again=False):
            if not self._is_whole(proofs, row) and not self._lost.is_gone(row, proofs):
                uids = row.study_uid, row.series_uid, row.sop_class_uid
                study, series, sop_class = (texts.setdefault(uid, uid) for uid in uids)
                self._due[row.path] = row._replace(study_uid=study, series_uid=series, sop_class_uid=sop_class)
                yield row

    def prove(self, journal: Journal | MovingJournal | None) -> Generator[InstanceProof, None, None]:
        """Ask the archive; yield each instance with its proof.  Raises JournalError, Cancelled."""
        _log.info("asking the archive what it has ..." if self._commit is None else "asking the archive to commit ...")
        if journal is not None:
            if self._asks_again:  # nothing was to be sent
                self._ask_refuted(journal.proofs())
            yield from self._tell_found(journal.proofs())
            yield from self._prove_rows(journal)
            yield from self._tell_replaced(journal.proofs())
        yield from self._prove_sent()
        self._tell_whole_series()
        self._lost.tell()

    def _ask_refuted(self, proofs: Proofs) -> None:
        """Ask once more for what earlier runs have found missing; keep what is there by now.

        In a run that asks for commitments not for what the archive has denied for a reason of its own: it may have that
        in its database all the same, and what it finds there is no answer to the question whether it keeps it.
        """
        self._asks_again = False
        refuted: Iterable[StoredRow] = chain(proofs.refuted(sent_again=False), proofs.refuted(sent_again=True))
        if self._options is None:
            refuted = (row for row in refuted if not _is_denied_otherwise(row))
        for row, verdict in self._query.verdicts(refuted, ONCE):
            if verdict.state is ProofState.VERIFIED and proofs.record([(row, verdict)]):
                self._found.append((row, Proof(*verdict, time=time.time())))

    def _tell_found(self, proofs: Proofs) -> Iterator[InstanceProof]:
        """Tell what was found before anything was sent, except where another copy was sent since."""
        found, self._found = self._found, []
        for row, proof in found:
            if proofs.is_last_copy(row):
                yield from self._tell(self._events_of(row, proof))

    def _tell_replaced(self, proofs: Proofs) -> Iterator[InstanceProof]:
        """Tell what was to be sent again and is not in the journal any more, because its file holds another one."""
        due, self._due = self._due, {}
        for row in due.values():
            if row.proof is not None and not proofs.has_instance(row):
                self._lost.add_replaced(row)
                self._record.refuted_for_good += 1
                yield from self._tell([_event_of(row, row.proof, 0, row.path)])

    def _prove_rows(self, journal: Journal | MovingJournal) -> Iterator[InstanceProof]:
        proofs = journal.proofs()
        newest, reported = proofs.newest_mark(), set()
        for row, proof in self._proofs_of_rows(proofs):
            if proof.state.is_refuted and proof.transaction_uid:
                reported.add(row.key)  # perhaps while files were sent
            sent = self._by_path.get(row.path)
            if proof.state.is_proven and sent is not None:
                journal.move_proven(sent.source, sent.identity)
            yield from self._tell(self._events_of(row, proof))
        self._has_proven.clear()
        self._query.forget_proven(proofs)
        for_good = 0
        for is_again, rows in ((False, proofs.refuted(sent_again=False)), (True, proofs.refuted(sent_again=True))):
            for row in rows:
                if row.proof is None:
                    continue
                is_whole = not is_again and self._is_whole(proofs, row)
                if is_whole and self._commit is not None:
                    self._query.whole.setdefault((row.study_uid, row.series_uid), 0)
                is_refused = not is_again and row.path in self._refused  # then it comes once more, among the others
                is_lost = not (is_again or is_whole or is_refused) and self._lost.is_gone(row, proofs)
                if is_lost:
                    self._lost.add_gone(row)
                events = self._events_of(row, row.proof)
                if is_again or ((is_whole or is_lost) and not is_refused):
                    for_good += len(events)
                if is_refused:
                    # It was sent again, and the peer will not take it: that was the once.
                    proofs.record([(row._replace(sent_again=1), Verdict(row.proof.state, row.proof.reason))])
                # Clocks do not tell what an earlier run has found: it may have run on another host.
                if row.mark is not None and row.mark <= newest and row.key not in reported:
                    yield from self._tell(events)
        self._record.refuted_for_good += for_good
        shared = proofs.shared_uids()
        _tell_shared(shared.total, shared.first)

    def _proofs_of_rows(self, proofs: Proofs) -> Iterator[tuple[StoredRow, Proof]]:
        """Ask about the journal's rows; yield each with its proof, which the journal has by then."""
        if self._commit is not None:
            yield from self._commit.proofs(proofs.unproven())
        if self._options is None:
            return
        for transaction in proofs.open_transactions():  # of a run that has requested commitments
            proofs.refuse_transaction(transaction.uid, None)
        for piece in _pieces(self._query.verdicts(proofs.unproven(), self._options)):
            proofs.record(piece)
            for row, verdict in piece:
                yield row, Proof(*verdict, time=time.time())

    def _prove_sent(self) -> Iterator[InstanceProof]:
        """Without a journal, and for what no journal keeps."""
        by_series, self._by_series = self._by_series, {}
        refuted: set[str] = set()
        for sent, proof in self._proofs_of_sent(chain.from_iterable(by_series.values())):
            is_whole = (sent.study_uid, sent.series_uid) in self._query.whole
            self._record.refuted_for_good += proof.state.is_refuted and is_whole
            if proof.state.is_refuted:
                refuted.add(sent.sop_instance_uid)
            yield from self._tell([InstanceProof(
                sent.index, sent.source.path, sent.sop_class_uid, sent.sop_instance_uid, sent.study_uid,
                sent.series_uid, proof,
            )])  # fmt: skip
        if refuted:
            copies = Counter(uid for items in by_series.values() for uid in {item.sop_instance_uid for item in items})
            shared = sorted((uid, copies[uid]) for uid in refuted if copies[uid] > 1)
            _tell_shared(len(shared), shared[:10])

    def _proofs_of_sent(self, items: Iterable[_Sent]) -> Iterator[tuple[_Sent, Proof]]:
        if self._options is None:
            for sent in items:
                yield sent, Proof(ProofState.NO_ANSWER, _NOT_IN_JOURNAL, "", time.time())
            return
        for sent, verdict in self._query.verdicts(items, self._options):
            yield sent, Proof(*verdict, time=time.time())

    def _tell(self, events: Iterable[InstanceProof]) -> Iterator[InstanceProof]:
        for event in events:
            if self._record.proofs is not None:
                self._record.proofs.add(event)
            yield event

    def _events_of(self, row: StoredRow, proof: Proof) -> list[InstanceProof]:
        """What to tell of a row: one event for each outcome, because a file may be named several times."""
        last = self._by_path.get(row.path)
        sent = [(0, row.path)]
        if last is not None:
            before = self._sent_before.get(row.path, ())
            same = [each for each in before if each.sop_instance_uid == last.sop_instance_uid]
            sent = [(each.index, each.source.path) for each in (*same, last)]
        return [_event_of(row, proof, index, path) for index, path in sent]

    def _is_whole(self, proofs: Proofs, row: StoredRow) -> bool:
        """Whether the archive has nothing of the row's series, as far as it was ever asked."""
        if _is_denied_otherwise(row):
            return False
        if not row.series_uid:
            return False  # of a run that did not keep it
        series = row.study_uid, row.series_uid
        if series not in self._has_proven:
            self._has_proven[series] = proofs.has_proven(*series)
        return not self._has_proven[series]

    def _tell_whole_series(self) -> None:
        from dcmsend.advice import WHOLE_SERIES_MISSING

        for (_, series), others in sorted(self._query.whole.items())[:10]:
            what = f"none of what was sent, but {others} others," if others else "no instance"
            _log.error("the archive has %s of series %s\n%s", what, series, WHOLE_SERIES_MISSING)
        if len(self._query.whole) > 10:
            _log.error("so it is with %d further series", len(self._query.whole) - 10)

    def _path_in_journal(self, item: Source) -> str:
        """The full name under which the journal knows an input."""
        if self._directories is None:
            from dcmsend.journal import Directories

            self._directories = Directories()
        directory, name = item.key(self._directories.resolve)
        found = os.path.join(os.fsdecode(directory), os.fsdecode(name))
        return item.path if found == item.path else found  # one string for both, where there are many


def _event_of(row: StoredRow, proof: Proof, index: int, path: str) -> InstanceProof:
    return InstanceProof(
        index, path, row.sop_class_uid, row.sop_instance_uid, row.study_uid, row.series_uid, proof
    )  # fmt: skip


def _is_denied_otherwise(row: StoredRow) -> bool:
    """Whether the archive has denied an instance for another reason than that it does not know its UIDs."""
    proof = row.proof
    return proof is not None and proof.state is ProofState.DENIED and proof.reason != _NO_SUCH_INSTANCE


def _tell_shared(total: int, first: Sequence[tuple[str, int]]) -> None:
    """Tell of UIDs that several instances have, of which the archive lacks one; ``first``: UID and number of files."""
    from dcmsend.advice import SHARED_UIDS

    if total:
        names = ", ".join(f"{uid} ({copies} files)" for uid, copies in first) + (", ..." if total > len(first) else "")
        _log.error("the archive lacks instances whose UID was sent in several series: %s\n%s", names, SHARED_UIDS)


def _pieces(verdicts: Iterable[_Item]) -> Iterator[list[_Item]]:
    """Verdicts as they come, gathered for the journal; those before an error, too."""
    piece: list[_Item] = []
    try:
        for each in verdicts:
            piece.append(each)
            if len(piece) >= _PIECE:
                yield piece
                piece = []
    except DcmsendError:
        if piece:
            yield piece
        raise
    if piece:
        yield piece
