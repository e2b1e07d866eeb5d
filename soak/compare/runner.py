"""Runs a line with both programs, and finds the differences that are left unexplained."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from parity.comparison import Pair
from soak.compare.deviations import explanations
from soak.compare.differences import differences_of
from soak.compare.lines import Line, make_line
from support.scripted_peer import ScriptedPeer
from support.senders import Program, Run, run_program

__all__ = ["Runner", "Verdict"]

PATIENCE = 25.0
HUNG = -999


@dataclass
class Verdict:
    """The result of one line.

    Attributes:
        differences: text by aspect, of the line or of the line reduced by an explanation; empty if all is explained.
        ids: deviations that have explained a difference.
        note: why the reference itself has failed.
        smallest: the line that shows the differences.
    """

    line: Line
    differences: dict[str, str] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    note: str = ""
    smallest: Line | None = None


class Runner:
    """Runs both programs in one directory.

    Attributes:
        directory: the directory with the files of the current line.
    """

    def __init__(self, reference: Program, ours: Program, folder: Path) -> None:
        self._programs = (reference, ours)
        self.directory = folder / "files"
        self._own = folder / "own"

    def judge(self, seed: int, number: int, *, shrink: bool) -> Verdict:
        """The verdict on one line; a difference is confirmed by a second run, and on a smaller line if wanted."""
        line = make_line(seed, number, self.directory)
        verdict = self._judge(line)
        if not verdict.differences:
            return verdict
        line = make_line(seed, number, self.directory)
        again = self._judge(line)
        if not again.differences:
            again.note = "not the same twice: " + ", ".join(verdict.differences)
            return again
        return self._shrink(again) if shrink else again

    def pair(self, line: Line) -> Pair:
        """Run both programs."""
        with ThreadPoolExecutor(2) as pool:
            theirs, ours = pool.map(lambda program: self._run(program, line), self._programs)
        return Pair(theirs, ours)

    def _run(self, program: Program, line: Line) -> Run:
        peer = ScriptedPeer(*line.peer.scripts)
        own = self._own / program.name
        try:
            return run_program(
                program, line.words, peer, working_directory=self.directory, own_directory=own, longest=PATIENCE
            )
        except subprocess.TimeoutExpired:
            return Run(program, HUNG, "", "", PATIENCE, None, (), peer)

    def _judge(self, line: Line) -> Verdict:
        pair = self.pair(line)
        found, ids = differences_of(pair)
        if pair.theirs.exit_code < 0:
            what = "never ends" if pair.theirs.exit_code == HUNG else f"is killed by signal {-pair.theirs.exit_code}"
            found = {name: text for name, text in found.items() if name in ("bug", "wire")}
            return Verdict(line, found, ids, f"DCMTK's program {what}", line)
        if not found:
            return Verdict(line, ids=ids)
        if {"bug", "wire"} & found.keys():
            return Verdict(line, found, ids, smallest=line)
        for each in explanations(line, pair, self.directory):
            if each.reduced is None:
                return Verdict(line, ids=ids | set(each.ids))
            with _set_aside(self.directory, each.removed):
                rest = self._judge(each.reduced)
            if not rest.differences:
                return Verdict(line, ids=ids | set(each.ids) | rest.ids, note=rest.note)
        return Verdict(line, found, ids, smallest=line)

    def _shrink(self, verdict: Verdict) -> Verdict:
        """Reduce the line as far as it still differs in the same aspects, or in some of them."""
        for _ in range(40):
            assert verdict.smallest is not None
            smaller = self._first_smaller(verdict)
            if smaller is None:
                return verdict
            verdict = smaller
        return verdict

    def _first_smaller(self, verdict: Verdict) -> Verdict | None:
        assert verdict.smallest is not None
        for line in verdict.smallest.smaller():
            gone = [each.name for each in verdict.smallest.files if each not in line.files]
            with _set_aside(self.directory, gone) as aside:
                found = self._judge(line)
                if found.differences.keys() & verdict.differences.keys():
                    aside.keep()
                    found.line = verdict.line
                    return found
        return None


class _set_aside:  # noqa: N801
    """Removes files for a while or, after ``keep``, permanently."""

    def __init__(self, directory: Path, names: list[str] | tuple[str, ...]) -> None:
        self._directory, self._names = directory, names
        self._are_gone = False

    def keep(self) -> None:
        """Leave the files removed."""
        self._are_gone = True

    def __enter__(self) -> _set_aside:
        self._move(self._directory, self._place)
        return self

    def __exit__(self, *_: object) -> None:
        if not self._are_gone:
            self._move(self._place, self._directory)

    @property
    def _place(self) -> Path:
        return self._directory.with_name("aside")

    def _move(self, source: Path, target: Path) -> None:
        for name in self._names:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(source / name, target / name)


Report = Callable[[Verdict], None]
