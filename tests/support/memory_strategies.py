"""Strategies for plans of what becomes of each attempt to send to a target in memory."""

from __future__ import annotations

from hypothesis import strategies as st

from support.memory_plan import DUPLICATE, Fate, Opening, Plan, Way

__all__ = ["plans"]

STATUSES = st.sampled_from([0, 0, 0, 0xB000, 0xA700, 0xA701, 0xA900, 0xC000, 0x0110, DUPLICATE, 0xFFFF])
FATES = st.one_of(
    st.builds(Fate, st.sampled_from([Way.ANSWERED, Way.ANSWERED, Way.ANSWERED_TWICE]), STATUSES, st.integers(0, 4)),
    st.builds(Fate, st.sampled_from(Way), STATUSES, st.integers(0, 4), st.booleans()),
)
OPENINGS = st.lists(
    st.sampled_from([Opening.GOOD, Opening.GOOD, Opening.GOOD, Opening.GOOD, *Opening]), max_size=12
)
COUNTS = st.one_of(st.integers(1, 12), st.integers(1, 60))


@st.composite
def plans(draw: st.DrawFn, *, halts: bool = False, pauses: bool = False) -> tuple[int, Plan]:
    """How many instances, and what becomes of them."""
    count = draw(COUNTS)
    troubled = st.dictionaries(st.integers(0, count - 1), st.lists(FATES, min_size=1, max_size=5), max_size=12)
    return count, Plan(
        draw(troubled),
        draw(OPENINGS),
        window=draw(st.sampled_from([1, 1, 2, 5])),
        stretch_length=draw(st.sampled_from([1 << 60, 1 << 60, 7, 1])),
        refuses_duplicates=draw(st.booleans()),
        halts=halts,
        pauses=pauses,
    )
