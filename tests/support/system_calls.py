"""Traces which files a command opens, examines and renames, by its system calls."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from support.run import Run, run

__all__ = ["file_calls"]

_BEGUN = re.compile(r"^\d+ +(\w+)\((.*)$")
_NAME = re.compile(r'"((?:[^"\\]|\\.)*)"')


def file_calls(
    folder: Path, names: set[str], program: str, *arguments: str | Path | int
) -> tuple[Run, dict[str, list[str]]]:
    """Run a program; return the calls, in order, for each file with one of these base names.

    ``open``, ``rename``, ``stat``, ``access`` or another call that takes a name; of several threads in the order in
    which the calls began.
    """
    trace = folder / "trace"
    done = run("strace", "-f", "-s", "4096", "-e", "trace=%file", "-o", trace, program, *arguments)
    found: dict[str, list[str]] = defaultdict(list)
    for line in trace.read_text(errors="replace").splitlines():
        begun = _BEGUN.match(line)
        if begun is None:
            continue
        call, rest = begun.groups()
        kind = next((kind for kind in ("open", "rename", "stat", "access") if kind in call), call)
        for name in {name.rsplit("/", 1)[-1] for name in _NAME.findall(rest)} & names:
            found[name].append(kind)
    return done, dict(found)
