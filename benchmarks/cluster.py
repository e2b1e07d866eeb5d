#!/usr/bin/env python3
"""Whether a run over a cluster scales, what it costs with one host, and what memory its driver needs.

    python benchmarks/cluster.py --case scaling      # 1, 2, 4 and 8 hosts; 6 minutes
    python benchmarks/cluster.py --case overhead     # one host beside a run on this machine; 4 minutes
    python benchmarks/cluster.py --case memory       # a million files over 4 workers; 10 minutes
    python benchmarks/cluster.py --smoke             # whether all of it works, nothing else

A worker stands for a host: each open of a file takes it 5 ms, and its line carries 20 MB/s
(``harness/throttled_worker.py`` says how).  Scheduler, workers and driver are programs of this machine, the receiver is
the null sink, which says what has arrived.  So this shows what the cluster itself costs; it does not show shares and
lines of real hosts.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from harness.case import Receiver
from harness.clusters import MeasuredCluster, begun_cluster, measured_cluster
from harness.main import _dcmsend, _default_cache
from harness.programs import Programs, clean_environment
from harness.receivers import open_receiver
from harness.trees import Tree, TreeSpec, make_tree

HERE = Path(__file__).resolve().parent
THROTTLED = "throttled_worker.py"
HOSTS = (1, 2, 4, 8)
LEAST_LINEAR = 0.85
MOST_OVERHEAD = 0.10
MOST_MEMORY = 300e6
A_SECOND = 40
"""Instances of half a megabyte that a line of 20 MB/s carries."""
_LONGEST = "3600"


class Measured(NamedTuple):
    """A run of the command.

    Attributes:
        wall: seconds from start to end.
        sending: seconds from the beginning of the first instance to the end of the last one.
        seconds: of the processor, of the command itself.
        peak: its memory in bytes.
    """

    wall: float
    sending: float
    seconds: float
    peak: float


class Bench:
    """Runs the command, and sees what has arrived; ``is_judged``: whether the figures mean anything.

    ``kept`` ends the clusters that are used for more than one run.
    """

    def __init__(self, programs: Programs, cache: Path, kept: ExitStack, *, is_judged: bool) -> None:
        self.programs = programs
        self._is_judged = is_judged
        self._kept = kept
        self._clusters: dict[int, MeasuredCluster] = {}
        self.folder = cache / "cluster"
        self._cache = cache
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def judge(self, what: str, holds: bool) -> bool:
        """Say whether something holds; True if it is not judged."""
        verdict = ("holds" if holds else "DOES NOT HOLD") if self._is_judged else "not judged"
        print(f"  {what}: {verdict}\n", flush=True)
        return holds or not self._is_judged

    def begin_cluster(self, hosts: int) -> None:
        """Start a cluster that is kept; it need not be there yet."""
        any_cluster = begun_cluster(self.programs, hosts, self.folder, THROTTLED, is_judged=False)
        self._clusters[hosts] = self._kept.enter_context(any_cluster)

    @contextmanager
    def cluster(self, hosts: int, preload: str = "") -> Iterator[MeasuredCluster]:
        """A new cluster; where nothing is judged one with throttled hosts, which may have been used before."""
        if self._is_judged:
            with measured_cluster(self.programs, hosts, self.folder, preload) as new:
                yield new
            return
        if hosts not in self._clusters:
            self.begin_cluster(hosts)
        self._clusters[hosts].wait()
        yield self._clusters[hosts]

    def tree(self, kind: str, count: int) -> Tree:
        """Files to be sent, many names for few of them."""
        return make_tree(TreeSpec(kind, count, linked=True), self._cache)

    def run(self, program: Sequence[str], tree: Tree, options: Sequence[str], *, has_lines: bool = True) -> Measured:
        """Send a tree with a new journal.  Raises RuntimeError unless all of it has arrived."""
        journal, result, lines = (self.folder / name for name in ("journal", "result", "lines"))
        for path in (journal, lines):
            path.unlink(missing_ok=True)
        with open_receiver(self.programs, Receiver("null-sink"), self._cache / "receivers" / "cluster") as receiver:
            report = ["--report-jsonl", str(lines)] if has_lines else []
            command = [
                *program, *options, "--journal", str(journal), *report, "+sd", "+r", "127.0.0.1", str(receiver.port),
                *tree.arguments,
            ]  # fmt: skip
            receiver.begin()
            argv = [self.programs.compiled("measure"), str(result), _LONGEST, "all", *command]
            subprocess.run(argv, check=True, capture_output=True, env=clean_environment())
            seen = receiver.arrived()
        wall, user, system, peak, code = result.read_text().split()
        if int(code) or seen.problem or seen.instances != tree.spec.count or seen.uid_sum != tree.uid_sum:
            raise RuntimeError(f"exit code {code}, {seen.instances} of {tree.spec.count} have arrived {seen.problem}")
        sending = _sending(lines) if has_lines else float(wall)
        return Measured(float(wall), sending, float(user) + float(system), int(peak) * 1024.0)


def _sending(lines: Path) -> float:
    begins, ends = [], []
    with lines.open() as rows:
        for line in rows:
            row = json.loads(line)
            if row["type"] == "outcome":
                begins.append(datetime.fromisoformat(row["started"]).timestamp())
                ends.append(begins[-1] + row["seconds"])
    return max(ends) - min(begins)


def scaling(bench: Bench, seconds: float, hosts: Sequence[int]) -> bool:
    """So many instances for each host that all runs take the same time, if the cluster costs nothing."""
    print(f"scaling: hosts of 5 ms an open and 20 MB/s, {seconds:g} s each")
    one = 0.0
    holds = True
    for count in hosts:
        tree = bench.tree("ct", max(2, round(seconds * A_SECOND)) * count)
        with bench.cluster(count, THROTTLED) as cluster:
            before = cluster.scheduler_seconds()
            done = bench.run([str(bench.programs.dcmsend)], tree, ["--cluster", cluster.address])
            scheduler = cluster.scheduler_seconds() - before
        rate = tree.spec.count / done.sending
        one = one or rate
        holds &= rate >= LEAST_LINEAR * count * one
        shares = f"driver {done.seconds / done.wall:.0%} and scheduler {scheduler / done.wall:.0%} of a processor"
        print(f"  {count} hosts  {rate:7.1f}/s  {rate / one / count:.2f} of linear  {shares}", flush=True)
    return bench.judge(f"must have {LEAST_LINEAR} of linear", holds)


def overhead(bench: Bench, seconds: float, rounds: int) -> bool:
    """One host of the cluster beside the same run without one, in turns."""
    print(f"overhead: one host, {seconds:g} s, batches of about 5 s")
    tree = bench.tree("ct", max(2, round(seconds * A_SECOND)))
    here = [bench.programs.interpreter, str(HERE / "harness" / THROTTLED)]
    quotients = []
    with bench.cluster(1, THROTTLED) as cluster:
        for _ in range(rounds):
            local = bench.run(here, tree, [])
            over = bench.run([str(bench.programs.dcmsend)], tree, ["--cluster", cluster.address])
            quotients.append(over.wall / local.wall - 1.0)
            print(f"  local {local.wall:6.1f} s  cluster {over.wall:6.1f} s  {quotients[-1]:+.1%}", flush=True)
    middle = sorted(quotients)[len(quotients) // 2]
    holds = middle <= MOST_OVERHEAD
    return bench.judge(f"{middle:+.1%} (at most {MOST_OVERHEAD:.0%})", holds)


def memory(bench: Bench, files: int, workers: int) -> bool:
    """Many small files over workers that nothing holds up."""
    print(f"memory: {files:,} files over {workers} workers")
    tree = bench.tree("small", files)
    with bench.cluster(workers) as cluster:
        before = cluster.scheduler_seconds()
        done = bench.run([str(bench.programs.dcmsend)], tree, ["--cluster", cluster.address], has_lines=False)
        scheduler = cluster.scheduler_seconds() - before
    holds = done.peak < MOST_MEMORY
    journal = os.path.getsize(bench.folder / "journal")
    print(
        f"  {files / done.wall:.0f}/s in {done.wall:.0f} s; driver {done.seconds / files * 1e6:.0f} us and scheduler "
        f"{scheduler / files * 1e6:.0f} us an instance, journal {journal / files:.0f} bytes each"
    )
    return bench.judge(f"driver {done.peak / 1e6:.0f} MB (below {MOST_MEMORY / 1e6:.0f} MB)", holds)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 when every case holds what was promised, else 1."""
    parser = argparse.ArgumentParser(prog="benchmarks/cluster.py", description="What a cluster gains and costs.")
    option = parser.add_argument
    option("--case", action="append", choices=("scaling", "overhead", "memory"), help="default: all of them")
    option("--seconds", type=float, default=60.0, help="length of a run (default: %(default)s)")
    option("--hosts", type=int, nargs="+", default=HOSTS, help="of scaling (default: 1 2 4 8)")
    option("--rounds", type=int, default=2, help="of overhead, of which the median counts (default: %(default)s)")
    option("--files", type=int, default=1_000_000, help="of memory (default: %(default)s)")
    option("--smoke", action="store_true", help="a few files each, which are not judged")
    option("--dcmsend", type=Path, help="our command (default: the one beside this Python)")
    option("--cache", type=Path, default=_default_cache(), help="for programs and files")
    arguments = parser.parse_args(argv)
    command = _dcmsend(arguments.dcmsend)
    if command is None:
        parser.error("there is no installed dcmsend command beside this Python; name it with --dcmsend")
    cache = arguments.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    cases = arguments.case or ("scaling", "overhead", "memory")
    if arguments.smoke:
        arguments.seconds, arguments.hosts, arguments.rounds, arguments.files = 0.2, (1, 2), 1, 60
    with ExitStack() as kept:
        bench = Bench(Programs(command, cache, pin=False), cache, kept, is_judged=not arguments.smoke)
        holds = True
        if "scaling" in cases and arguments.smoke:
            for hosts in arguments.hosts:  # the second one comes to be while the first one is used
                bench.begin_cluster(hosts)
        if "scaling" in cases:
            holds &= scaling(bench, arguments.seconds, arguments.hosts)
        if "overhead" in cases:
            holds &= overhead(bench, arguments.seconds, arguments.rounds)
        if "memory" in cases:
            holds &= memory(bench, arguments.files, 1 if arguments.smoke else 4)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
