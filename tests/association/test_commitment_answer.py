"""A report on storage commitment as verdicts."""

from __future__ import annotations

from dcmsend.association.commitment_answer import answer_of
from dcmsend.protocol import CommitmentReport, FailedReference, SOPReference
from dcmsend.transfer import CommitmentAnswer, ProofState, Verdict

CT = "1.2.840.10008.5.1.4.1.1.2"
COMMITTED = Verdict(ProofState.COMMITTED)


def denied(reason: int | None) -> Verdict:
    return Verdict(ProofState.DENIED, reason)


def test_committed_and_failed() -> None:
    report = CommitmentReport(
        "2.25.7", (SOPReference(CT, "1.1"), SOPReference(CT, "1.2")),
        (FailedReference(CT, "1.3", 0x0112), FailedReference(CT, "1.4", None)), "ARCHIVE",
    )  # fmt: skip
    verdicts = {"1.1": COMMITTED, "1.2": COMMITTED, "1.3": denied(0x0112), "1.4": denied(None)}
    assert answer_of(report) == CommitmentAnswer("2.25.7", verdicts, "", "")
    assert answer_of(report, "ELSEWHERE", "10.0.0.1") == ("2.25.7", verdicts, "ELSEWHERE", "10.0.0.1")


def test_an_instance_in_both_sequences_is_denied() -> None:
    report = CommitmentReport("1.9", (SOPReference(CT, "1.1"),) * 2, (FailedReference(CT, "1.1", 0x0110),))
    assert answer_of(report).verdicts == {"1.1": denied(0x0110)}
    report = CommitmentReport("1.9", (SOPReference(CT, "1.1"),), (FailedReference(CT, "1.1", None),))
    assert answer_of(report).verdicts == {"1.1": denied(None)}


def test_an_instance_that_failed_twice_has_the_first_reason() -> None:
    reasons = (None, 0x0213, 0x0112, None)
    report = CommitmentReport("1.9", (), tuple(FailedReference(CT, "1.1", reason) for reason in reasons))
    assert answer_of(report).verdicts == {"1.1": denied(0x0213)}


def test_references_without_a_uid_are_left_out() -> None:
    report = CommitmentReport("1.9", (SOPReference(CT, ""), SOPReference("", "1.2")), (FailedReference(CT, "", 1),))
    assert answer_of(report).verdicts == {"1.2": COMMITTED}
    assert answer_of(CommitmentReport("1.9", ())).verdicts == {}
