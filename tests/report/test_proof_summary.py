"""The counts of proofs, from which the exit code is taken."""

from __future__ import annotations

from dcmsend.report import ProofSummary, RunRecord
from dcmsend.transfer import InstanceProof, Proof, ProofState


def _event(state: ProofState, reason: int | str | None = None, index: int = 1) -> InstanceProof:
    return InstanceProof(index, "a.dcm", "1.2.3", "1.2.4", "1.2.5", "1.2.6", Proof(state, reason))


def test_that_a_run_asks_for_no_proof_unless_it_is_told_to() -> None:
    assert RunRecord().proofs is None


def test_that_proven_refuted_and_unanswered_instances_are_told_apart() -> None:
    proofs = ProofSummary()
    counts = {
        ProofState.COMMITTED: 2, ProofState.VERIFIED: 3, ProofState.DENIED: 5, ProofState.MISSING: 7,
        ProofState.NO_ANSWER: 11,
    }  # fmt: skip
    for state, count in counts.items():
        for _ in range(count):
            proofs.add(_event(state))
    assert proofs.states == counts
    assert (proofs.total, proofs.proven, proofs.refuted, proofs.unproven) == (28, 5, 12, 11)
    assert repr(proofs) == "<ProofSummary: 2 committed, 3 verified, 5 denied, 7 missing, 11 no answer>"


def test_that_only_what_is_not_proven_is_counted_by_reason() -> None:
    proofs = ProofSummary()
    for state, reason in [
        (ProofState.DENIED, 0x0112), (ProofState.DENIED, 0x0112), (ProofState.NO_ANSWER, "timed_out"),
        (ProofState.MISSING, None), (ProofState.VERIFIED, "odd"),
    ]:  # fmt: skip
        proofs.add(_event(state, reason))
    assert proofs.reasons == {
        (ProofState.DENIED, 0x0112): 2, (ProofState.NO_ANSWER, "timed_out"): 1, (ProofState.MISSING, None): 1,
    }  # fmt: skip


def test_that_instances_of_earlier_runs_are_counted_apart() -> None:
    proofs = ProofSummary()
    proofs.add(_event(ProofState.VERIFIED, index=0))
    proofs.add(_event(ProofState.MISSING, index=0))
    proofs.add(_event(ProofState.VERIFIED))
    assert (proofs.earlier, proofs.total, proofs.refuted) == (2, 3, 1)
