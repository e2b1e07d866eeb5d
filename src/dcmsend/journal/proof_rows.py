"""Proofs in the journal as values: rows, transactions, and the numbers of their states."""

from __future__ import annotations

import os
from enum import Enum
from typing import Any, Final, NamedTuple

from dcmsend.transfer import Proof, ProofState

__all__ = [
    "ASKED", "FROM_ROWS", "PROOF_CODES", "ROW_COLUMNS", "SENT_AGAIN", "STATES", "OpenTransaction", "StoredRow",
    "TransactionState", "proof_of", "row_of",
]  # fmt: skip

STATES: Final = (
    ProofState.COMMITTED, ProofState.VERIFIED, ProofState.DENIED, ProofState.MISSING, ProofState.NO_ANSWER,
    ProofState.NO_ANSWER,
)  # fmt: skip
"""States in the order of their numbers; the last one, ``ASKED``, is that of a row in an open transaction."""

PROOF_CODES: Final = {state: STATES.index(state) for state in ProofState}
ASKED: Final = 5


class TransactionState(Enum):
    """The state of a transaction; the values are the numbers in the journal."""

    OPEN = 0
    """The commitment is about to be requested, or was requested and is not answered."""
    ANSWERED = 1
    REFUSED = 2
    """The commitment will not be answered, because the archive has refused the request."""
    REPLACED = 3
    """Another transaction has requested the commitment of the rows; an answer still counts."""


class OpenTransaction(NamedTuple):
    """A commitment that was requested, or was about to be, and has no answer.

    Attributes:
        uid: Transaction UID.
        requested: when, in seconds since the epoch.
        peer: the archive that was asked, ``AET@host:port``.
        rows: how many rows of the journal it names.
    """

    uid: str
    requested: float
    peer: str
    rows: int


class StoredRow(NamedTuple):
    """One stored file, and its proof.

    Attributes:
        key: number of the directory, and name; only valid within this journal.
        path: full name; bytes that are not UTF-8 are surrogate escapes.
        sop_class_uid, sop_instance_uid: as in the request.
        study_uid, series_uid: ``""`` where they are not known, as in a row of version 1.
        time: of the outcome, milliseconds since the epoch; another time means another copy at the archive.
        sent_again: how often it was sent again because the archive did not have it.
        proof: for the copy that was sent last, None if the archive was not asked about it.
        mark: the number in the row's column ``proof``.
    """

    key: tuple[int, bytes]
    path: str
    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str
    time: int
    sent_again: int
    proof: Proof | None
    mark: int | None


SENT_AGAIN: Final = "coalesce(proof.sent_again + (instance.proof < 0 AND proof.due), 0)"
ROW_COLUMNS: Final = (
    "instance.directory, instance.name, directory.path, sop_class.uid, instance.sop_instance_uid, "
    "coalesce(study.uid, ''), coalesce(series.uid, ''), instance.time, "
    f"{SENT_AGAIN}, instance.proof, proof.state, proof.reason, commitment.uid, proof.time"
)
FROM_ROWS: Final = (
    "CROSS JOIN directory ON directory.id = instance.directory CROSS JOIN sop_class ON sop_class.id = sop_class "
    "LEFT JOIN series ON series.id = instance.series LEFT JOIN study ON study.id = series.study "
    "LEFT JOIN proof ON proof.id = abs(instance.proof) LEFT JOIN commitment ON commitment.id = proof.commitment"
)
"""Tables to join to ``instance`` for ``ROW_COLUMNS``."""


def row_of(values: tuple[Any, ...]) -> StoredRow:
    """The row with the values of ``ROW_COLUMNS``.  Raises TypeError, IndexError for impossible values."""
    directory, name, path, sop_class, uid, study, series, time, sent_again, mark, *proof = values
    full = os.path.join(os.fsdecode(path), os.fsdecode(name))
    known = proof_of(mark, *proof)
    return StoredRow((directory, name), full, sop_class, uid, study, series, time, sent_again, known, mark)


def proof_of(mark: int | None, state: Any, reason: Any, transaction_uid: Any, time: Any) -> Proof | None:
    """The proof of the copy that was sent last.  Raises TypeError, IndexError for impossible values."""
    if mark is None or mark < 0:
        return None
    if not isinstance(reason, int | str | None) or not isinstance(transaction_uid, str | None):
        raise TypeError("a proof that is none")
    return Proof(STATES[state], reason, transaction_uid or "", time / 1000)
