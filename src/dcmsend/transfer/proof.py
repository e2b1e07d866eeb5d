"""The archive's later confirmation of instances it has called stored: a separate value, because outcomes are final."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple

__all__ = ["CommitmentAnswer", "Holdings", "InstanceProof", "Proof", "ProofState", "Verdict"]

_UNAVAILABLE: Final = "UNAVAILABLE"


class ProofState(Enum):
    """The answer of the archive to a later question for a stored instance."""

    COMMITTED = "committed"
    """The archive has committed itself to the instance (Storage Commitment, PS3.4 Annex J)."""
    VERIFIED = "verified"
    """A query to the archive finds the instance."""
    DENIED = "denied"
    """The archive refuses to commit itself to the instance."""
    MISSING = "missing"
    """A query to the archive does not find the instance."""
    NO_ANSWER = "no answer"
    """The archive was asked, and has not answered yet."""

    __hash__ = object.__hash__  # members exist once; Enum's own hash is Python code

    @property
    def is_proven(self) -> bool:
        """Whether the archive has the instance."""
        return self is ProofState.COMMITTED or self is ProofState.VERIFIED

    @property
    def is_refuted(self) -> bool:
        """Whether the archive does not have the instance."""
        return self is ProofState.DENIED or self is ProofState.MISSING


class Verdict(NamedTuple):
    """The result of one answer for one instance.

    Attributes:
        state: one of five.
        reason: a number comes from the archive: Failure Reason (0008,1197) or the status of its answer; a name is
            ours, such as ``timed_out``; None if there is no reason to give.
    """

    state: ProofState
    reason: int | str | None = None


class Proof(NamedTuple):
    """A verdict and its origin.

    Attributes:
        state: one of five.
        reason: as in a ``Verdict``.
        transaction_uid: (0008,1195) of the storage commitment, ``""`` for a query.
        time: of the answer, or of the question as long as there is no answer; seconds since the epoch.
    """

    state: ProofState
    reason: int | str | None = None
    transaction_uid: str = ""
    time: float = 0.0


class InstanceProof(NamedTuple):
    """The proof of one instance, as observers hear of it: after its outcome, once in a run.

    Attributes:
        index: place in the transfer list, from 1; 0 for an instance that an earlier run has sent.
        path: file name, as in the outcome of this run or as the journal has it.
        sop_class_uid, sop_instance_uid: as in the C-STORE request.
        study_uid, series_uid: ``""`` where they are not known.
        proof: the archive's answer.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which is not used
    path: str
    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str
    proof: Proof


class Holdings(NamedTuple):
    """What an archive says that it has of one series.

    Attributes:
        availability: by SOP Instance UID of what was asked for and found: ``ONLINE``, ``NEARLINE``, ``OFFLINE``,
            ``UNAVAILABLE``, or ``""`` from archives that do not tell (PS3.3 C.4.23.1.1).
        others: how many further instances the archive has in the series.
        status: how the answer ended: 0x0000 is a complete one (PS3.4 C.4.1.1.4).
    """

    availability: Mapping[str, str]
    others: int
    status: int

    @staticmethod
    def is_unavailable(word: str) -> bool:
        """Whether an availability says that the archive knows the instance and cannot give it."""
        return word.upper() == _UNAVAILABLE

    @staticmethod
    def note(availability: dict[str, str], uid: str, word: str) -> None:
        """Note what an answer says of an instance.

        One in front of two archives may name it twice: it can be had if one of them can give it.
        """
        if Holdings.is_unavailable(availability.get(uid, _UNAVAILABLE)):
            availability[uid] = word


class CommitmentAnswer(NamedTuple):
    """What an archive reports on one transaction of storage commitment; not compared with the request.

    Attributes:
        transaction_uid: (0008,1195), never empty.
        verdicts: by SOP Instance UID: COMMITTED, or DENIED with the Failure Reason (0008,1197).
        calling_ae_title: of the archive's own association; ``""`` if the report came over ours.
        host: address it came from; ``""`` as above.
    """

    transaction_uid: str
    verdicts: Mapping[str, Verdict]
    calling_ae_title: str = ""
    host: str = ""
