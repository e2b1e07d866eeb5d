"""Suggests an option for one that does not exist."""

from __future__ import annotations

from difflib import get_close_matches

from .option_table import OPTIONS

__all__ = ["suggestion"]

_INDENT = "\n       "
"""Indents the line to the text after ``error: ``."""


def suggestion(argument: str) -> str:
    """A line that names an option similar to ``argument``; ``""`` if there is none."""
    names = {name: row for row in OPTIONS for name in (row.long, row.short) if name}
    words = {row.long[2:]: row.long for row in OPTIONS}
    word, equals, value = argument.partition("=")
    name = word
    if equals and word in names:
        return f"{_INDENT}put the value after a space: {word} {value}"
    word = word.lstrip("-+").lower()
    glued = [name for name, row in names.items() if row.value and name == row.short and argument.startswith(name)]
    if glued and word not in words:
        option = max(glued, key=len)
        return f"{_INDENT}put the value after a space: {option} {argument[len(option) :]}"
    beginning = [row.long for row in OPTIONS if len(name) > 3 and row.long.startswith(name)]
    # Dashes and plus signs are ignored, because people remember the word.
    near = [words[each] for each in get_close_matches(word, words, n=2, cutoff=0.72)]
    found = list(dict.fromkeys(beginning[:3] or near or _like_short_names(name)))
    return f"{_INDENT}did you mean {' or '.join(found)}?" if found else ""


def _like_short_names(argument: str) -> list[str]:
    """Short names of at least three letters in which one letter is another one, e.g. those of AE titles."""
    if len(argument) < 4:
        return []
    alike = (row.short for row in OPTIONS if len(row.short) == len(argument) and row.short[0] == argument[0])
    return sorted(name for name in alike if sum(a != b for a, b in zip(name, argument, strict=True)) == 1)[:3]
