"""The options about the journal; loaded only when one of them is there."""

from __future__ import annotations

from dcmsend.errors import UsageError
from dcmsend.journal import JournalOptions

from .command_line import CommandLine
from .numbers import invalid_value

__all__ = ["journal_options"]


def journal_options(line: CommandLine) -> JournalOptions:
    """What the command line says about the journal.

    Raises:
        UsageError: an option without ``--journal``, an empty name.
    """
    path, directory = line.value("--journal"), line.value("--move-sent")
    if path is None:
        raise UsageError(f"{'--resume' if line.has('--resume') else '--move-sent'} only allowed with --journal")
    for option, value in (("--journal", path), ("--move-sent", directory)):
        if value == "":
            raise invalid_value(option, value)
    return JournalOptions(path, line.has("--resume"), directory or "")
