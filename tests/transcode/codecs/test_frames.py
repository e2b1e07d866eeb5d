"""From fragments to frames."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.errors import DataSetError, TranscodeError
from dcmsend.transcode.frames import OffsetTables, divide

START = b"<<"


def starts(head: bytes) -> bool:
    return head.startswith(START)


def never(_head: bytes) -> bool:
    return False


def divided(
    fragments: Sequence[bytes], frames: int, basic: Sequence[int] = (), extended: Sequence[int] = (), begins=starts
) -> list[bytes]:
    """The frames that these fragments are divided into."""
    data, positions = b"", []
    for fragment in fragments:
        data += b"-item---"
        positions.append(len(data))
        data += fragment
    tables = OffsetTables(struct.pack(f"<{len(basic)}L", *basic), struct.pack(f"<{len(extended)}Q", *extended))
    found = divide(BytesSource(data), positions, [len(part) for part in fragments], frames, tables, begins)
    return [found.read(number) for number in range(len(found))]


def test_one_fragment_for_each_frame_whatever_the_table_says() -> None:
    assert divided([b"a", b"b", b"c"], 3, [0, 0, 7]) == [b"a", b"b", b"c"]


def test_all_fragments_of_a_single_frame() -> None:
    assert divided([b"<<a", b"b", b"c"], 1) == [b"<<abc"]
    assert divided([b"a", b"b", b"c"], 1, begins=never) == [b"abc"]


def test_beginnings_are_seen() -> None:
    assert divided([b"<<a", b"b", b"<<c", b"<<d", b"e"], 3, [0, 9, 18]) == [b"<<ab", b"<<c", b"<<de"]


@pytest.mark.parametrize("table", ["basic", "extended"])
def test_a_table_helps_where_beginnings_cannot_be_seen(table: str) -> None:
    parts = [b"aa", b"b", b"cccc", b"d"]
    assert divided(parts, 2, begins=never, **{table: [0, 19]}) == [b"aab", b"ccccd"]
    assert divided(parts, 3, begins=never, **{table: [0, 10, 31]}) == [b"aa", b"bcccc", b"d"]


def test_the_extended_table_comes_first() -> None:
    assert divided([b"a", b"b", b"c"], 2, [0, 9], [0, 18], begins=never) == [b"ab", b"c"]


@pytest.mark.parametrize(
    "offsets",
    [[0, 5], [9, 18], [0, 0], [18, 0], [0, 27], [0, 28], [0, 1 << 31], [0], [0, 9, 18], [], [0, 0xFFFFFFFF]],
    ids=str,
)
def test_a_table_that_lies_is_not_believed(offsets: list[int]) -> None:
    """Not at an item, not in order, behind the end, too short, too long: the three items have 9 bytes each."""
    with pytest.raises(TranscodeError) as error:
        divided([b"a", b"b", b"c"], 2, offsets, begins=never)
    assert "nothing tells where a frame begins" in error.value.detail


def test_missing_frames() -> None:
    with pytest.raises(TranscodeError) as error:
        divided([b"<<a"], 2)
    assert "frames are missing" in error.value.detail


@pytest.mark.parametrize("frames", [1, 2])
def test_more_frames_than_there_should_be(frames: int) -> None:
    with pytest.raises(TranscodeError) as error:
        divided([b"<<a", b"<<b", b"<<c"], frames)
    assert f"3 frames where Number of Frames says {frames}" in error.value.detail


def test_empty_items_at_the_end_are_ignored() -> None:
    assert divided([b"a", b"b", b"", b""], 2, begins=never) == [b"a", b"b"]
    assert divided([b"a", b""], 2, begins=never) == [b"a", b""]


def test_a_source_that_shrinks() -> None:
    found = divide(BytesSource(b"abc"), [0], [10], 1, OffsetTables(), never)
    with pytest.raises(DataSetError):
        found.read(0)


@given(st.lists(st.lists(st.binary(max_size=5), min_size=1, max_size=4), min_size=1, max_size=6), st.booleans())
def test_any_division_is_found_again(frames: list[list[bytes]], with_table: bool) -> None:
    frames = [[START + parts[0], *(part.replace(b"<", b"") for part in parts[1:])] for parts in frames]
    fragments = [part for parts in frames for part in parts]
    offsets, offset = [], 0
    for parts in frames:
        offsets.append(offset)
        offset += sum(8 + len(part) for part in parts)
    found = divided(fragments, len(frames), offsets if with_table else (), begins=never if with_table else starts)
    while not fragments[-1] and len(fragments) > len(frames):
        fragments.pop()
    assert b"".join(found) == b"".join(fragments)
    assert found == [b"".join(parts) for parts in frames]


@given(
    st.lists(st.binary(max_size=4), max_size=6), st.integers(1, 5),
    st.lists(st.integers(0, 60), max_size=6), st.lists(st.integers(0, 60), max_size=6),
)
def test_any_input_gives_so_many_frames_or_an_error(
    fragments: list[bytes], frames: int, basic: list[int], extended: list[int]
) -> None:
    try:
        found = divided(fragments, frames, basic, extended)
    except TranscodeError:
        return
    assert len(found) == frames
    assert b"".join(found) == b"".join(fragments)
