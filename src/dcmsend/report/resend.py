"""The command that sends what has not arrived, as a line that a shell takes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from dcmsend.dicom.record import Record

from .path_bytes import path_bytes

__all__ = ["Resend", "quoted", "resend_line"]

_MOST_FILES: Final = 30
_MOST_CHARACTERS: Final = 6_000
_HIDDEN: Final = "***"


class Resend(Record):
    """How the command line sends the rest; secrets are asterisks.

    Attributes:
        again: the arguments with which the command is run again as a whole; empty if that is not possible.
        by_name: the arguments to which names of files are added; they look for no others.
        only_the_rest: whether ``again`` leaves out what is stored, because a journal knows it.
        folder: the directory in which the names are meant, ``""`` if the system does not tell it.
        has_own_names: whether reports have other names than those of this run.
        leaves_text_out: whether DCMTK's report, whose name has no fields, is not written.
    """

    again: tuple[str, ...] = ()
    by_name: tuple[str, ...] = ()
    only_the_rest: bool = False
    folder: str = ""
    has_own_names: bool = False
    leaves_text_out: bool = False


class ResendLine(Record):
    """What the page shows.

    Attributes:
        text: one or two lines for a shell.
        sends_all: whether what is stored is sent again, too.
        has_hidden: whether asterisks stand for a secret that has to be put in.
    """

    text: str
    sends_all: bool
    has_hidden: bool


def resend_line(resend: Resend, files: Sequence[str] | None) -> ResendLine | None:
    """The line for ``files`` that have not arrived; None: too many, some without a name, or not all found."""
    arguments, sends_all = resend.again, not resend.only_the_rest
    if not resend.only_the_rest and files and len(files) <= _MOST_FILES:
        named = (*resend.by_name, *(f"./{name}" if name[0] in "+-@" else name for name in files))
        if sum(map(len, named)) <= _MOST_CHARACTERS:
            arguments, sends_all = named, False
    if not arguments:
        return None
    line = " ".join(quoted(word) for word in ("dcmsend", *arguments))
    text = f"cd {quoted(resend.folder)}\n{line}" if resend.folder else line
    return ResendLine(text=text, sends_all=sends_all, has_hidden=any(_HIDDEN in word for word in arguments))


def quoted(word: str) -> str:
    """A word as a shell takes it; what cannot be shown, or not as what it is, is in escapes of bash and zsh."""
    if os.name == "nt":
        import subprocess

        return subprocess.list2cmdline([word]).encode("utf-8", "replace").decode()  # half a surrogate pair is no text
    if word.isprintable():
        import shlex

        return shlex.quote(word)
    return "$'" + "".join(_escaped(byte) for byte in path_bytes(word)) + "'"


def _escaped(byte: int) -> str:
    character = chr(byte)
    return character if character.isascii() and character.isprintable() and character not in "'\\" else f"\\{byte:03o}"
