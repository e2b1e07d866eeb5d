"""What the archive has confirmed later, as the page for people shows it."""

from __future__ import annotations

from typing import Any, Final

from dcmsend.protocol import general_status_text
from dcmsend.transfer import InstanceProof, Proof, ProofState

from .amounts import format_count
from .outcome_fields import proof_fields, proven_fields, state_name
from .proof_summary import ProofSummary
from .proof_table import ProofTable
from .run_record import RunRecord

__all__ = ["ProofPage", "with_proof"]

_MOST_KINDS: Final = 500
_LOOKS: Final = {
    ProofState.COMMITTED: "stored", ProofState.VERIFIED: "stored", ProofState.DENIED: "failed",
    ProofState.MISSING: "failed", ProofState.NO_ANSWER: "refused",
}  # fmt: skip
"""The outcome whose colour a proof has."""


class ProofPage:
    """Counts proofs by state and reason, and keeps rows to show, at most ``most_rows`` of each kind."""

    def __init__(self, table: ProofTable, most_rows: int) -> None:
        self._table = table
        self._most_rows = most_rows
        self._kinds: dict[tuple[ProofState, int | str | None], list[int]] = {}
        self._open: list[dict[str, Any]] = []
        self._open_count = 0
        self._earlier: list[dict[str, Any]] = []

    def add(self, event: InstanceProof) -> None:
        """Note one proof."""
        state, is_earlier = event.proof.state, event.index == 0
        kind = self._kinds.setdefault((state, event.proof.reason), [0, 0])
        kind[is_earlier] += 1
        if not state.is_proven:
            self._open_count += 1
        rows = self._open if not state.is_proven else self._earlier if is_earlier else None
        if rows is not None and len(rows) < self._most_rows:
            rows.append({**proven_fields(event), "is_earlier": is_earlier, "proof": _shown(event.proof)})

    def fields(self) -> dict[str, Any]:
        """What the template shows."""
        kinds = sorted(self._kinds.items(), key=lambda item: (item[0][0].is_proven, -sum(item[1])))
        proven_before = sum(counts[1] for (state, _), counts in self._kinds.items() if state.is_proven)
        return {
            "kinds": [
                {**_shown(Proof(*kind)), "this": counts[0], "earlier": counts[1]}
                for kind, counts in kinds[:_MOST_KINDS]
            ],
            "more_kinds": max(0, len(kinds) - _MOST_KINDS),
            "has_earlier": any(counts[1] for counts in self._kinds.values()),
            "open": self._open,
            "open_count": self._open_count,
            "earlier": self._earlier if proven_before <= self._most_rows else [],
            "earlier_count": proven_before,
            "tiles": [
                {"look": _LOOKS[state], "count": count, "words": _words(state)}
                for state in ProofState
                if (count := sum(sum(counts) for (each, _), counts in self._kinds.items() if each is state))
            ],
        }

    def of(self, index: int) -> dict[str, Any] | None:
        """The proof of an instance of this run; None without one."""
        proof = self._table.proof(index)
        return None if proof is None else _shown(proof)


def with_proof(verdict: dict[str, Any], record: RunRecord) -> dict[str, Any]:
    """The headline, after the archive was asked: a file that has not arrived matters more than a missing proof."""
    proofs = record.proofs
    if proofs is None or (verdict["kind"] == "bad" and not verdict["is_empty"]):
        return verdict
    total = proofs.total + record.not_asked
    if not total:
        return verdict
    of_all = f"of {format_count(total)}"
    if proofs.refuted:
        return verdict | {"kind": "bad", "text": _refuted(proofs, f"{of_all} stored instances")}
    if verdict["is_empty"] and record.error is None:
        verdict = verdict | {"kind": "good", "text": "Nothing was sent"}
    count = record.unproven
    if count:
        text = f"{verdict['text']}, but {format_count(count)} {of_all} {_are(count)} not proven yet"
        return verdict | {"kind": "warn", "text": text}
    confirmed = "it" if proofs.total == 1 else f"all {format_count(proofs.total)}"
    return verdict | {"text": f"{verdict['text']}, and the archive has confirmed {confirmed}"}


def _refuted(proofs: ProofSummary, of_all: str) -> str:
    count = format_count(proofs.refuted)
    if not proofs.states[ProofState.DENIED]:
        return f"{count} {of_all} {_are(proofs.refuted)} missing at the archive"
    if not proofs.states[ProofState.MISSING]:
        return f"The archive does not commit itself to {count} {of_all}"
    return f"The archive denies or misses {count} {of_all}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _shown(proof: Proof) -> dict[str, Any]:
    fields = proof_fields(proof)
    if isinstance(proof.reason, int):
        fields["reason"] = f"0x{proof.reason:04X}, {general_status_text(proof.reason)}"
    return {**fields, "look": _LOOKS[proof.state], "words": _words(proof.state)}


def _words(state: ProofState) -> str:
    return "not proven yet" if state is ProofState.NO_ANSWER else state_name(state)
