#!/usr/bin/env python3
"""Whether ``--parallel-associations auto`` finds the number of associations that is best, and how soon.

    python benchmarks/auto.py                                  # all cases, 30 s for each run; half an hour
    python benchmarks/auto.py --case 20ms --case takes-4 --seconds 15
    python benchmarks/auto.py --smoke                          # whether all of it works, nothing else

For each case the same files go to the same receiver over 1, 2, 4 and 8 associations and with ``auto``, in turns.  A run
is ended after some seconds; its report in JSON lines tells when each instance was answered.  What counts is the rate
of ``auto`` after its first ten seconds divided by the best rate of a fixed number at that time, and its rate over the
whole run divided by that of one association.  In the case ``near-plain`` nobody writes a report: there the time of
whole runs of two lengths counts, over one association and with ``auto``, of the rounds asked for, at least five.

Everything stays on this machine: lines are played by ``c/delay_proxy.c``, and by netem in a network namespace where
packets are lost (left out where the kernel has no netem).
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from harness.case import Receiver
from harness.main import _dcmsend, _default_cache
from harness.programs import Programs, clean_environment
from harness.receivers import RunningReceiver, open_receiver
from harness.senders import MissingProgram
from harness.trees import Tree, TreeSpec, make_tree

FIXED = ("1", "2", "4", "8")
AUTO = "auto"
SETTLED = 10.0
"""Seconds within which the best number has to be found."""
LEAST_OF_BEST = 0.85
AIM_OF_BEST = 0.95
LEAST_OF_ONE = 0.97


class WideCase(NamedTuple):
    """A receiver and what is sent to it; ``count`` instances are enough for the best of the runs."""

    title: str
    receiver: Receiver
    kind: str = "medium"
    count: int = 20_000


def _far(round_trip: float, **line: float) -> Receiver:
    return Receiver("null-sink", (), round_trip, **line)  # type: ignore[arg-type]


CASES = {
    "20ms": WideCase("a round trip of 20 ms", _far(0.020)),
    "100ms": WideCase("a round trip of 100 ms", _far(0.100)),
    "100ms-jitter": WideCase("a round trip of 100 ms, up to 20 ms more each way", _far(0.100, jitter=0.020)),
    "100ms-loss": WideCase("a round trip of 100 ms, 0.1 % of the packets lost", _far(0.100, loss=0.001)),
    "1gbit": WideCase("20 ms and 1 Gbit/s, CT of 0.5 MB", _far(0.020, bandwidth=10**9), "ct"),
    "100mbit": WideCase("20 ms and 100 Mbit/s, CT of 0.5 MB", _far(0.020, bandwidth=10**8), "ct"),
    "near": WideCase("a null sink that is near", Receiver("null-sink"), "medium", 200_000),
    "service": WideCase("a receiver that needs 100 ms for each instance", Receiver("null-sink", ("--service", "100"))),
    "takes-4": WideCase(
        "the same, which takes 4 associations", Receiver("null-sink", ("--service", "100", "--most", "4"))
    ),
    "slower": WideCase(
        "20 ms for each instance, and 10 ms more for each further association",
        Receiver("null-sink", ("--service", "20", "--slower", "10")),
    ),
    "much-slower": WideCase(
        "20 ms for each instance, and 40 ms more for each further association",
        Receiver("null-sink", ("--service", "20", "--slower", "40")),
    ),
    "storescp": WideCase("storescp, one association at a time", Receiver("storescp"), "medium", 200_000),
    "orthanc": WideCase("Orthanc", Receiver("orthanc"), "medium", 20_000),
}


PLAIN = "near-plain"
PLAIN_CASE = WideCase("a null sink that is near, no report", Receiver("null-sink"), "medium")
PLAIN_COUNTS = (50_000, 95_000)
"""Runs of about 3 and 6 seconds: too short for ``auto`` to try a second association, and just long enough."""
PLAIN_ROUNDS = 5


class Course(NamedTuple):
    """When instances were answered, in seconds after the first was begun, and what was chosen."""

    answered: list[float]
    chosen: str

    def rate(self, begin: float, end: float) -> float:
        """Instances a second between two moments."""
        return sum(begin <= at < end for at in self.answered) / (end - begin)


def _send(
    programs: Programs, tree: Tree, folder: Path, receiver: RunningReceiver, number: str, *options: str
) -> float:
    """Send a tree over a number of associations; the seconds that the whole run took."""
    command = [
        *receiver.prefix, str(programs.dcmsend), "--parallel-associations", number, *options,
        "-nh", "+sd", "+r", "127.0.0.1", str(receiver.port), *tree.arguments,
    ]  # fmt: skip
    receiver.begin()
    argv = [programs.compiled("measure"), str(folder / "result"), "3600", programs.sender_processors, *command]
    begin = time.perf_counter()
    subprocess.run(argv, check=True, capture_output=True, env=clean_environment())
    seconds = time.perf_counter() - begin
    receiver.arrived()
    return seconds


def _run(
    programs: Programs, case: WideCase, folder: Path, receiver: RunningReceiver, number: str, seconds: int
) -> Course:
    report = folder / "report.jsonl"
    report.unlink(missing_ok=True)
    tree = make_tree(TreeSpec(case.kind, case.count, linked=True), folder)
    _send(programs, tree, folder, receiver, number, "--max-duration", f"{seconds}s", "--report-jsonl", str(report))
    begins, ends, chosen = [], [], number
    with report.open() as lines:
        for line in lines:
            row = json.loads(line)
            if row["type"] == "outcome" and row["outcome"] == "stored":
                begins.append(datetime.fromisoformat(row["started"]).timestamp())
                ends.append(begins[-1] + row["seconds"])
            elif row["type"] == "summary" and row.get("parallel_associations"):
                found = row["parallel_associations"]
                steps = ", ".join(f"{step['chosen']} after {step['after']:.1f} s" for step in found["changes"])
                chosen = f"{found['chosen']} ({found['why']}{'; ' if steps else ''}{steps})"
    if not ends:
        raise RuntimeError(f"nothing was stored over {number} associations")
    first = min(begins)
    return Course(sorted(at - first for at in ends), chosen)


def _measure(
    programs: Programs, name: str, cache: Path, seconds: int, rounds: int, settled: float, *, is_judged: bool
) -> bool:
    """Run a case and print it; whether it holds what was promised, if that is judged."""
    case = CASES[name]
    print(f"{name}: {case.title}")
    courses: dict[str, list[Course]] = {number: [] for number in (*FIXED, AUTO)}
    for turn in range(rounds):
        for number in random.Random(f"{name} {turn}").sample(list(courses), len(courses)):
            with open_receiver(programs, case.receiver, cache / "receivers" / name) as receiver:
                courses[number].append(_run(programs, case, cache, receiver, number, seconds))
    late = {number: _middle(each, settled, seconds) for number, each in courses.items()}
    whole = {number: _middle(each, 0.0, seconds) for number, each in courses.items()}
    for number in courses:
        chosen = "; ".join(course.chosen for course in courses[number]) if number == AUTO else ""
        print(f"  {number:>5}  {whole[number]:8.1f}/s  after {settled:g} s {late[number]:8.1f}/s  {chosen}".rstrip())
    if not is_judged:
        print()
        return True
    best = max(late[number] for number in FIXED)
    of_best, of_one = late[AUTO] / max(best, 1e-9), whole[AUTO] / max(whole["1"], 1e-9)
    holds = of_best >= LEAST_OF_BEST and of_one >= LEAST_OF_ONE
    print(
        f"  auto has {of_best:.2f} of the best rate (must {LEAST_OF_BEST}, aim {AIM_OF_BEST}) and {of_one:.2f} of that "
        f"of one association (must {LEAST_OF_ONE}): {'holds' if holds else 'DOES NOT HOLD'}\n"
    )
    return holds


def _measure_plain(programs: Programs, case: WideCase, cache: Path, rounds: int, *, is_judged: bool) -> bool:
    """Send everything over one association and with ``auto``, in turns; whether ``auto`` costs no more than it may."""
    print(f"{PLAIN}: {case.title}, {case.count} instances")
    tree = make_tree(TreeSpec(case.kind, case.count, linked=True), cache)
    times: dict[str, list[float]] = {"1": [], AUTO: []}
    with open_receiver(programs, case.receiver, cache / "receivers" / PLAIN) as receiver:
        for turn in range(rounds):
            for number in random.Random(f"{PLAIN} {turn}").sample(list(times), len(times)):
                times[number].append(_send(programs, tree, cache, receiver, number))
    for number, each in times.items():
        print(f"  {number:>5}  {case.count / statistics.median(each):8.1f}/s")
    if not is_judged:
        print()
        return True
    of_one = statistics.median(one / auto for one, auto in zip(times["1"], times[AUTO], strict=True))
    holds = of_one >= LEAST_OF_ONE
    print(f"  auto has {of_one:.2f} of the rate of one association (must {LEAST_OF_ONE}): "
          f"{'holds' if holds else 'DOES NOT HOLD'}\n")
    return holds


def _middle(courses: list[Course], begin: float, end: float) -> float:
    rates = sorted(course.rate(begin, min(end, max(course.answered[-1], begin + 0.1))) for course in courses)
    return rates[len(rates) // 2]


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 when every case holds what was promised, else 1."""
    parser = argparse.ArgumentParser(prog="benchmarks/auto.py", description="Whether auto finds the best number.")
    parser.add_argument("--case", action="append", choices=[*CASES, PLAIN], metavar="NAME",
                        help=", ".join([*CASES, PLAIN]))
    parser.add_argument("--seconds", type=int, default=30, help="length of a run (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=1, help="of which the median counts")
    parser.add_argument("--smoke", action="store_true", help="runs of two seconds with few files, which are not judged")
    parser.add_argument("--dcmsend", type=Path, help="our command (default: the one beside this Python)")
    parser.add_argument("--cache", type=Path, default=_default_cache(), help="for programs and files")
    arguments = parser.parse_args(argv)
    command = _dcmsend(arguments.dcmsend)
    if command is None:
        parser.error("there is no installed dcmsend command beside this Python; name it with --dcmsend")
    cache = arguments.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    programs = Programs(command, cache)
    if arguments.smoke:
        CASES.update({name: case._replace(count=200) for name, case in CASES.items()})
    seconds, settled = (2, 1.0) if arguments.smoke else (arguments.seconds, min(SETTLED, arguments.seconds / 2))
    holds = True
    for name in arguments.case or [*CASES, PLAIN]:
        if name == PLAIN:
            rounds = 1 if arguments.smoke else max(PLAIN_ROUNDS, arguments.rounds)
            for count in (200,) if arguments.smoke else PLAIN_COUNTS:
                case = PLAIN_CASE._replace(count=count)
                holds &= _measure_plain(programs, case, cache, rounds, is_judged=not arguments.smoke)
            continue
        try:
            holds &= _measure(programs, name, cache, seconds, arguments.rounds, settled, is_judged=not arguments.smoke)
        except MissingProgram as error:
            print(f"  left out: {error}\n")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
