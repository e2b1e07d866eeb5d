"""The course of a verification: each series is asked for, and again where something is missing, while others go on.

MISSING is said only after the last wait, and only of an instance that

- was asked for by name, and a complete answer does not name it; or
- is not in a complete answer for its series, if the archive takes no such question, and has not shown that it names
  less than it has, as by an empty answer after one that was not.

Everything else that was not found has no answer: that costs a question in the next run, where MISSING costs a transfer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from dcmsend.errors import DcmsendError
from dcmsend.interrupt import Interrupt
from dcmsend.transfer import ProofState, Verdict

from .archive import Answer, Archive, Kind
from .finder import Finder
from .items import ProvableT
from .names import Names
from .options import VerifyOptions
from .series import Series
from .turns import Turns

__all__ = ["ProofCounts", "SeriesRemark", "Verifier"]


class ProofCounts(NamedTuple):
    """How far a verification is, in instances.

    Attributes:
        known: taken from the caller's list so far.
        asked: the archive was asked for at least once.
        verified, missing, no_answer: with this verdict.
    """

    known: int = 0
    asked: int = 0
    verified: int = 0
    missing: int = 0
    no_answer: int = 0


class SeriesRemark(NamedTuple):
    """Facts about a series of which something is missing.

    Attributes:
        asked: instances that were to be proven.
        missing: those that the archive does not have.
        others: other instances that the archive has in the series.  If all that were sent there are missing, it may
            have given them other UIDs.  Those that the caller did not ask for, because they were proven before, count.
    """

    study_uid: str
    series_uid: str
    asked: int
    missing: int
    others: int

    @property
    def is_whole_series(self) -> bool:
        """Whether nothing that was asked for is there."""
        return self.missing == self.asked


class Verifier:
    """Asks one archive for instances that it has called stored; used by one thread.

    Args:
        finder: the way to ask; the caller closes it in the end.
        options: how often, and how long.
        interrupt: ends the asking early.
        remark: is told of each series of which something is missing, before the last verdicts of that series.
        clock: seconds from any origin, never going backwards.
        sleep: waits for some seconds, at most WAIT_SLICE at a time.
    """

    def __init__(
        self,
        finder: Finder,
        options: VerifyOptions,
        interrupt: Interrupt,
        *,
        remark: Callable[[SeriesRemark], None] = lambda remark: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._options = options
        self._interrupt = interrupt
        self._remark = remark
        self._archive = Archive(finder, options, interrupt, clock, sleep)
        self._names = Names(self._archive)
        self._limit: int | None = None
        self._known = self._asked = 0
        self._verdicts = dict.fromkeys(ProofState, 0)

    @property
    def counts(self) -> ProofCounts:
        """How far it is; any thread may look."""
        of = self._verdicts
        return ProofCounts(
            self._known, self._asked, of[ProofState.VERIFIED], of[ProofState.MISSING], of[ProofState.NO_ANSWER]
        )

    @property
    def given_up(self) -> int | str | None:
        """Why the archive is not asked any longer: a status or the name of an error; None as long as it is."""
        return self._archive.given_up

    @property
    def error(self) -> DcmsendError | None:
        """The error for which the archive was given up, None if there was none."""
        return self._archive.error

    def verify(self, items: Iterable[ProvableT]) -> Iterator[tuple[ProvableT, Verdict]]:
        """Yield each item with its verdict, once; proven ones at once, others when their series has been asked again.

        Items of one series should follow each other: each run of them costs a question.  At most 100,000 of them are
        held, and as many that wait for a further question.
        Raises Cancelled when the run is asked to end; items without a verdict are then not yielded.
        """
        turns = Turns(items, self._archive, self._options)
        while (series := turns.next()) is not None:
            self._interrupt.check_request()
            if not series.rounds:
                self._known += series.size
            for item, verdict in self._ask(series, turns):
                self._verdicts[verdict.state] += 1
                yield item, verdict

    def _ask(self, series: Series[ProvableT], turns: Turns[ProvableT]) -> Iterator[tuple[ProvableT, Verdict]]:
        """One round for a series; yield what has a verdict."""
        reason = series.flaw or self._archive.given_up
        if reason is not None:
            yield from series.end(reason)
            return
        series.begin_round()
        if series.rounds == 1:
            self._asked += series.size
        answer = self._archive.ask(series.study_uid, series.series_uid, series.open)
        yield from series.take_whole(answer)
        self._note_limit(series, answer)
        is_last = turns.is_last(series)
        if answer.kind is Kind.COMPLETE and not answer.length:
            if series.has_any:
                series.is_limited = True  # it has named some of them before: perhaps its index is being built anew
            else:
                series.absent.update(series.open)  # nothing at all: no limit can be the cause
        elif (
            series.unsettled()
            and answer.kind is not Kind.LOST
            and (is_last or (series.is_limited and answer.kind in (Kind.COMPLETE, Kind.LIMITED)))
        ):
            yield from self._ask_by_name(series, answer)
        if is_last:
            yield from self._end(series)
        elif self._archive.given_up is not None:
            yield from series.end(self._archive.given_up)
        elif series.open:
            turns.put_back(series)

    def _ask_by_name(self, series: Series[ProvableT], whole: Answer) -> Iterator[tuple[ProvableT, Verdict]]:
        was_limited = series.is_limited
        yield from self._names.ask(series)
        if series.is_whole_complete and series.is_limited and not was_limited:
            self._limit = whole.length  # it has more than it has named, and said that this was all
        if series.is_whole_complete and not series.is_limited and not (series.trouble and self._names.works):
            series.absent.update(series.unsettled())

    def _note_limit(self, series: Series[ProvableT], answer: Answer) -> None:
        """See whether the archive may have named as much as it names at most."""
        if answer.kind is Kind.COMPLETE and self._limit is not None:
            if answer.length > self._limit:
                self._limit = None  # it was not one: the archive had not indexed yet
            elif answer.length == self._limit:
                series.is_limited = True

    def _end(self, series: Series[ProvableT]) -> Iterator[tuple[ProvableT, Verdict]]:
        """Yield the last verdicts of a series, and tell of it if something is missing."""
        missing = sum(
            len(items) for uid, items in series.open.items() if series.verdict_of(uid).state is ProofState.MISSING
        )
        if missing:
            self._remark(SeriesRemark(series.study_uid, series.series_uid, series.size, missing, series.others))
        yield from series.end()
