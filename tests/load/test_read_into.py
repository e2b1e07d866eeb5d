"""The bytes of an input that are read into memory of the caller's are those that it has, and no others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dcmsend.errors import Cancelled
from dcmsend.inputs import OpenFile
from dcmsend.load.loaded_instance import _FileContent

BEFORE, HEAD, SIZE, AFTER = 37, 64, 500, 90
OFFSET = 20
"""Of the data set within the input, which lies behind ``BEFORE`` bytes of the file and before ``AFTER`` more."""
WHOLE = bytes(number * 7 % 251 for number in range(BEFORE + SIZE + AFTER))
DATA_SET = WHOLE[BEFORE + OFFSET : BEFORE + SIZE]

Maker = Callable[[Callable[[], None] | None], _FileContent]


@pytest.fixture
def content(tmp_path: Path) -> Iterator[Maker]:
    path = tmp_path / "archive"
    path.write_bytes(WHOLE)
    opened: list[_FileContent] = []

    def make(check: Callable[[], None] | None = None) -> _FileContent:
        head = WHOLE[BEFORE : BEFORE + HEAD]
        made = _FileContent(OpenFile.of_member(os.open(path, os.O_RDONLY), SIZE, head, (SIZE, 1), BEFORE), check)
        made.offset = OFFSET
        opened.append(made)
        return made

    yield make
    for each in opened:
        each.close()


@pytest.mark.parametrize("position", [0, 1, HEAD - OFFSET - 8, HEAD - OFFSET - 4, HEAD - OFFSET, 200, 470, 480, 700])
@pytest.mark.parametrize("size", [1, 4, 8, 100, 480, 600])
def test_a_member_that_others_lie_before_and_behind(content: Maker, position: int, size: int) -> None:
    """Out of the bytes that were read at once, across their end, behind it, and across the end of the member."""
    expected = DATA_SET[position : position + size]
    target = bytearray(b"\xff" * (size + 8))
    made = content(None)
    assert made.read_into(position, memoryview(target)[:size]) == len(expected)
    assert target == expected + b"\xff" * (size + 8 - len(expected))
    assert made.read_at(position, size) == expected


def test_a_read_is_where_a_run_ends_that_is_asked_to(content: Maker) -> None:
    def check() -> None:
        raise Cancelled

    made, target = content(check), bytearray(100)
    assert made.read_into(0, memoryview(target)[:4]) == 4, "no read is needed"
    with pytest.raises(Cancelled):
        made.read_into(0, memoryview(target))
    made.let_finish()
    assert made.read_into(0, memoryview(target)) == 100
