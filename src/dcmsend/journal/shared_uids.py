"""Finds SOP Instance UIDs that stand for several instances: an archive can keep only one of them."""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from dcmsend.transfer import ProofState

from .proof_rows import PROOF_CODES

__all__ = ["SharedUids", "find_shared_uids"]

_MOST: Final = 10
_STATES: Final = f"({PROOF_CODES[ProofState.DENIED]}, {PROOF_CODES[ProofState.MISSING]})"
_HAS_REFUTED: Final = f"SELECT 1 FROM proof WHERE state IN {_STATES} LIMIT 1"
_MAKE_REFUTED: Final = "CREATE TEMP TABLE refuted (uid TEXT PRIMARY KEY) WITHOUT ROWID"
_REFUTED: Final = (
    "INSERT OR IGNORE INTO temp.refuted SELECT sop_instance_uid FROM instance CROSS JOIN proof "
    f"ON proof.id = instance.proof WHERE outcome = 0 AND proof.state IN {_STATES}"
)
_SHARED: Final = (
    "CREATE TEMP TABLE shared AS SELECT uid, count(*) AS copies FROM instance CROSS JOIN temp.refuted "
    "ON uid = sop_instance_uid WHERE outcome = 0 GROUP BY uid HAVING min(series) < max(series)"
)


class SharedUids(NamedTuple):
    """SOP Instance UIDs of refuted rows that stored rows of several series have.

    Attributes:
        total: how many UIDs.
        first: at most ten of them in order, each with the number of stored rows that have it.
    """

    total: int
    first: tuple[tuple[str, int], ...]


def find_shared_uids(connection: sqlite3.Connection) -> SharedUids:
    """Read the journal twice, or not at all if nothing is refuted.  Makes temporary tables, on the disk.

    Rows without a known series are of no other one.  Raises sqlite3.Error; TypeError for impossible values.
    """
    if connection.execute(_HAS_REFUTED).fetchone() is None:
        return SharedUids(0, ())
    connection.execute("PRAGMA temp_store = FILE")
    for statement in (_MAKE_REFUTED, _REFUTED, _SHARED):
        connection.execute(statement)
    (total,) = connection.execute("SELECT count(*) FROM temp.shared").fetchone()
    first = connection.execute(f"SELECT uid, copies FROM temp.shared ORDER BY uid LIMIT {_MOST}").fetchall()
    if not all(isinstance(uid, str) for uid, _ in first):
        raise TypeError("a SOP Instance UID that is none")
    return SharedUids(total, tuple(first))
