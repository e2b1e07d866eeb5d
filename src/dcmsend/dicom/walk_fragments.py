"""The walk over encapsulated pixel data.  Source: PS3.5 A.4."""

from __future__ import annotations

from .walk_encoding import UnpackItem
from .walk_state import UNDEFINED, StructureBuilder, WalkState

__all__ = ["walk_fragments"]


def walk_fragments(
    state: WalkState,
    unpack_item: UnpackItem,
    tag: int,
    position: int,
    builder: StructureBuilder | None,
) -> int:
    """Walk the items of encapsulated pixel data from ``position``; return the position after their delimiter."""
    if builder is not None:
        builder.begin_fragments(tag)
    start, length = position, 0
    window, base, limit = state.data, state.base, state.limit
    while True:
        if position > limit:
            if not state.load_item(position, tag, start, length):
                if length:
                    state.fail_unfinished(tag, position)
                state.note_no_item(tag, position)  # DCMTK accepts that after an empty fragment
                state.limit = -1
                break
            window, base, limit = state.data, state.base, state.limit
        group, element, length = unpack_item(window, position - base)
        position = start = position + 8
        if element == 0xE000 and group == 0xFFFE:
            if length & 1 and length != UNDEFINED:
                state.note_odd_item(tag)
            if builder is not None:
                builder.fragment(start, length)
            position += length
        elif element == 0xE0DD and group == 0xFFFE:
            if length:
                state.repair("a delimiter has a length")
            break
        else:
            state.fail_sequence(group << 16 | element, position - 8)
    if builder is not None:
        builder.end_fragments()
    return position
