"""Whether a command line has something that DCMTK does not have, so that defaults may differ from those of DCMTK."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from dcmsend.errors import UsageError

from .command_line import CommandLine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from dcmsend.inputs import FileList

__all__ = ["check_archives", "check_move_sent", "is_new"]

_NEW_WAYS: Final = (
    "--retry", "--send-while-scanning", "--journal", "--move-sent", "--shard", "--verify", "--commit", "--stow",
    "--cluster",
)  # fmt: skip
"""Options that imply ``--no-halt`` and ``--require-stored``."""


def is_new(line: CommandLine) -> bool:
    """Whether the command line is no old one: one of our ways was chosen, or an input lies in a store."""
    return any(line.has(option) for option in _NEW_WAYS) or _names_stores(line)


def _names_stores(line: CommandLine) -> bool:
    """Whether an input is the address of an object in a store."""
    inputs = line.parameters if line.has("--stow") else line.parameters[2:]
    if not any("://" in name for name in inputs):
        return False
    from dcmsend.inputs import is_url  # only for names that look like one

    return any(is_url(name) for name in inputs)


def check_archives(line: CommandLine, file_lists: Iterable[FileList]) -> None:
    """Raise UsageError if an archive is named, also in a list, for whose format a package is missing."""
    if not line.has("--archives"):
        return
    from dcmsend.inputs import missing_package, names_at_hand  # only where archives are sent

    missing = missing_package(chain(line.parameters, chain.from_iterable(map(names_at_hand, file_lists))))
    if missing is not None:
        name, package = missing
        text = f"to send what is in {name}, the Python package {package} is needed"
        raise UsageError(f"{text}: pip install {package}", None)


def check_move_sent(line: CommandLine) -> None:
    """Raise UsageError where ``--move-sent`` would have to move something that is no file."""
    if line.has("--move-sent") and line.has("--archives"):
        raise UsageError("--move-sent not allowed with --archives")
    if line.has("--move-sent") and _names_stores(line):
        raise UsageError("--move-sent not allowed with objects of stores")
