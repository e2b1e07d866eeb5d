"""Runs a command to its end and records its exit code, its output and, for ``run_measured``, its memory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .warm_start import run_program

__all__ = ["Run", "read_summary", "run", "run_measured"]


@dataclass(frozen=True)
class Run:
    """A finished command.

    Attributes:
        exit_code: its exit code; minus the signal number when a signal ended it.
        stdout, stderr: its output.
    """

    exit_code: int
    stdout: str
    stderr: str

    def lines(self, level: str) -> list[str]:
        """The messages of one level (F, E, W, I, D), without the prefix."""
        return [line[3:] for line in self.stderr.splitlines() if line.startswith(f"{level}: ")]


def run(
    program: str,
    *arguments: str | Path | int,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout: float = 100.0,
) -> Run:
    """Runs a program; one that does not end within ``timeout`` seconds is killed and fails the test.

    The installed command begins in a process that has it imported already (``warm_start``), where that is the same.
    """
    argv = [program, *(str(argument) for argument in arguments)]
    whole = {**os.environ, **(environment or {})}
    try:
        done = run_program(argv, cwd=cwd, env=whole, stdin=stdin, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"still running after {timeout:g} s: {argv}\n{(error.stderr or b'')[-4000:]!r}") from error
    return Run(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


# A process inherits the peak of the one it was forked from, so a small one must stand between pytest and the program.
_MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
with open(sys.argv[1], "w") as file:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=file)
sys.exit(code)
"""


def run_measured(folder: Path, program: str, *arguments: str | Path | int, timeout: float = 100.0) -> tuple[Run, int]:
    """Like ``run``, with the largest resident set of the program in bytes."""
    peak = folder / "peak"
    done = run(sys.executable, "-I", "-S", "-c", _MEASURE, peak, program, *arguments, timeout=timeout)
    return done, int(peak.read_text()) * 1024


def read_summary(text: str) -> dict[str, int]:
    """The counts of a status summary (of a report file or of INFO lines) by the words in front of them."""
    summary = text[text.rindex("Status Summary") :].replace("\nI: ", "\n")
    counts = re.findall(r"^ *(?:[-*] )?(\w.*?) *: (\d+)$", summary, flags=re.MULTILINE)
    return {name: int(count) for name, count in counts}
