#!/usr/bin/env python3
"""How much faster the compiled wheel is than the pure one, in turns.

    scripts/build-wheels dist
    python -m venv pure && pure/bin/pip install dist/dcmsend-*-none-any.whl
    python -m venv compiled && compiled/bin/pip install dist/dcmsend-*-linux_*.whl
    python benchmarks/compiled.py pure/bin/dcmsend compiled/bin/dcmsend --rounds 15

Each run is a whole process that sends the same files to the null sink, which has a processor of its own; the two
commands take turns, in an order by chance.  The quotients are compiled : pure; that of the shortest times is the one to
trust on a machine with other things to do.  To see what one module gains, give two wheels whose lists of modules in
``pyproject.toml`` differ by it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness.case import Case, Entry
from harness.measuring import EntryResult, run_case
from harness.programs import Programs
from harness.senders import SENDERS, Command, Sender
from harness.trees import TreeSpec

PURE, COMPILED = "pure", "compiled"
CASES: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "version": ("", 0, ("--version",)),
    "one file": ("small", 1, ()),
    "small": ("small", 3000, ()),
    "ct": ("ct", 2000, ()),
    "functional-mr": ("functional-mr", 100, ()),
    "functional-mr encoded anew": ("functional-mr", 20, ("--normalize",)),
    "sr": ("sr", 2000, ()),
}
"""Kind and number of the files, and options."""


def case_of(name: str, scale: float, rounds: int) -> Case:
    """The two commands with the files of a case."""
    kind, count, options = CASES[name]
    tree = TreeSpec(kind, max(1, round(count * scale))) if kind else None
    entries = tuple(Entry(label, label, tree, options, delivers=tree is not None) for label in (PURE, COMPILED))
    return Case(name, name, entries, (), rounds, warm_up=True)


def sender(command: Path) -> Sender:
    """How an installed command is called."""

    def make(_programs: Programs, options: Sequence[str], port: int, inputs: Sequence[str]) -> Command:
        scan = ("+sd", "+r") if inputs and not inputs[0].endswith(".dcm") else ()
        where = ("127.0.0.1", str(port), *inputs) if inputs else ()
        return Command([str(command), *scan, *options, *where])

    return Sender(str(command), make)


def lines(name: str, results: Sequence[EntryResult]) -> list[str]:
    """What a case has given: the shortest and the median time of each command, in ms, and their quotients."""
    shown = []
    for what in ("user", "cpu", "wall"):
        times = [
            [run.user if what == "user" else run.user + run.system if what == "cpu" else run.wall for run in one.runs]
            for one in results
        ]
        (least, middle), (least_compiled, middle_compiled) = ((min(one), statistics.median(one)) for one in times)
        shown.append(
            f"{name}: {what} pure {least * 1e3:.0f} (median {middle * 1e3:.0f}) ms, "
            f"compiled {least_compiled * 1e3:.0f} ({middle_compiled * 1e3:.0f}) ms, "
            f"quotient {least_compiled / max(least, 1e-3):.3f} ({middle_compiled / max(middle, 1e-3):.3f})"
        )
    return shown


def main() -> int:
    """Exit code: 1 if a run did not deliver what it was to deliver, whatever time it took."""
    parser = argparse.ArgumentParser(description="Measures a compiled dcmsend beside a pure one.")
    parser.add_argument("pure", type=Path, help="the dcmsend command of an environment with the pure wheel")
    parser.add_argument("compiled", type=Path, help="that of one with the compiled wheel")
    parser.add_argument("--case", action="append", choices=list(CASES), help="only this case; may be repeated")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--scale", type=float, default=1.0, help="multiply the numbers of files")
    arguments = parser.parse_args()
    SENDERS[PURE], SENDERS[COMPILED] = sender(arguments.pure.absolute()), sender(arguments.compiled.absolute())
    has_failed = False
    with tempfile.TemporaryDirectory() as folder:
        programs = Programs(arguments.pure.absolute(), Path(folder))
        for name in arguments.case or CASES:
            results = run_case(case_of(name, arguments.scale, arguments.rounds), programs, Path(folder), lambda _: None)
            problems = [result.problem or result.skipped for result in results if result.problem or result.skipped]
            has_failed |= bool(problems)
            print("\n".join(problems or lines(name, results)), flush=True)
    return 1 if has_failed else 0


if __name__ == "__main__":
    sys.exit(main())
