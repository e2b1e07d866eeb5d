"""What a journal knows over all its runs, for the page of one of them."""

from __future__ import annotations

from typing import Any

from dcmsend.advice import for_reason, for_status
from dcmsend.dicom.record import Record
from dcmsend.transfer import ProofState, Reason, Result, may_succeed

from .outcome_fields import format_time, state_name
from .page_words import outcome_words, reason_words, status_words

__all__ = ["Migration", "kind_fields", "migration_fields"]


class Migration(Record):
    """The counts of a journal.

    Attributes:
        journal: its file.
        created: when it was made, in seconds since the epoch.
        groups: result, status, reason and number of instances.
        proofs: the stored ones by what the archive has confirmed; empty if it was never asked.
        studies: UID and number of instances that are not stored, of the studies with the most of them.
        problem: why the journal cannot be read; ``""`` if it can.
    """

    journal: str
    created: float = 0.0
    groups: tuple[tuple[Result, int | None, str | None, int], ...] = ()
    proofs: tuple[tuple[ProofState | None, int], ...] = ()
    studies: tuple[tuple[str, int], ...] = ()
    problem: str = ""

    @property
    def total(self) -> int:
        """The number of instances."""
        return sum(count for *_, count in self.groups)

    @property
    def missing(self) -> int:
        """The number of instances that are not stored."""
        return sum(count for result, *_, count in self.groups if result is not Result.STORED)


def kind_fields(result: Result, status: int | None, reason: str | None, count: int) -> dict[str, Any]:
    """A kind of failure as pages show it; ``reason`` is the name of one of ours in small letters."""
    known = Reason.__members__.get((reason or "").upper())
    if status is not None:
        why, advice = status_words(status), for_status(status)
    elif known is not None:
        why, advice = reason_words(known), for_reason(known)
    else:
        why, advice = (reason or "").replace("_", " "), ""
    outcome = result.value.replace(" ", "_")
    again = count if may_succeed(result, status, known) else 0
    return {"outcome": outcome, "why": why, "count": count, "advice": advice, "again": again}


def migration_fields(migration: Migration, *, is_refused_for_good: bool) -> dict[str, Any]:
    """What the template shows of a journal; nothing is worth sending again to a receiver that refuses for good."""
    results = dict.fromkeys(Result, 0)
    for result, _, _, count in migration.groups:
        results[result] += count
    kinds = [kind_fields(*group) for group in migration.groups if group[0] is not Result.STORED]
    if is_refused_for_good:
        kinds = [{**kind, "again": 0} for kind in kinds]
    return {
        "journal": migration.journal,
        "problem": migration.problem,
        "created": format_time(migration.created),
        "total": migration.total,
        "missing": migration.missing,
        "tiles": [
            {"look": result.value.replace(" ", "_"), "count": count, "words": outcome_words(result)}
            for result, count in results.items()
            if count or result is Result.STORED
        ],
        "proofs": [
            {"words": "not asked" if state is None else state_name(state).replace("_", " "), "count": count}
            for state, count in migration.proofs
        ],
        "kinds": sorted(kinds, key=lambda kind: -int(kind["count"])),
    }
