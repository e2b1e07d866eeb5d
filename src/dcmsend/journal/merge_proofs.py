"""Merges what journals know of proofs: see ``merge`` for the rules."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from dcmsend.transfer import ProofState

from .proof_notes import current_transaction, find_transaction
from .proof_rows import ASKED, PROOF_CODES, STATES, TransactionState
from .proofs import NOT_NAMED
from .sqlite_errors import translated
from .values import MOST_TEXT

__all__ = ["NOT_ASKED", "Answer", "MergedProofs", "Said", "SaidReader", "has_proofs", "transactions_of"]

_MOST_KNOWN: Final = 4096
_NO_ANSWER: Final = PROOF_CODES[ProofState.NO_ANSWER]
_REFUTED: Final = (PROOF_CODES[ProofState.DENIED], PROOF_CODES[ProofState.MISSING])
_OPEN, _REPLACED = TransactionState.OPEN.value, TransactionState.REPLACED.value


class Answer(NamedTuple):
    """What the archive says of the copy that was sent last.

    Attributes:
        state: its number in a journal, see ``STATES``.
        reason: as in ``Proof``.
        time: milliseconds since the epoch.
        transaction: Transaction UID, None for a query.
    """

    state: int
    reason: int | str | None
    time: int
    transaction: str | None

    def counts(self) -> tuple[Any, ...]:
        """A sort key that puts last what counts of two answers about the same copy."""
        rank = {ASKED: 1, _NO_ANSWER: 0}.get(self.state, 2)
        return rank, self.time, self.state in _REFUTED, self.state, str(self.reason), self.transaction or ""


class Said(NamedTuple):
    """What a journal knows of the proof of one row.

    Attributes:
        answer: None if the archive was not asked since the row was sent last.
        sent_again: how often it was sent again because the archive did not have it.
        due: whether it is to be sent again because of the answer.
    """

    answer: Answer | None
    sent_again: int
    due: bool


NOT_ASKED: Final = Said(None, 0, False)


class _Side(NamedTuple):
    """A row of one of two journals; ``identity`` is that of the file and of the instance in it."""

    identity: tuple[Any, ...]
    is_stored: bool
    time: int
    said: Said


def _merged(winner: _Side, loser: _Side) -> Said:
    """What is known of the row that counts, if the other one is about the same file."""
    answer, sent_again, due = winner.said
    if winner.identity == loser.identity:
        was_sent_again = loser.said.due and winner.time > loser.time
        sent_again = max(sent_again, loser.said.sent_again + was_sent_again)
        if winner.is_stored and loser.is_stored and winner.time == loser.time:  # the same copy
            due = due or loser.said.due
            both = [side.said.answer for side in (winner, loser) if side.said.answer is not None]
            answer = max(both, key=Answer.counts, default=None)
    if not winner.is_stored:
        answer = None
    return Said(answer, sent_again, due and not sent_again and answer is not None and answer.state in _REFUTED)


class SaidReader:
    """Reads the proofs of a journal, each about once.  Raises TypeError and IndexError for impossible values."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[int, Said] = {}

    def said(self, mark: int | None) -> Said:
        """What the number in a row's column ``proof`` stands for."""
        if mark is None:
            return NOT_ASKED
        known = self._known.get(mark)
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[mark] = self._read(mark)
        return known

    def _read(self, mark: int) -> Said:
        row = self._connection.execute(
            "SELECT proof.state, reason, proof.time, commitment.uid, sent_again, due FROM proof "
            "LEFT JOIN commitment ON commitment.id = proof.commitment WHERE proof.id = ?",
            (abs(mark),),
        ).fetchone()
        if row is None:
            raise IndexError(f"there is no proof {mark}")
        state, reason, time, uid, sent_again, due = row
        _check((state, int), (reason, int | str | None), (time, int), (uid, str | None), (sent_again, int), (due, int))
        if not 0 <= state < len(STATES) or (state == ASKED and uid is None) or sent_again < 0 or due not in (0, 1):
            raise IndexError(f"proof {mark} is none")
        if mark < 0:
            return Said(None, sent_again + due, False)
        return Said(Answer(state, reason, time, uid), sent_again, due == 1)


