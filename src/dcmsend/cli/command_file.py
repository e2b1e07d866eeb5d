"""Command files: ``@name`` on the command line stands for the arguments in the text file ``name``."""

from __future__ import annotations

import os

from dcmsend.errors import UsageError

from .option_table import SECRET, find_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["expand_command_files", "split_arguments"]

_BLANKS = frozenset(b" \t\n\r")
_QUOTES = frozenset(b"\"'")


def expand_command_files(arguments: Iterable[str]) -> list[str]:
    """Replace every ``@name`` by the arguments in that file, once: an ``@`` from a file is not expanded.

    A directory counts as an empty file, and a lone ``@`` is no command file, as in DCMTK.

    Raises:
        UsageError: the file cannot be opened.
    """
    expanded: list[str] = []
    before = ""
    for argument in arguments:
        if len(argument) > 1 and argument.startswith("@"):
            expanded.extend(split_arguments(_content_of(argument[1:], before)))
        else:
            expanded.append(argument)
        before = argument
    return expanded


def _content_of(name: str, before: str) -> bytes:
    """The content of a command file; ``before`` is the argument before it, whose value it may have been meant to be."""
    try:
        with open(name, "rb") as file:
            content = file.read()
    except IsADirectoryError:
        return b""
    except (OSError, ValueError) as error:
        if _takes_secret(before):
            hint = "a value that begins with @ is the name of a command file"
            raise UsageError("Cannot open command file '***'", hint) from error
        raise UsageError(f"Cannot open command file '{name}'") from error
    if content[128:132] == b"DICM":  # the message would show its content as options
        raise UsageError(f"Command file '{name}' is a DICOM file")
    return content


def _takes_secret(argument: str) -> bool:
    row = find_option(argument)
    return row is not None and row.long in SECRET


def split_arguments(content: bytes) -> Iterator[str]:
    """The arguments in the text of a command file, as DCMTK reads it.

    Blanks separate arguments.  A quote of either kind starts a quoted part, which ends with the same quote, and with it
    the argument, even an empty one; the opening quote does not start a new argument.  There are no escapes or comments.
    """
    argument = bytearray()
    quote = 0  # the quote that is open
    for byte in content:
        if quote:
            if byte == quote:
                yield os.fsdecode(bytes(argument))
                argument.clear()
                quote = 0
            else:
                argument.append(byte)
        elif byte in _QUOTES:
            quote = byte
        elif byte in _BLANKS:
            if argument:
                yield os.fsdecode(bytes(argument))
                argument.clear()
        else:
            argument.append(byte)
    if argument:
        yield os.fsdecode(bytes(argument))
