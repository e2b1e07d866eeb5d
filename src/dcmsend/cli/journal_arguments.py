"""The options of the journal; loaded only if one of them is given."""

from __future__ import annotations

from dcmsend.errors import UsageError
from dcmsend.journal import JournalOptions

from .command_line import CommandLine
from .numbers import invalid_value

__all__ = ["journal_options"]


def journal_options(line: CommandLine) -> JournalOptions:
    """The journal options of the command line.

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
