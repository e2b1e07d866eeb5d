"""The proofs of a run's instances, by place in the transfer list, in little memory."""

from __future__ import annotations

from array import array
from typing import Final, Generic, TypeVar

from dcmsend.transfer import InstanceProof, Proof, ProofState

from .base import Report

__all__ = ["ProofTable"]

_STATES: Final = (None, *ProofState)
_CODES: Final = {state: code for code, state in enumerate(_STATES)}
_ValueT = TypeVar("_ValueT", int, float)
_NameT = TypeVar("_NameT")


class ProofTable(Report):
    """Keeps proofs until the reports are completed; writes nothing itself.

    An instance takes nine bytes, with a transaction or a reason four more each; these are kept once, however many
    instances have them.  Proofs of what earlier runs have sent are left out, because they belong to no row.
    """

    def __init__(self) -> None:
        self._states = _Column("B", 0)
        self._times = _Column("d", 0.0)
        self._transactions = _Names("")
        self._reasons = _Names[int | str | None](None)

    def proven(self, event: InstanceProof) -> None:
        """Keep the proof of an instance of this run."""
        index, proof = event.index, event.proof
        if index > 0:
            self._states.set(index, _CODES[proof.state])
            self._times.set(index, proof.time)
            self._transactions.set(index, proof.transaction_uid)
            self._reasons.set(index, proof.reason)

    def proof(self, index: int | None) -> Proof | None:
        """The proof of an instance; None without one.  ``index`` is None for an input outside the transfer list."""
        state = None if index is None else _STATES[self._states.get(index)]
        if index is None or state is None:
            return None
        return Proof(state, self._reasons.get(index), self._transactions.get(index), self._times.get(index))


class _Column(Generic[_ValueT]):
    """Numbers by index.  An index that was not set has 0; indices behind the last one that was set take no room."""

    def __init__(self, type_code: str, zero: _ValueT) -> None:
        self._cells: array[_ValueT] = array(type_code)
        self._zero: _ValueT = zero

    def set(self, index: int, value: _ValueT) -> None:
        cells = self._cells
        if index >= len(cells):
            if not value:
                return
            cells.frombytes(bytes((index + 1 - len(cells)) * cells.itemsize))
        cells[index] = value

    def get(self, index: int) -> _ValueT:
        return self._cells[index] if index < len(self._cells) else self._zero


class _Names(Generic[_NameT]):
    """Values by index, each kept once.  An index that was not set has ``usual``."""

    def __init__(self, usual: _NameT) -> None:
        self._values = [usual]
        self._numbers = {usual: 0}
        self._column = _Column("I", 0)

    def set(self, index: int, value: _NameT) -> None:
        number = self._numbers.setdefault(value, len(self._values))
        if number == len(self._values):
            self._values.append(value)
        self._column.set(index, number)

    def get(self, index: int) -> _NameT:
        return self._values[self._column.get(index)]
