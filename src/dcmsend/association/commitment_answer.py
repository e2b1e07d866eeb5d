"""A report on storage commitment as one verdict for each instance.  Source: PS3.3 C.14."""

from __future__ import annotations

from typing import Final

from dcmsend.protocol import CommitmentReport
from dcmsend.transfer import CommitmentAnswer, ProofState, Verdict

__all__ = ["answer_of"]

_COMMITTED: Final = Verdict(ProofState.COMMITTED)


def answer_of(report: CommitmentReport, calling_ae_title: str = "", host: str = "") -> CommitmentAnswer:
    """The verdicts in a report; its event type is not asked, for archives report failures under either.

    An instance that the report calls both committed and failed is denied: nothing may be removed because of half a
    report.  Of several failures of one instance the first that gives a reason counts.  References without a SOP
    Instance UID are left out.
    ``calling_ae_title`` and ``host`` tell who has opened an association for the report, ``""`` if it came over ours.
    """
    verdicts = {reference.sop_instance_uid: _COMMITTED for reference in report.committed}
    for failed in report.failed:
        known = verdicts.get(failed.sop_instance_uid)
        if known is None or known.reason is None:
            verdicts[failed.sop_instance_uid] = Verdict(ProofState.DENIED, failed.failure_reason)
    verdicts.pop("", None)
    return CommitmentAnswer(report.transaction_uid, verdicts, calling_ae_title, host)
