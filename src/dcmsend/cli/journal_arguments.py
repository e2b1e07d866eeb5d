"""The options about the journal; loaded only when one of them is there."""

from __future__ import annotations

from typing import Final

from dcmsend.errors import UsageError
from dcmsend.journal import JournalOptions

from .command_line import CommandLine
from .numbers import invalid_value

__all__ = ["journal_options"]

_REPORTS: Final = ("--create-report-file", "--report-json", "--report-jsonl", "--report-csv", "--report-html")


def journal_options(line: CommandLine) -> JournalOptions:
    """What the command line says about the journal.

    Raises:
        UsageError: an option without ``--journal``, an empty name, a name that another option uses.
    """
    path, directory = line.value("--journal"), line.value("--move-sent")
    if path is None:
        raise UsageError(f"{'--resume' if line.has('--resume') else '--move-sent'} only allowed with --journal")
    for option, value in (("--journal", path), ("--move-sent", directory)):
        if value == "":
            raise invalid_value(option, value)
    for option in _REPORTS:
        if line.value(option) == path:
            raise UsageError(f"--journal not allowed with {option} for the same file")
    return JournalOptions(path, line.has("--resume"), directory or "")
