"""Shell patterns: what matches is what DCMTK's dcmsend, which calls the C library, finds."""

from __future__ import annotations

import ctypes
import os
import random
import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dcmsend.inputs.name_pattern import file_name_matcher
from support.examples import examples
from support.reading_judge import dcmtk_names

NAMES = [
    "a.dcm", "é.dcm", ".x.dcm", "[a].dcm", "a\\b", "a]b", "!a", "^a", "a-b", "B.DCM", "7", "a\nb", "~", "*", "ab[",
    "x y",
]  # fmt: skip
PATTERNS = [
    "*", "**", "?.dcm", "??.dcm", "[é].dcm", "[[]a].dcm", "[]a]*", "[!a]*", "[^a]*", "a\\\\b", "[\\]]*", "a[", "a\\",
    "\\*", "[[:alpha:]]*", "[[:upper:]]*", "[![:digit:]]", "[[:nonsense:]]*", "[a-", "[z-a]*", "[a-c]*", "[a/]*",
    "a/b", "/", "[[=a=]]*", "[[.-.]]", "a[]b", "a[]]b", "a[!]]b", "*\\", "\\a.dcm", "[a", "[a*", "a[-]b", "a[--]b",
    "A.DCM", "{a,b}.dcm", "*.dcm", "*.", ".*", "*[[:cntrl:]]*", "[[:punct:]]", "?", "[!]", "[]", "[!!]a", "[\\!]a",
    "*b*", "*a*b*", "[[:space:]]", "* *",
]  # fmt: skip


@pytest.mark.peer("dcmtk-dcmsend")
def test_as_dcmtk(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).touch()
    printable = [name for name in NAMES if "\n" not in name]
    total = 0
    for pattern in PATTERNS:
        matches = file_name_matcher(pattern)
        dcmtk = dcmtk_names("+sd", "+sp", pattern, "--", ".", cwd=tmp_path)
        assert {name for name in printable if matches(name)} == {*dcmtk} & {*printable}, pattern
        total += len(dcmtk)
    assert total > 100


def _fnmatch() -> object:
    try:
        return ctypes.CDLL(None).fnmatch
    except (OSError, AttributeError, TypeError):
        return None


ASCII = "ab.-]!^*?\\:0"
pieces = st.sampled_from([*ASCII, "[", "[", "[!", "[^", "[:alpha:]", "[:digit:]", "[=a=]", "[.a.]", "/"])


@pytest.mark.skipif(_fnmatch() is None or os.name != "posix", reason="the C library has no fnmatch")
@settings(max_examples=examples(2000))
@given(st.lists(pieces, max_size=7).map("".join), st.text(ASCII + "[", min_size=1, max_size=4))
@example("[a", "[a")
def test_as_the_c_library(pattern: str, name: str) -> None:
    """Names in ASCII, because this process may have set a locale; DCMTK has none."""
    if _is_malformed(pattern):
        return
    expected = _fnmatch()(os.fsencode(pattern), os.fsencode(name), 1) == 0  # type: ignore[operator]
    assert file_name_matcher(pattern)(name) == expected


def _is_malformed(pattern: str) -> bool:
    """A set without its end, or a range with a class in it: what the C library makes of these depends on the name."""
    rest = re.sub(r"\\.", "", pattern)
    sets = re.findall(r"\[[!^]?\]?(?:\[[:=.].*?[:=.]\]|[^\]])*\]", rest)
    return rest.count("[") != sum(found.count("[") for found in sets) or any(
        re.search(r"-\[|\]-[^\]]|-.*/|/.*-|\[[:=.](?!\w+[:=.]\])", found[1:]) for found in sets
    )


def test_many_stars_take_no_time() -> None:
    matches = file_name_matcher("*a" * 100 + "b")
    random.seed(1)
    assert not matches("a" * 250)
    assert matches("a" * 249 + "b")


@given(st.text(), st.text(min_size=1))
def test_every_pattern_is_a_pattern(pattern: str, name: str) -> None:
    assert file_name_matcher(pattern)(name) in (True, False)