def has_proofs(connection: sqlite3.Connection) -> bool:
    """Whether a journal has ever asked for proofs."""
    return connection.execute("SELECT 1 FROM proof LIMIT 1").fetchone() is not None


def transactions_of(connection: sqlite3.Connection, source: str) -> Iterator[tuple[Any, ...]]:
    """UID, time, peer, state, time of the answer, UID of the next one; the oldest first.  Raises JournalError."""
    with translated(source):
        for row in connection.execute(
            "SELECT old.uid, old.requested, old.peer, old.state, old.answered, later.uid FROM commitment AS old "
            "LEFT JOIN commitment AS later ON later.id = old.replaced_by ORDER BY old.id"
        ):
            uid, requested, peer, state, answered, later = row
            _check((uid, str), (requested, int), (peer, str), (state, int), (answered, int | None), (later, str | None))
            if state not in _STATES:
                raise IndexError(f"there is no state {state} of a transaction")
            yield row


_STATES: Final = frozenset(state.value for state in TransactionState)

# Of two states of the same transaction counts, from least to most: open, replaced, refused, answered.
_ADD_TRANSACTION: Final = """
    INSERT INTO commitment (uid, requested, peer, state, answered) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (uid) DO UPDATE SET requested = min(requested, excluded.requested), peer = min(peer, excluded.peer),
    state = CASE WHEN (4 - excluded.state) % 4 > (4 - state) % 4 THEN excluded.state ELSE state END,
    answered = max(coalesce(answered, excluded.answered), coalesce(excluded.answered, answered))
"""
_LINKED: Final = "SELECT id, requested, uid, replaced_by FROM commitment WHERE "
_BEFORE: Final = (
    "SELECT size, mtime_ns, etag, sop_instance_uid, outcome, time, proof FROM instance WHERE directory = ? AND name = ?"
)
_WAIT: Final = "INSERT OR IGNORE INTO requested SELECT id, ?, ? FROM commitment WHERE uid = ?"
_CLOSED: Final = (
    f"SELECT proof.id, commitment FROM proof JOIN commitment ON commitment.id = commitment "
    f"WHERE proof.state = {ASKED} AND commitment.state <> {_OPEN}"
)
_WAIT_LONGER: Final = "INSERT OR IGNORE INTO requested SELECT ?, directory, name FROM requested WHERE commitment = ?"
_FORGET: Final = f"""
    DELETE FROM requested WHERE NOT EXISTS (
        SELECT 1 FROM instance JOIN proof ON proof.id = instance.proof
        WHERE (instance.directory, instance.name) = (requested.directory, requested.name) AND outcome = 0
        AND proof.state = {ASKED} AND proof.commitment = requested.commitment)
"""
_CLOSE: Final = (
    f"UPDATE commitment SET state = {_REPLACED} WHERE state = {_OPEN} "
    "AND NOT EXISTS (SELECT 1 FROM requested WHERE requested.commitment = commitment.id)"
)


