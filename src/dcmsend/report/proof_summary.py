"""Counts of proofs, kept up to date while a run asks the archive."""

from __future__ import annotations

from dcmsend.transfer import InstanceProof, ProofState

__all__ = ["ProofSummary"]


class ProofSummary:
    """Counts proofs of this run's instances and of those that earlier runs have sent.

    Attributes:
        states: number of instances for each ProofState, of this run and of earlier ones.
        earlier: how many of them an earlier run has sent.
        expected: how many instances are to be proven; 0 while it is not known.
        reasons: number of instances that are not proven, by state and reason; a reason is as in a ``Verdict``.
    """

    __slots__ = ("earlier", "expected", "reasons", "states")

    def __init__(self) -> None:
        self.states = dict.fromkeys(ProofState, 0)
        self.earlier = 0
        self.expected = 0
        self.reasons: dict[tuple[ProofState, int | str | None], int] = {}

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {state.value}" for state, count in self.states.items() if count)
        return f"<ProofSummary: {counts or 'nothing yet'}>"

    def add(self, event: InstanceProof) -> None:
        """Count one proof."""
        state, reason = event.proof.state, event.proof.reason
        self.states[state] += 1
        self.earlier += event.index == 0
        if not state.is_proven:
            kind = state, reason
            self.reasons[kind] = self.reasons.get(kind, 0) + 1

    @property
    def total(self) -> int:
        """The number of instances that were asked for."""
        return sum(self.states.values())

    @property
    def proven(self) -> int:
        """The number of instances that the archive has confirmed."""
        return sum(count for state, count in self.states.items() if state.is_proven)

    @property
    def unproven(self) -> int:
        """The number of instances without an answer."""
        return self.states[ProofState.NO_ANSWER]

    @property
    def refuted(self) -> int:
        """The number of instances that the archive does not have: denied or missing."""
        return sum(count for state, count in self.states.items() if state.is_refuted)
