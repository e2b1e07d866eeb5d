"""Strict numbers of our own options; DCMTK's forgiving ones are compared with the program itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmsend.cli.numbers import parse_count, parse_duration, scan_unsigned
from dcmsend.errors import UsageError


@pytest.mark.parametrize(
    ("text", "number"),
    [("007", 7), ("20k", 20_000), ("3M", 3 * 10**6), ("1G", 10**9), ("64Ki", 65536), ("2Mi", 2**21), ("1Gi", 2**30)],
)
def test_count(text: str, number: int) -> None:
    assert parse_count("--x", text) == number


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("90", 90), ("90s", 90), ("15m", 900), ("7h", 25200)])
def test_duration(text: str, seconds: int) -> None:
    assert parse_duration("--x", text) == seconds


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "+1", "-1", "1.5", "1K", "1ki", "1 k", "1kB", "k", "0x10", "1e3", "٣", "9" * 30],
)
def test_anything_else_is_an_error(text: str) -> None:
    for parse in (parse_count, parse_duration):
        with pytest.raises(UsageError, match="Invalid value for option --x"):
            parse("--x", text)


@given(st.text())
def test_any_text_is_a_number_in_range_or_none(text: str) -> None:
    number = scan_unsigned(text)
    assert number is None or 0 <= number < 2**64


@given(st.integers(min_value=-(2**64) + 1, max_value=2**64 - 1), st.text())
def test_numbers_wrap_like_an_unsigned_long(number: int, rest: str) -> None:
    rest = rest.lstrip("0123456789")
    assert scan_unsigned(f" {number}x{rest}") == number % 2**64
