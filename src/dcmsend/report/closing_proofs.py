"""What the archive has confirmed later, in the last lines of a run."""

from __future__ import annotations

from typing import Final

from dcmsend.advice import prove_again
from dcmsend.transfer import ProofState

from .amounts import format_count
from .run_record import RunRecord

__all__ = ["proof_lines", "proof_results"]

_KINDS_SHOWN: Final = 2
_WORDS: Final = {ProofState.DENIED: "denied", ProofState.MISSING: "missing", ProofState.NO_ANSWER: "without an answer"}


def proof_lines(record: RunRecord) -> list[str]:
    """One line with the counts and one with the most frequent reasons; none where no proof was asked for."""
    proofs, left = record.proofs, record.not_asked
    if proofs is None or not proofs.total + left:
        return []
    states = proofs.states
    whose = "confirmed by"
    if not states[ProofState.VERIFIED] and states[ProofState.COMMITTED]:
        whose = "committed by"
    elif states[ProofState.VERIFIED] and not states[ProofState.COMMITTED]:
        whose = "verified at"
    parts = [f"{format_count(proofs.proven)} of {format_count(proofs.total + left)} {whose} the archive"]
    parts += [f"{format_count(states[state])} {words}" for state, words in _WORDS.items() if states[state]]
    if left:
        parts.append(f"{format_count(left)} not asked about")
    reasons = sorted(
        ((count, state, reason) for (state, reason), count in proofs.reasons.items() if reason is not None),
        key=lambda row: -row[0],
    )  # fmt: skip
    cells = [
        f"{_WORDS[state]} {format_count(count)}: {_reason(reason)}" for count, state, reason in reasons[:_KINDS_SHOWN]
    ]
    return [f"  {', '.join(parts)}", *([f"    {'; '.join(cells)}"] if cells else [])]


def proof_results(record: RunRecord) -> list[str]:
    """What is left to do, for the line with the result."""
    if record.proofs is None:
        return []
    parts = [f"{format_count(record.proofs.refuted)} denied or missing"] if record.proofs.refuted else []
    if record.unproven:
        parts.append(f"{format_count(record.unproven)} {prove_again(with_journal=record.journal is not None)}")
    return parts


def _reason(reason: int | str) -> str:
    if not isinstance(reason, int):
        return reason.replace("_", " ")
    from dcmsend.protocol import general_status_text  # only where an archive has denied something

    return f"0x{reason:04X} {general_status_text(reason)}"
