"""The compact table of proofs, against a dictionary."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dcmsend.report.proof_table import ProofTable
from dcmsend.transfer import InstanceProof, Proof, ProofState

PROOFS = st.builds(
    Proof,
    st.sampled_from(ProofState),
    st.none() | st.integers(0, 0xFFFF) | st.sampled_from(["timed_out", "unavailable", ""]),
    st.sampled_from(["", "2.25.1", "2.25.2", "2.25.3"]),
    st.floats(0, 4e9),
)


@given(st.lists(st.tuples(st.integers(0, 60), PROOFS)))
def test_that_the_table_gives_back_what_it_was_told(told: list[tuple[int, Proof]]) -> None:
    table, expected = ProofTable(), {}
    for index, proof in told:
        table.proven(InstanceProof(index, "a", "1.2", "1.3", "", "", proof))
        expected[index] = proof
    expected.pop(0, None)  # belongs to no row
    for index in range(70):
        assert table.proof(index) == expected.get(index)
    assert table.proof(None) is None
