"""Runs DCMTK's dcmsend and ours with the same arguments, and keeps of each what has to be equal."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from support.programs import dcmtk_program, installed_dcmsend
from support.warm_start import run_program

__all__ = ["Ending", "ending_of_dcmtk", "ending_of_ours", "masked", "raw_run"]

_IDENTIFICATION = re.compile(rb"^\$dcm(?:tk|send): .*\$$", re.MULTILINE)
_ANSWERS = (b"usage: dcmsend [options] peer port dcmfile-in...", b"Host type: ", b"Transfer syntaxes supported")


class Ending(NamedTuple):
    """What a script sees of a run.

    Attributes:
        exit_code: the exit code.
        usage_error: everything written on standard error if it is a command line error, else empty; program names
            and versions are masked.
        answer: first words on standard output.
    """

    exit_code: int
    usage_error: bytes
    answer: bytes


def ending_of_dcmtk(arguments: Sequence[str | bytes], folder: Path) -> Ending:
    """Runs DCMTK's program in a folder."""
    program = dcmtk_program("dcmsend")
    assert program is not None
    return _ending(program, arguments, folder)


def ending_of_ours(arguments: Sequence[str | bytes], folder: Path) -> Ending:
    """Runs the installed command in a folder."""
    return _ending(installed_dcmsend(), arguments, folder)


def raw_run(
    program: str, arguments: Sequence[str | bytes], folder: Path, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Runs a program in a folder; output is kept as bytes, with the program's own name masked."""
    done = run_program([program, *arguments], cwd=folder, timeout=60, env={**os.environ, **environment})
    name = os.fsencode(program)
    done.stdout, done.stderr = done.stdout.replace(name, b"PROGRAM"), done.stderr.replace(name, b"PROGRAM")
    return done


def _ending(program: str, arguments: Sequence[str | bytes], folder: Path) -> Ending:
    done = raw_run(program, arguments, folder)
    is_usage_error = b"\nerror: " in done.stderr
    answer = next((word for word in _ANSWERS if word in done.stdout), b"")
    return Ending(done.returncode, masked(done.stderr) if is_usage_error else b"", answer)


def masked(text: bytes) -> bytes:
    """The text without what says which program wrote it, and without our suggestions, which are indented (D24)."""
    return re.sub(rb"(?m)^ {7}.*\n", b"", _IDENTIFICATION.sub(b"$IDENTIFICATION$", text))
