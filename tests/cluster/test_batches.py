"""Batches of any stream of inputs: complete, in order, bounded."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, pairwise
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from dcmsend.cluster.batches import FIRST_INPUTS, MOST_INPUTS, BatchCutter, fitting_inputs


class Item(NamedTuple):
    number: int
    directory: str
    size: int


streams = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 40)), max_size=60).map(
    lambda rows: [Item(number, *row) for number, row in enumerate(rows)]
)


def cut(items: list[Item], most_inputs: int, most_bytes: int) -> list[list[Item]]:
    return list(BatchCutter(lambda item: item.size, most_inputs, most_bytes).cut(items))


@given(streams, st.integers(1, 9), st.integers(1, 100))
def test_each_input_is_in_one_batch_and_in_order(items: list[Item], most_inputs: int, most_bytes: int) -> None:
    batches = cut(items, most_inputs, most_bytes)
    assert [item for batch in batches for item in batch] == items
    assert all(batches)


@given(streams, st.integers(1, 9), st.integers(1, 100))
def test_no_batch_is_larger_than_allowed_unless_it_is_one_input(
    items: list[Item], most_inputs: int, most_bytes: int
) -> None:
    for batch in cut(items, most_inputs, most_bytes):
        assert len(batch) <= most_inputs
        assert sum(item.size for item in batch) <= most_bytes or len(batch) == 1


@given(st.lists(st.integers(1, 5), max_size=12))
def test_a_directory_that_fits_is_not_cut(lengths: list[int]) -> None:
    items = [Item(0, str(number), 1) for number, length in enumerate(lengths) for _ in range(length)]
    for batch in cut(items, 5, 1000):
        for directory in {item.directory for item in batch}:
            assert sum(item.directory == directory for item in batch) == lengths[int(directory)]


@given(st.lists(st.integers(1, 5), min_size=2, max_size=12))
def test_small_directories_are_put_together(lengths: list[int]) -> None:
    items = [Item(0, str(number), 1) for number, length in enumerate(lengths) for _ in range(length)]
    batches = cut(items, 5, 1000)
    for one, other in pairwise(batches):
        begins = sum(item.directory == other[0].directory for item in other)
        assert len(one) + begins > 5  # the next directory had no room


def test_an_endless_stream_is_cut_while_it_is_read() -> None:
    drawn = 0

    def endless() -> Iterator[Item]:
        nonlocal drawn
        for number in count():
            drawn += 1
            yield Item(number, str(number // 100), 1)

    batches = BatchCutter[Item](lambda item: item.size, 500, 10**9).cut(endless())
    assert [len(next(batches)) for _ in range(3)] == [500, 500, 500]
    assert drawn <= 4 * 500


def test_the_size_of_batches_may_change_on_the_way() -> None:
    cutter = BatchCutter[Item](lambda item: 1, 2)
    batches = cutter.cut(Item(number, "a", 1) for number in range(20))
    assert len(next(batches)) == 2
    cutter.most_inputs = 5
    assert len(next(batches)) == 5


@given(st.integers(1, 10_000), st.floats(0.0, 1e6))
def test_batches_take_some_seconds_where_their_bounds_allow_it(inputs: int, seconds: float) -> None:
    """A batch with few inputs, e.g. an archive, says nothing of others."""
    fitting = fitting_inputs(inputs, seconds)
    if inputs < FIRST_INPUTS:
        assert fitting is None
        return
    assert fitting is not None
    assert FIRST_INPUTS <= fitting <= MOST_INPUTS
    if FIRST_INPUTS < fitting < MOST_INPUTS:
        assert 4.9 < fitting * seconds / inputs < 5.1


def test_fast_workers_get_large_batches_and_slow_ones_small_ones() -> None:
    assert fitting_inputs(50, 0.01) == MOST_INPUTS
    assert fitting_inputs(50, 1.25) == 200
    assert fitting_inputs(500, 500.0) == FIRST_INPUTS
