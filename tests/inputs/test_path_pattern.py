"""Patterns for paths: what each sign stands for, and what a directory can be left unread for."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmsend.inputs.path_pattern import PathPattern


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*.dcm", "a.dcm .dcm", "x/a.dcm a.dcmx A.DCM"),
        ("**/*.dcm", "a.dcm x/a.dcm x/y/a.dcm", "a.txt a.dcm/b"),
        ("/*.dcm", "a.dcm", "x/a.dcm"),
        ("./a/*", "a/b", "b"),
        ("a/**", "a/b a/b/c", "a ab/c x/a/b"),
        ("a/", "a/b a/b/c", "a ab"),
        ("**/tmp/", "tmp/a x/tmp/a/b", "tmp xtmp/a"),
        ("a/**/b", "a/b a/x/b a/x/y/b", "ab a/xb"),
        ("a**b", "ab a/x/b", "ba"),
        ("a**/b", "a/b ax/b a/x/b", "ab"),
        ("**", "a a/b", ""),
        ("*/*", "a/b", "a a/b/c"),
        ("x?z", "xyz xäz", "xz x/z"),
        ("[!a]*", "b bc", "a b/c"),
        ("[]x]", "] x", "a"),
        ("[a-c]", "a b", "d"),
        (r"\*\?", "*?", "ab"),
        ("a.b", "a.b", "aXb"),
        ("**/x*a**b", "xaba/b xabb q/xaab", "xb q/x/ab"),
    ],
)
def test_what_matches(pattern: str, yes: str, no: str) -> None:
    matches = PathPattern(pattern).matches
    assert [path for path in yes.split() if not matches(path)] == []
    assert [path for path in no.split() if matches(path)] == []


@pytest.mark.parametrize("pattern", ["", "/", "./", "a[b", "a\\", "a[", "[z-a]", "[/]"])
def test_patterns_that_cannot_be_read(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        PathPattern(pattern)


def naive(pattern: str) -> re.Pattern[str]:
    """The same with an expression that may try each place again and again."""
    text = re.sub(r"\*\*+", "**", pattern)
    parts = re.split(r"(?:(?<=/)|^)(\*\*/)|(\*\*)|(\*)|(\?)", text)
    signs = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(signs.get(part, re.escape(part)) for part in parts if part), re.DOTALL)


@given(st.text("ab/*?", min_size=1, max_size=9), st.text("ab/", max_size=9))
def test_shortcuts_change_nothing(pattern: str, path: str) -> None:
    pattern = pattern.lstrip("/").rstrip("/")
    if pattern:
        assert PathPattern(pattern).matches(path) == (naive(pattern).fullmatch(path) is not None)


@given(
    st.sampled_from(["a/**", "a/", "**/a/", "**/a/b/**", "*/**", "a/*/**", "**", "b/**/a", "a?/", "a/**/*", "a/b"]),
    st.text("ab/", min_size=1, max_size=5),
    st.text("ab/", min_size=1, max_size=5),
)
def test_directories(text: str, directory: str, rest: str) -> None:
    """What is said of all paths below a directory is true for each of them."""
    pattern = PathPattern(text)
    path = f"{directory}/{rest}"
    if pattern.takes_all_below(directory):
        assert pattern.matches(path)
    if pattern.matches(path):
        assert pattern.may_match_below(directory)


def test_a_name_cannot_make_a_pattern_slow() -> None:
    """Without the shortcuts each of these would take hours: the number of places grows with each star."""
    began = time.process_time()
    assert not PathPattern("*a*a*a*a*a*a*a*a*a*b").matches("a" * 255)
    assert not PathPattern("**/a/**/a/**/a/**/a/**/a/**/b").matches("a/" * 2000)
    assert not PathPattern("**a**a**a**a**a**a**b").matches("a" * 4000)
    assert not PathPattern("*?*?*?*?*?*?*?*?b").matches("a" * 255)
    assert time.process_time() - began < 60
