"""The command: ``scripts/soak_compare``."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from parity.comparison import known_deviations
from soak.compare.runner import Runner, Verdict
from support.senders import OURS, Program, reference_program

__all__ = ["main"]

DIFFERENT, SOAK_IS_BROKEN = 1, 2


def main() -> int:
    """0 if all differences are explained, 1 if not, 2 if the soak itself has failed."""
    arguments = _parser().parse_args()
    reference = reference_program()
    if reference is None:
        print("DCMTK's dcmsend 3.6.7 is not installed: nothing to compare with")
        return SOAK_IS_BROKEN
    ours = Program("dcmsend", (arguments.ours,)) if arguments.ours else OURS
    seed = random.SystemRandom().randrange(1 << 32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    counts = _Counts(seed, arguments.keep)
    numbers = [arguments.line] if arguments.line is not None else range(1, (arguments.lines or 1 << 30) + 1)
    if arguments.lines is None and arguments.seconds is None and arguments.line is None:
        numbers = range(1, 101)
    deadline = time.monotonic() + (arguments.seconds or float("inf"))
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(reference, ours, Path(folder))
        for number in numbers:
            if time.monotonic() > deadline:
                break
            counts.run(runner, number, shrink=not arguments.no_shrink)
    counts.show()
    return counts.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/soak_compare",
        description="Random command lines, with DCMTK's dcmsend and ours; tells what differs and is no deviation.",
    )
    parser.add_argument("lines", type=int, nargs="?", help="how many (default: 100, or as many as --seconds allows)")
    parser.add_argument("--seed", type=int, help="default: another one each time; it is printed")
    parser.add_argument("--seconds", type=float, help="begin no further line after so many seconds")
    parser.add_argument("--line", type=int, help="only the line of this number")
    parser.add_argument("--no-shrink", action="store_true", help="show the line as it is, not the smallest part")
    parser.add_argument("--keep", type=Path, help="copy the files of lines that differ to a folder below this one")
    parser.add_argument("--ours", help="program that is compared, default: this one")
    return parser


class _Counts:
    """The results so far."""

    def __init__(self, seed: int, keep: Path | None) -> None:
        self._seed, self._keep = seed, keep
        self._lines = self._different = self._broken = self._explained = 0
        self._ids: Counter[str] = Counter()
        self._notes: Counter[str] = Counter()

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        if self._different:
            return DIFFERENT
        return SOAK_IS_BROKEN if self._broken or not self._lines else 0

    def run(self, runner: Runner, number: int, *, shrink: bool) -> None:
        """Run one line."""
        try:
            verdict = runner.judge(self._seed, number, shrink=shrink)
        except Exception:
            self._broken += 1
            print(f"line {number}: THE SOAK ITSELF FAILED\n{traceback.format_exc()}", flush=True)
            return
        self._lines += 1
        self._ids.update(verdict.ids)
        if verdict.note:
            self._notes[verdict.note] += 1
        if verdict.differences:
            self._different += 1
            self._tell(verdict, runner)
        elif verdict.ids:
            self._explained += 1

    def _tell(self, verdict: Verdict, runner: Runner) -> None:
        number = verdict.line.number
        print(f"line {number} DIFFERS; alone: scripts/soak_compare --seed {self._seed} --line {number}")
        print(verdict.smallest)
        for name, text in verdict.differences.items():
            print("  " + f"{name}:\n{text}".replace("\n", "\n    "))
        sys.stdout.flush()
        if self._keep:
            shutil.copytree(runner.directory, self._keep / f"{self._seed}-{number}", dirs_exist_ok=True)

    def show(self) -> None:
        """Print the summary."""
        same = self._lines - self._different - self._explained
        known = self._explained
        print(f"{self._lines} lines: {same} the same, {known} with known deviations, {self._different} differ")
        titles = known_deviations()
        for name, count in sorted(self._ids.items()):
            print(f"  {name} {count:6}  {titles[name].split('|')[2].strip()[:90]}")
        for note, count in sorted(self._notes.items()):
            print(f"  {count} x {note}")
        if self._broken:
            print(f"  {self._broken} lines at which the soak itself failed")
