"""Runs the entries of a case in turns and records what each run took and what arrived."""

from __future__ import annotations

import contextlib
import random
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .case import NEW_JOURNAL, Case, Entry, Receiver
from .programs import Programs, clean_environment
from .receivers import FRESH_FOR_EACH_RUN, ON_ANOTHER_PROCESSOR, Arrival, RunningReceiver, open_receiver
from .senders import SENDERS, Command, MissingProgram
from .trees import Tree, TreeSpec, make_tree

__all__ = ["EntryResult", "Run", "run_case"]

_LONGEST_SECONDS = 3600
_WARM_BYTES = 8 << 30
"""Trees larger than this are not read beforehand: they would push each other out of the cache."""
_making_trees = threading.Lock()
"""Cases that run beside each other share them."""


@dataclass(frozen=True)
class Run:
    """One run of one entry; times are those for ``Entry.instances``.

    Attributes:
        wall, user, system: seconds.
        peak_bytes: largest resident set.
        exit_code: minus the signal that ended it.
        arrival: what the receiver has seen.
        problem: why the run does not count, ``""`` if it does.
    """

    wall: float
    user: float
    system: float
    peak_bytes: int
    exit_code: int
    arrival: Arrival
    problem: str = ""


@dataclass(frozen=True)
class EntryResult:
    """All runs of an entry.

    Attributes:
        entry: what ran.
        command: how, with names that are the same on each machine.
        runs: one a round.
        skipped: why it did not run, ``""`` if it did.
    """

    entry: Entry
    command: str
    runs: tuple[Run, ...]
    skipped: str = ""

    @property
    def problem(self) -> str:
        """The first problem of its runs."""
        return next((run.problem for run in self.runs if run.problem), "")

    def to_json(self) -> dict[str, Any]:
        """For the result file."""
        entry = self.entry
        return {
            "label": entry.label,
            "program": entry.program,
            "title": SENDERS[entry.program].title,
            "command": self.command,
            "sent": entry.tree.count if entry.tree else 0,
            "instances": entry.instances,
            "is_extrapolated": entry.is_extrapolated,
            "skipped": self.skipped,
            "problem": self.problem,
            "runs": [asdict(run) for run in self.runs],
        }


def run_case(case: Case, programs: Programs, cache: Path, tell: Callable[[str], None]) -> list[EntryResult]:
    """Run all entries of a case; those that cannot run are skipped with the reason.

    Other cases may run beside it in this process: they share programs and trees.
    """
    reasons: dict[Entry, str] = {}
    for entry in case.entries:
        missing = [option for option in entry.needs if option not in programs.options]
        if missing:
            reasons[entry] = f"dcmsend has no {', '.join(missing)} yet"
            continue
        try:
            SENDERS[entry.program].command(programs, entry.options, 0, ["x.dcm"])
        except (MissingProgram, RuntimeError) as error:
            reasons[entry] = str(error)
    ours = case.entries[0]
    if all(entry in reasons for entry in case.entries if entry.program == ours.program):
        for entry in case.entries:  # nothing to compare with
            reasons.setdefault(entry, reasons[ours])
    runs: dict[Entry, list[Run]] = {entry: [] for entry in case.entries}
    runnable = [entry for entry in case.entries if entry not in reasons]
    with _making_trees:
        trees = _make_trees(runnable, cache, tell)
    folder = programs.running / case.name
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        bench = _Bench(programs, folder, trees, stack)
        if case.warm_up:
            for entry in runnable:
                _try(bench, entry, reasons)
        for number in range(case.rounds):
            # Who runs after a program that waits for seconds finds cold caches: it must not always be the same one.
            for entry in random.Random(f"{case.name} {number}").sample(runnable, len(runnable)):
                if entry in reasons:
                    continue
                run = _try(bench, entry, reasons)
                if run is not None:
                    runs[entry].append(run)
                    tell(f"{number + 1}/{case.rounds} {entry.label}: {run.wall:.3f} s {run.problem}")
    return [
        EntryResult(entry, bench.shown(entry), tuple(runs[entry]), reasons.get(entry, "")) for entry in case.entries
    ]


def _try(bench: _Bench, entry: Entry, reasons: dict[Entry, str]) -> Run | None:
    try:
        return bench.run(entry)
    except (MissingProgram, RuntimeError) as error:
        reasons[entry] = str(error)
        return None


def _make_trees(entries: list[Entry], cache: Path, tell: Callable[[str], None]) -> dict[TreeSpec, Tree]:
    wanted = {entry.tree: None for entry in entries if entry.tree is not None}
    wanted |= {_one(entry.tree): None for entry in entries if entry.tree is not None and entry.is_extrapolated}
    trees = {}
    for spec in wanted:
        tell(f"files: {spec.name}")
        trees[spec] = tree = make_tree(spec, cache)
        if tree.file_bytes <= _WARM_BYTES and not spec.linked:
            tree.warm_up()
    return trees


def _one(spec: TreeSpec) -> TreeSpec:
    return TreeSpec(spec.kind, 1)


