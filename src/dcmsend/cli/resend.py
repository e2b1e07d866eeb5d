"""The command lines with which what has not arrived is sent, without secrets; loaded only for the page for people."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from dcmsend.report import Resend

from .command_line import CommandLine
from .option_table import FILE_LISTS, METRICS, PARAMETERS, REPORTS, find_option

__all__ = ["resend_of"]

_CHOOSES_INPUTS: Final = frozenset((
    *FILE_LISTS, "--scan-directories", "--scan-pattern", "--recurse", "--no-recurse", "--read-from-dicomdir",
    "--include", "--exclude", "--shard", "--archives", "--min-age",
))  # fmt: skip
"""Options that say which files are sent; those that have not arrived are named instead."""


def resend_of(line: CommandLine) -> Resend:
    """How to send the rest of what this command line sends."""
    written = list(_parts(line.arguments))
    kept = [part for part in written if part.option != _TEXT_REPORT]
    parts = _with_own_names(kept)
    journal = line.has("--journal")
    again = [word for part in parts for word in part.words]
    if journal and not line.has("--resume"):
        again.insert(0, "--resume")
    peers = 0 if line.has("--stow") else len(PARAMETERS) - 1
    receiver = [part for part in parts if not part.option][:peers]
    options = [part for part in parts if part.option and part.option not in _CHOOSES_INPUTS]
    reads_input = any(_is_gone(values[0]) for name in FILE_LISTS for values in line.values(name))
    try:
        folder = os.getcwd()
    except OSError:  # it is gone
        folder = ""
    return Resend(
        again=() if reads_input else tuple(again),
        by_name=tuple(word for part in (*options, *receiver) for word in part.words),
        only_the_rest=journal,
        folder=folder,
        has_own_names=parts != kept,
        leaves_text_out=kept != written,
    )


def _is_gone(name: str) -> bool:
    """Whether a list cannot be read again: standard input, a pipe, what the shell has opened (``<(find ...)``)."""
    return name == "-" or name.startswith(("/dev/fd/", "/dev/std", "/proc/")) or not os.path.isfile(name)


_TEXT_REPORT: Final = "--create-report-file"
"""DCMTK's report, whose name is taken as it stands."""

_WITH_FIELDS: Final = (*REPORTS, METRICS)
_NEW_EACH_TIME: Final = ("{time}", "{run}")


class _Part(NamedTuple):
    """An option with its values, or a parameter, of which ``option`` is ``""``."""

    option: str
    words: tuple[str, ...]


def _parts(arguments: Sequence[str]) -> Iterator[_Part]:
    """Divide arguments after expansion, whose options have their long names."""
    rest = iter(arguments)
    for argument in rest:
        row = find_option(argument)
        if row is None:  # a name that begins with @ would stand for a command file
            yield _Part("", (f"./{argument}" if argument.startswith("@") else argument,))
        else:
            yield _Part(row.long, (argument, *islice(rest, row.value_count)))


def _with_own_names(parts: list[_Part]) -> list[_Part]:
    """The parts with names of reports that are new each time, so that none is replaced.

    Metrics are there to be replaced.  Their file, devices and pipes keep their names.
    """
    own = [_with_new_name(part) if part.option in REPORTS else part for part in parts]
    if own == parts or any("{" in part.words[1] for part in parts if part.option in _WITH_FIELDS):
        return own
    # Two braces in a name are one as soon as any name has a field, and now one has.
    braced = [
        part._replace(words=(part.words[0], part.words[1].replace("}", "}}"))) if part.option in _WITH_FIELDS else part
        for part in parts
    ]
    return [_with_new_name(part) if part.option in REPORTS else part for part in braced]


def _with_new_name(report: _Part) -> _Part:
    option, name = report.words
    is_device = name == "-" or (os.path.exists(name) and not os.path.isfile(name))
    if is_device or any(field in name for field in _NEW_EACH_TIME):
        return report
    stem, suffix = os.path.splitext(name)
    return report._replace(words=(option, f"{stem}{'' if '{date}' in name else '-{date}'}-{{time}}{suffix}"))
