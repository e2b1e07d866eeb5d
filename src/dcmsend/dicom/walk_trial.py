"""Walks parts of a data set ahead, on trial, if their meaning is not certain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dcmsend.errors import DataSetError

from .byte_source import BoundedSource
from .walk_encoding import IMPLICIT, Encoding
from .walk_findings import MAX_DEPTH
from .walk_state import UNDEFINED, WalkState
from .walk_vrs import UNKNOWN, is_kept_under

__all__ = ["Inside", "ends_with_its_sequence", "vendor_vr"]

Inside = tuple[int, int, int, int, bool]
"""A part of a data set: its start, the end of the possible item, the end of its sequence, its depth, and whether it is
an item or the items of a sequence."""

Walk = Callable[[WalkState, Encoding, bool, None, bool, Inside], tuple[int, int]]
"""The loop of ``walk``."""

_ITEM_DELIMITERS: Final = (b"\xfe\xff\x0d\xe0", b"\xff\xfe\xe0\x0d")
_ONE_TRIAL: Final = 1024
"""Cost of starting a walk, expressed in bytes."""


def vendor_vr(walk: Walk, state: WalkState, code: int, start: int, length: int, depth: int) -> int:
    """The VR to write for an element whose VR only our dictionary knows.

    A sequence is walked once on trial.  Such elements inside it count as UN there and have their own trial later, so
    that no byte is walked more than twice.
    """
    if length == UNDEFINED or depth >= MAX_DEPTH:
        return UNKNOWN
    if code != IMPLICIT.sequence:
        return code if is_kept_under(code, start, length, state.value) else UNKNOWN
    part = BoundedSource(state.source, start + length)
    trial = WalkState(part, state.dictionary_source, allowance=state.allowance, is_trial=True)
    trial.work = state.work
    try:
        if length:
            walk(trial, IMPLICIT, False, None, False, (start, 0, start + length, depth, False))
    except DataSetError:
        return UNKNOWN
    finally:
        state.work = trial.work
    return UNKNOWN if trial.repairs or trial.warnings or trial.is_encapsulated else code


def ends_with_its_sequence(
    walk: Walk, state: WalkState, encoding: Encoding, start: int, end: int, sequence_end: int, depth: int
) -> bool:
    """Whether an item that is longer than its sequence may be taken to end where the sequence does.

    An item with a delimiter of its own may not.  After many trials items are believed, so that the work stays bounded.
    Raises DataSetError where DCMTK, which believes every item, cannot read the data set.
    """
    if sequence_end <= start or state.retries <= 0:
        return False
    trial = WalkState(state.source, state.dictionary_source, state.origin, state.allowance, is_trial=True)
    trial.work = state.work
    _, position = walk(trial, encoding, False, None, False, (start, end, sequence_end, depth, True))
    state.retries -= trial.work - state.work + _ONE_TRIAL
    state.work = trial.work + _ONE_TRIAL
    return state.source.read_at(position - 8, 4) not in _ITEM_DELIMITERS
