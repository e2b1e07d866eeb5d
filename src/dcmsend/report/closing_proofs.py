"""What the archive has confirmed later, in the last lines of a run."""

from __future__ import annotations

from typing import Final

from dcmsend.advice import prove_again, send_again
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
    has_journal, parts = record.journal is not None, []
    if record.to_send_again:
        parts.append(f"{format_count(record.to_send_again)} {send_again(with_journal=has_journal)}")
    if record.refuted_for_good:
        need = "needs" if record.refuted_for_good == 1 else "need"
        parts.append(f"{format_count(record.refuted_for_good)} denied or missing {need} manual action")
    if record.unproven:
        parts.append(f"{format_count(record.unproven)} {prove_again(with_journal=has_journal)}")
    return parts


def _reason(reason: int | str) -> str:
    if not isinstance(reason, int):
        return reason.replace("_", " ")
    from dcmsend.protocol import general_status_text  # only where an archive has denied something

    return f"0x{reason:04X} {general_status_text(reason)}"
