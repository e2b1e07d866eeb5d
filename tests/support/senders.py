"""The two programs that are compared, DCMTK's ``dcmsend`` and ours, and one run of either."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.programs import dcmtk_program, installed_dcmsend
from support.scripted_peer import ScriptedPeer
from support.warm_start import run_program as start_program

REFERENCE_RELEASE = "$dcmtk: dcmsend v3.6.7 "
LONGEST_RUN = 110.0
# What would make a run depend on the machine or on the user.
_FOREIGN = ("DCMDICTPATH", "TCP_BUFFER_LENGTH", "DCMSEND_CONFIG")


@dataclass(frozen=True)
class Program:
    """One of the two programs.

    Attributes:
        command: its argument list without arguments.
        executable: the program to start, if it is not the first word of ``command``.
    """

    name: str
    command: tuple[str, ...]
    executable: str | None = None

    @property
    def is_ours(self) -> bool:
        return self.name == "dcmsend"


OURS = Program("dcmsend", (installed_dcmsend(),))


def hastened(program: Program, factor: int) -> Program:
    """The program with a clock that goes ``factor`` times as fast: its waits are as many times shorter."""
    faketime = dcmtk_program("faketime")
    assert faketime is not None
    words = ("faketime", "-m", "-f", f"+0 x{factor}", program.executable or program.command[0])
    return Program(program.name, (*words, *program.command[1:]), faketime)


@functools.cache
def reference_program() -> Program | None:
    """DCMTK's dcmsend of the release whose behaviour is the rule; None where it is not installed."""
    for name in ("dcmsend.dcmtk", "dcmsend"):
        path = dcmtk_program(name)
        if path is None:
            continue
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
        if said.startswith(REFERENCE_RELEASE):
            return Program("dcmtk", ("dcmsend",), path)
    return None


@dataclass(frozen=True, repr=False)
class Run:
    """The result of one run of a program.

    Attributes:
        report: content of the report file, None if it was not written.
        leftovers: names of other files in the run's own directory.
        peer: the scripted peer it sent to, already stopped.
    """

    program: Program
    exit_code: int
    stdout: str
    stderr: str
    seconds: float
    report: str | None
    leftovers: tuple[str, ...]
    peer: ScriptedPeer

    def lines(self, levels: str) -> list[str]:
        """The log lines of these levels (letters of ``FEWIDT``), port and report file masked."""
        return [line for line in self.stderr.splitlines() if line[:2] in {f"{level}:" for level in levels}]

    def __repr__(self) -> str:
        return f"--- {self.program.name}: exit {self.exit_code} after {self.seconds:.1f} s\n{self.stdout}{self.stderr}"


def run_program(
    program: Program,
    arguments: Sequence[str],
    peer: ScriptedPeer,
    *,
    working_directory: Path,
    own_directory: Path,
    environment: Mapping[str, str] | None = None,
    longest: float = LONGEST_RUN,
) -> Run:
    """Run one program to its end, for at most ``longest`` seconds. ``{port}`` and ``{own}`` are filled in.

    The peer is entered here and stopped before the run is returned, so its record is complete.
    """
    shutil.rmtree(own_directory, ignore_errors=True)
    own_directory.mkdir(parents=True)
    words = [word.replace("{port}", str(peer.port)).replace("{own}", str(own_directory)) for word in arguments]
    settings = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    # DCMTK leaves Nagle on; with it every store takes 40 ms longer, which would distort the comparison.
    settings |= {"LC_ALL": "C", "TCP_NODELAY": "1", **(environment or {})}
    begin = time.monotonic()
    with peer:
        argv = [*program.command, *words]
        if program.executable is None:
            ended = start_program(argv, cwd=working_directory, env=settings, timeout=longest)
        else:
            ended = subprocess.run(
                argv, executable=program.executable, cwd=working_directory, env=settings, stdin=subprocess.DEVNULL,
                capture_output=True, timeout=longest, check=False,
            )  # fmt: skip
    seconds = time.monotonic() - begin

    def masked(data: bytes) -> str:
        text = data.decode("utf-8", "surrogateescape")
        text = text.replace(str(own_directory), "OWN")
        return text.replace(f":{peer.port}", ":PORT").replace(f"'{peer.port}'", "'PORT'")

    report = own_directory / "report.txt"
    return Run(
        program,
        ended.returncode,
        masked(ended.stdout),
        masked(ended.stderr),
        seconds,
        masked(report.read_bytes()) if report.is_file() else None,
        tuple(sorted(path.name for path in own_directory.iterdir() if path != report)),
        peer,
    )