class MergedProofs:
    """The proofs and transactions of the journal that is written, within a transaction of the caller.

    The transactions of a journal are added before its rows, and ``settle`` is called after the last journal.
    """

    def __init__(self, target: sqlite3.Connection) -> None:
        self._target = target
        self._reader = SaidReader(target)
        self._numbers: dict[Said, int] = {}
        self._current: dict[str, str | None] = {}

    def add_transactions(self, connection: sqlite3.Connection, source: str) -> None:
        """Add the transactions of a journal, each of which may be known already."""
        for row in transactions_of(connection, source):
            self._target.execute(_ADD_TRANSACTION, row[:5])
        for uid, *_, later in transactions_of(connection, source):
            if later is not None:
                self._link(uid, later)
        self._current.clear()

    def add(self, write: str, row: tuple[Any, ...], said: Said) -> None:
        """Add a row by the statement ``write``, which decides whether it counts; ``row`` has no proof yet."""
        key, target = row[:2], self._target
        before = target.execute(_BEFORE, key).fetchone()
        said = self._now(said)
        if before is None:
            target.execute(write, (*row, self._mark(said)))
            wanted = said
        else:
            *identity, outcome, time, mark = before
            known = self._reader.said(mark)
            there = _Side(tuple(identity), outcome == 0, time, self._now(known))
            other = _Side((row[2], row[3], row[11], row[10]), row[4] == 0, row[8], said)
            is_taken = target.execute(write, (*row, mark)).rowcount == 1
            wanted = _merged(other, there) if is_taken else _merged(there, other)
            if wanted == known:
                return
            target.execute("UPDATE instance SET proof = ? WHERE directory = ? AND name = ?", (self._mark(wanted), *key))
        if wanted.answer is not None and wanted.answer.state == ASKED:
            target.execute(_WAIT, (*key, wanted.answer.transaction))

    def settle(self) -> None:
        """Let no row wait for a transaction that is closed, and no transaction wait that has no row any more."""
        target = self._target
        for proof, closed in target.execute(_CLOSED).fetchall():
            current = current_transaction(target, closed)
            if self._is_open(current):
                target.execute("UPDATE proof SET commitment = ? WHERE id = ?", (current, proof))
                target.execute(_WAIT_LONGER, (current, closed))
            else:
                values = (_NO_ANSWER, NOT_NAMED, proof)
                target.execute("UPDATE proof SET state = ?, reason = ? WHERE id = ?", values)
        target.execute(_FORGET)
        target.execute(_CLOSE)

    def _link(self, uid: str, later: str) -> None:
        """Note that a transaction was replaced; if each of two journals has replaced it, the later one counts."""
        (old, _, _, known), new = (
            self._target.execute(f"{_LINKED} uid = ?", (each,)).fetchone() for each in (uid, later)
        )
        if known is not None:
            known = self._target.execute(f"{_LINKED} id = ?", (known,)).fetchone()
        if new[0] > old and (known is None or new[1:3] > known[1:3]):
            self._target.execute("UPDATE commitment SET replaced_by = ? WHERE id = ?", (new[0], old))

    def _now(self, said: Said) -> Said:
        """The same, if the transaction was answered or replaced according to another journal."""
        answer = said.answer
        if answer is None or answer.state != ASKED or answer.transaction is None:
            return said
        if answer.transaction not in self._current:
            if len(self._current) >= _MOST_KNOWN:
                self._current.clear()
            self._current[answer.transaction] = self._open_transaction(answer.transaction)
        current = self._current[answer.transaction]
        if current is not None:
            return said._replace(answer=answer._replace(transaction=current))
        return said._replace(answer=answer._replace(state=_NO_ANSWER, reason=NOT_NAMED))

    def _open_transaction(self, uid: str) -> str | None:
        """The UID of the open transaction that an answer to ``uid`` would end, None if there is none."""
        found = find_transaction(self._target, uid)
        if found is None:
            return None
        current = current_transaction(self._target, found[0])
        if not self._is_open(current):
            return None
        (latest,) = self._target.execute("SELECT uid FROM commitment WHERE id = ?", (current,)).fetchone()
        return str(latest)

    def _is_open(self, number: int) -> bool:
        (state,) = self._target.execute("SELECT state FROM commitment WHERE id = ?", (number,)).fetchone()
        return bool(state == _OPEN)

    def _mark(self, said: Said) -> int | None:
        """The number for a row's column ``proof``; rows of which the same is known share it."""
        if said.answer is None and not said.sent_again:
            return None
        number = self._numbers.get(said)
        if number is None:
            if len(self._numbers) >= _MOST_KNOWN:
                self._numbers.clear()
            number = self._numbers[said] = self._add(said)
        return -number if said.answer is None else number

    def _add(self, said: Said) -> int:
        state, reason, time, uid = said.answer or Answer(_NO_ANSWER, None, 0, None)
        commitment = None if uid is None else find_transaction(self._target, uid)
        added = self._target.execute(
            "INSERT INTO proof (state, reason, time, commitment, sent_again, due) VALUES (?, ?, ?, ?, ?, ?)",
            (state, reason, time, None if commitment is None else commitment[0], said.sent_again, int(said.due)),
        )
        return int(added.lastrowid or 0)


def _check(*values: tuple[object, Any]) -> None:
    for value, kind in values:
        if not isinstance(value, kind) or (isinstance(value, str) and len(value) > MOST_TEXT):
            raise TypeError(f"{value!r:.40} is not what belongs there")