class _Bench:
    """Runs single entries; keeps the receivers of a case open.  What they write is in ``folder``."""

    def __init__(
        self, programs: Programs, folder: Path, trees: dict[TreeSpec, Tree], stack: contextlib.ExitStack
    ) -> None:
        self._programs = programs
        self._folder = folder
        self._trees = trees
        self._stack = stack
        self._open: dict[Receiver, RunningReceiver] = {}

    def run(self, entry: Entry) -> Run:
        """One run.  Raises MissingProgram and RuntimeError when a program cannot be had."""
        run = self._send(entry, entry.tree)
        if entry.tree is None or not entry.is_extrapolated or run.problem:
            return run
        one = self._send(entry, _one(entry.tree))
        factor = (entry.instances - 1) / (entry.tree.count - 1)
        wall, user, system = (
            low + max(0.0, high - low) * factor
            for low, high in ((one.wall, run.wall), (one.user, run.user), (one.system, run.system))
        )
        return Run(wall, user, system, run.peak_bytes, run.exit_code, run.arrival, one.problem)

    def _send(self, entry: Entry, spec: TreeSpec | None) -> Run:
        with self._receiver(entry.receiver) as receiver:
            receiver.begin()
            tree = self._trees[spec] if spec is not None else None
            inputs = tree.arguments if tree is not None else []
            command = SENDERS[entry.program].command(
                self._programs, self._options(entry), receiver.port, inputs
            )
            command = Command([*receiver.prefix, *command.argv], command.environment)
            (wall, user, system, peak, code), output = self._measure(entry, command, tree)
            arrival = receiver.arrived() if entry.delivers and tree is not None else Arrival()
        return Run(wall, user, system, peak, code, arrival, _problem(entry, tree, code, arrival, output))

    def _options(self, entry: Entry) -> list[str]:
        journal = self._folder / "journal"
        for left in self._folder.glob("journal*"):
            left.unlink()
        return [str(journal) if option == NEW_JOURNAL else option for option in entry.options]

    @contextlib.contextmanager
    def _receiver(self, wanted: Receiver) -> Iterator[RunningReceiver]:
        folder = self._folder / "receivers" / f"{wanted.kind}-{len(self._open)}"
        if wanted.kind in FRESH_FOR_EACH_RUN:
            with open_receiver(self._programs, wanted, folder) as receiver:
                yield receiver
            return
        if wanted not in self._open:
            self._open[wanted] = self._stack.enter_context(open_receiver(self._programs, wanted, folder))
        yield self._open[wanted]

    def _measure(
        self, entry: Entry, command: Command, tree: Tree | None
    ) -> tuple[tuple[float, float, float, int, int], str]:
        result = self._folder / "result"
        result.unlink(missing_ok=True)
        environment = clean_environment(**command.environment)
        if entry.slow_open and tree is not None:
            environment["LD_PRELOAD"] = self._programs.compiled("slow_open.so")
            environment["SLOW_OPEN_PREFIX"] = f"{tree.root}/"
            environment["SLOW_OPEN_MICROSECONDS"] = str(round(entry.slow_open * 1_000_000))
        processors = self._programs.sender_processors if entry.receiver.kind in ON_ANOTHER_PROCESSOR else "all"
        argv = [self._programs.compiled("measure"), str(result), str(_LONGEST_SECONDS), processors, *command.argv]
        output = self._folder / "output"
        with output.open("wb") as file:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment)
        if done.returncode:
            raise RuntimeError(f"measure failed: {output.read_text(errors='replace')[-300:]}")
        wall, user, system, peak, code = result.read_text().split()
        last_words = output.read_text(errors="replace")[-300:].strip()
        return (float(wall), float(user), float(system), int(peak) * 1024, int(code)), last_words

    def shown(self, entry: Entry) -> str:
        """The command line for people, without the paths of this machine."""
        inputs = ["FILE" if entry.tree.count == 1 else "FOLDER"] if entry.tree else []
        try:
            command = SENDERS[entry.program].command(self._programs, entry.options, 0, inputs)
        except (MissingProgram, RuntimeError):
            return ""
        variables = [f"{name}={value}" for name, value in command.environment.items() if "/" not in value]
        program, *arguments = command.argv
        shown = [Path(program).name, *("PORT" if argument == "0" else argument for argument in arguments)]
        if inputs == ["FILE"]:
            shown = [word for word in shown if word not in ("+sd", "+r")]
        return " ".join([*variables, *shown])


def _problem(entry: Entry, tree: Tree | None, code: int, arrival: Arrival, output: str) -> str:
    """Why a run does not count."""
    if code not in entry.exit_codes:
        return f"exit code {code}: {output}"
    if tree is None or not entry.delivers:
        return ""
    if arrival.problem:
        return arrival.problem
    if arrival.instances not in (None, tree.spec.count):
        return f"{arrival.instances} of {tree.spec.count} instances arrived"
    if arrival.uid_sum not in (None, tree.uid_sum):
        return "not each instance arrived once"
    is_unchanged = entry.program in ("dcmsend", "limit")
    if is_unchanged and arrival.data_set_bytes not in (None, tree.data_set_bytes):
        return f"{arrival.data_set_bytes} of {tree.data_set_bytes} data set bytes arrived"
    if is_unchanged and entry.in_order and arrival.uid_chain not in (None, tree.uid_chain()):
        return "the instances arrived in another order"
    if arrival.received_bytes is not None and arrival.received_bytes < 0.9 * tree.data_set_bytes:
        return f"only {arrival.received_bytes} bytes arrived"
    return ""
