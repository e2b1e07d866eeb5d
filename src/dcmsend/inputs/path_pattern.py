"""Patterns for paths: ``*`` stays within a part of the path, ``**`` crosses directories."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["PathPattern"]

_TOKEN: Final = re.compile(r"\*\*+/|\*\*+|\*|\?|\[[!^]?\]?[^]/]*\]|\\.|.", re.DOTALL)
_SPECIAL: Final = re.compile(r"[*?\[\\]")


class PathPattern:
    """A pattern for a path relative to a root, with ``/`` between its parts.

    ``*`` is any run of characters but ``/``, ``?`` one of them, ``[...]`` and ``[!...]`` one of a set; ``**`` is any
    run of characters, and ``**/`` any number of directories, also none.  A slash at the end stands for all that is
    below.  A backslash quotes what follows it.  Slashes at the beginning are ignored; case matters.

    Attributes:
        text: the pattern as written.

    Raises ValueError for an empty pattern, a bracket that is not closed, a backslash at the end, a set that is empty.
    """

    def __init__(self, text: str) -> None:
        self.text: Final = text
        pattern = text.removeprefix("./").lstrip("/")
        if not pattern:
            raise ValueError("the pattern is empty")
        if pattern.endswith("/"):
            pattern += "**"
        self._takes_all_below = pattern.endswith("**") and not pattern.endswith("\\**")
        special = _SPECIAL.search(pattern)
        self._beginning = pattern if special is None else pattern[: special.start()]
        self._expression = re.compile(_translate(pattern), re.DOTALL)

    def __repr__(self) -> str:
        return f"PathPattern({self.text!r})"

    def matches(self, path: str) -> bool:
        """Whether the whole path matches."""
        return self._expression.fullmatch(path) is not None

    def takes_all_below(self, directory: str) -> bool:
        """Whether every path below a directory matches; false where that cannot be told."""
        return self._takes_all_below and self.matches(f"{directory}/")

    def may_match_below(self, directory: str) -> bool:
        """Whether a path below a directory may match; true where that cannot be told."""
        prefix = f"{directory}/"
        return self._beginning.startswith(prefix) or prefix.startswith(self._beginning)


def _translate(pattern: str) -> str:
    """A regular expression that tries no place twice, so that no name costs more than a few passes over it."""
    blocks, block, ways = [], [""], [""]  # the parts between `**`; in each the parts between `*`; what precedes each
    before = "/"
    for token in _TOKEN.findall(pattern):
        if token.startswith("**"):
            blocks.append(block)
            block = [""]
            # Only at the beginning of a part may the slash after `**` be missing.
            ways.append("dirs" if token.endswith("/") and before == "/" else "any")
            if token.endswith("/") and before != "/":
                block[-1] += "/"
        elif token == "*":
            block.append("")
        else:
            block[-1] += _one(token)
        before = token[-1]
    blocks.append(block)
    pieces = [_within(blocks[0], is_last=len(blocks) == 1)]
    for number, (block, way) in enumerate(zip(blocks[1:], ways[1:], strict=True), start=2):
        inner = _within(block, is_last=number == len(blocks))
        if number == len(blocks):
            pieces.append((".*" if way == "any" else "(?:.*/)?") + inner)
        else:  # the first place where a part fits is as good for the next `**` as any later one
            pieces.append(f"(?>{'.*?' if way == 'any' else '(?:.*?/)??'}{inner})")
    return "".join(pieces)


def _within(runs: list[str], *, is_last: bool) -> str:
    """The parts between single stars, of which the first place that fits is taken as long as a star follows.

    A star cannot cross a slash: only within one part of the path is the first place as good as any later one.  A slash
    itself is always written as such in a run, and never one that must not match.
    """
    expression = runs[0]
    for number, run in enumerate(runs[1:], start=2):
        if number < len(runs) and "/" not in run:
            expression += f"(?>[^/]*?{run})"
        else:
            expression += f"[^/]*{'' if is_last else '?'}{run}"
    return expression


def _one(token: str) -> str:
    """The expression for a token that stands for one character."""
    if token == "?":
        return r"[^\x2f]"
    if token[0] == "\\":
        if len(token) == 1:
            raise ValueError("a backslash at the end quotes nothing")
        return re.escape(token[1])
    if token == "[":
        raise ValueError("a bracket is not closed")
    if token[0] != "[":
        return re.escape(token)
    negated = token[1] in "!^"
    members = token[2 if negated else 1 : -1]
    if not members:
        raise ValueError("a set in brackets is empty")
    first = re.sub(r"([\\\[\]&~|^])", r"\\\1", members)
    try:
        re.compile(f"[{first}]")
    except re.error as error:
        raise ValueError(f"a set in brackets cannot be read: [{members}]") from error
    return rf"(?!\x2f)[{'^' if negated else ''}{first}]"
