"""Offset tables of pixel data that stay compressed: true before, true after fragments of odd length were padded."""

from __future__ import annotations

import struct

import pytest

from support.converting import converted
from support.data_set_bytes import EXPLICIT_LITTLE, Element, Fragments

JPEG = "1.2.840.10008.1.2.4.50"
UIDS: list[Element] = [(0x00080016, "UI", b"1.2\0"), (0x00080018, "UI", b"1.2.3\0")]
EVEN = b"abcd"


def basic(*offsets: int) -> bytes:
    return struct.pack(f"<{len(offsets)}I", *offsets)


def extended(*offsets: int) -> bytes:
    return struct.pack(f"<{len(offsets)}Q", *offsets)


@pytest.mark.parametrize(
    ("parts", "before", "after"),
    [
        ([b"abc", b"x"], (0, 11), (0, 12)),
        ([b"abc", b"x", b"y", EVEN], (0, 11, 20, 29), (0, 12, 22, 32)),
        ([b"abc", b"x", b"y", EVEN], (0, 20), (0, 22)),  # two fragments a frame
        ([EVEN, b"abc", EVEN], (0, 12, 23), (0, 12, 24)),
        ([EVEN, b"abc"], (0, 12), (0, 12)),
        ([b"abc", b"x", b"y"], (0, 20, 11), (0, 22, 12)),  # frames in another order
        ([b"abc", b"x"], (0, 12), (0, 12)),  # somebody has counted the padding already
        ([b"abc", b"x", b"y"], (0, 11, 21), (0, 11, 21)),  # nobody knows what it means
        ([b"abc", b"x"], (0, 11, 20), (0, 11, 20)),  # where no item begins
        ([b"abc"] * 3, (), ()),
        ([EVEN, EVEN], (0, 12), (0, 12)),
    ],
)
def test_tables_that_were_true_are_true_of_what_is_sent(
    parts: list[bytes], before: tuple[int, ...], after: tuple[int, ...]
) -> None:
    def data_set(offsets: tuple[int, ...], fragments: list[bytes]) -> bytes:
        return EXPLICIT_LITTLE.encode([
            *UIDS, (0x7FE00001, "OV", extended(*offsets)),
            (0x7FE00010, "OB", Fragments([basic(*offsets), *fragments])),
        ])

    padded = [part + b"\0" * (len(part) % 2) for part in parts]
    assert converted(data_set(before, parts), JPEG, JPEG) == data_set(after, padded)


def test_one_table_may_be_true_and_the_other_not() -> None:
    data, expected = (
        EXPLICIT_LITTLE.encode([
            *UIDS, (0x7FE00001, "OV", extended(0, 1)), (0x7FE00010, "OB", Fragments([basic(0, second), *parts]))
        ])
        for second, parts in ((11, [b"abc", b"x"]), (12, [b"abc\0", b"x\0"]))
    )
    assert converted(data, JPEG, JPEG) == expected


def test_tables_of_an_icon() -> None:
    data, expected = (
        EXPLICIT_LITTLE.encode([
            *UIDS, (0x00880200, "SQ", [[(0x7FE00010, "OB", Fragments([basic(0, second), *parts]))]]),
            (0x7FE00010, "OB", Fragments([b"", EVEN])),
        ])
        for second, parts in ((11, [b"abc", b"x"]), (12, [b"abc\0", b"x\0"]))
    )
    assert converted(data, JPEG, JPEG) == expected


def test_a_table_of_many_frames() -> None:
    """It is written in pieces, as any long value."""
    count = 40_000
    data, expected = (
        EXPLICIT_LITTLE.encode([
            *UIDS, (0x7FE00001, "OV", extended(*range(0, step * count, step))),
            (0x7FE00010, "OB", Fragments([basic(*range(0, step * count, step)), *[part] * count])),
        ])
        for step, part in ((9, b"x"), (10, b"x\0"))
    )
    is_same = converted(data, JPEG, JPEG) == expected  # nobody wants to read how they differ
    assert is_same
