"""The state of one series: what is not proven yet, and what the questions of the present round have shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Generic

from dcmsend.reasons import Reason, Rejection
from dcmsend.transfer import Holdings, ProofState, Verdict

from .archive import Answer, Kind
from .items import ProvableT, is_askable

__all__ = ["ANSWERS_LIMITED", "UNAVAILABLE", "Series"]

UNAVAILABLE: Final = "unavailable"
"""Reason: the archive knows the instance and cannot give it.  Source: PS3.3 C.4.23.1.1."""
ANSWERS_LIMITED: Final = "answers_limited"
"""Reason: the archive does not name all that it has, and cannot be asked for the instance by its name."""

_MISSING_UID: Final = Reason.MISSING_UID.name.lower()
_INVALID_UID: Final = Rejection.INVALID_UID.name.lower()
_VERIFIED: Final = Verdict(ProofState.VERIFIED)
_MISSING: Final = Verdict(ProofState.MISSING)


class Series(Generic[ProvableT]):
    """Instances of one series.

    A round is one question for the whole series, followed by questions by name where they are needed.

    Attributes:
        open: the instances without a verdict, by SOP Instance UID.
        size: the number of instances at the beginning.
        rounds: how many rounds there were.
        first_asked: when the first round ended.
        witness: an instance that the archive has named, ``""`` for none.
        has_any: whether the archive has named any instance of the series, asked for or not.
        others: instances of the archive in the series that were not asked for, as far as it has said.
        whole: the answer for the whole series in this round.
        is_limited: whether that answer, in this round, does not name all that the archive has.
        unavailable: named in this round, but UNAVAILABLE.
        absent: asked for by name in this round, and not there.
        trouble: why questions by name have no answer in this round.
    """

    def __init__(self, study_uid: str, series_uid: str, items: Sequence[ProvableT]) -> None:
        self.study_uid = study_uid
        self.series_uid = series_uid
        self.open: dict[str, list[ProvableT]] = {}
        for item in items:
            self.open.setdefault(item.sop_instance_uid, []).append(item)
        self.size = len(items)
        self.rounds = 0
        self.first_asked = 0.0
        self.witness = ""
        self.has_any = False
        self.others = 0
        self._proven = 0
        self._forget_round()

    @property
    def flaw(self) -> str | None:
        """Why there can be no question for the series; None if there can be one."""
        if not self.study_uid or not self.series_uid:
            return _MISSING_UID  # archives refuse a question without them, or search everything
        return None if is_askable(self.study_uid) and is_askable(self.series_uid) else _INVALID_UID

    def begin_round(self) -> None:
        """Begin anew: an instance that was absent may be there by now."""
        self.rounds += 1
        self._forget_round()

    def _forget_round(self) -> None:
        self.whole: Answer | None = None
        self.is_limited = False
        self.unavailable: set[str] = set()
        self.absent: set[str] = set()
        self.trouble: int | str | None = None

    def take_whole(self, answer: Answer) -> Iterator[tuple[ProvableT, Verdict]]:
        """Take in the answer for the whole series; yield what it proves."""
        self.whole = answer
        self.is_limited = answer.kind is not Kind.COMPLETE
        self.has_any = self.has_any or answer.length > 0
        if answer.kind is Kind.COMPLETE:
            self.others = max(0, answer.others - self._proven)  # what is proven is not asked for again
        return self._take(answer)

    def take_named(self, answer: Answer) -> Iterator[tuple[ProvableT, Verdict]]:
        """Take in an answer that names something which the whole answer did not; yield what it proves."""
        self.is_limited = True
        return self._take(answer)

    def _take(self, answer: Answer) -> Iterator[tuple[ProvableT, Verdict]]:
        for uid, availability in answer.named.items():
            self.witness = self.witness or uid
            if Holdings.is_unavailable(availability):
                self.unavailable.add(uid)
                continue
            self.unavailable.discard(uid)
            items = self.open.pop(uid, ())
            self._proven += bool(items)
            for item in items:
                yield item, _VERIFIED

    @property
    def open_size(self) -> int:
        """The number of instances without a verdict."""
        return sum(map(len, self.open.values()))

    @property
    def is_whole_complete(self) -> bool:
        """Whether the answer for the whole series, in this round, is complete by its status."""
        return self.whole is not None and self.whole.kind is Kind.COMPLETE

    def unsettled(self) -> list[str]:
        """The UIDs that this round has neither found nor shown to be absent."""
        return [uid for uid in self.open if uid not in self.unavailable and uid not in self.absent]

    def verdict_of(self, uid: str) -> Verdict:
        """The last verdict for an instance that was not proven, after what this round has shown."""
        reason: int | str | None
        if uid in self.unavailable:
            reason = UNAVAILABLE
        elif not uid:
            reason = _MISSING_UID
        elif not is_askable(uid):
            reason = _INVALID_UID  # the archive may have cut or changed it
        elif uid in self.absent:
            return _MISSING
        else:
            reason = self.whole.reason if self.whole is not None else None
            reason = reason or self.trouble or ANSWERS_LIMITED
        return Verdict(ProofState.NO_ANSWER, reason)

    def end(self, reason: int | str | None = None) -> Iterator[tuple[ProvableT, Verdict]]:
        """Yield the last verdicts; with a ``reason`` none of the instances has an answer."""
        without = Verdict(ProofState.NO_ANSWER, reason)
        while self.open:
            uid = next(iter(self.open))
            verdict = self.verdict_of(uid) if reason is None else without
            for item in self.open.pop(uid):
                yield item, verdict
