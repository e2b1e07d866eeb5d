#!/usr/bin/env python3
"""How far a cluster goes: a run of 10^9 instances over 100 hosts, simulated from constants that were measured.

    python benchmarks/cluster_simulation.py                          # the table of docs/past-one-machine.md
    python benchmarks/cluster_simulation.py --hosts 400 --rate 100   # another cluster; half a minute
    python benchmarks/cluster_simulation.py --measure                # the constants of this machine; 3 minutes
    python benchmarks/cluster_simulation.py --document               # the table, into the page

The constants (what an instance, a group of outcomes and an idle second cost the driver and the scheduler, the bytes of
a row of the journal) lie in ``cluster_constants.json`` with the machine that they were measured on.  The model
(``harness/cluster_model.py``) takes them as they are however large the journal has become: beyond 40 million rows, the
most that ``journal.py`` has tried, nobody has looked.  What the disks, shares and lines of the hosts can do is a number
that is given (``--rate``), not one that is simulated.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

from harness.cluster_costs import measure_costs
from harness.cluster_model import Costs, Load, breaks_first, limits, simulate
from harness.machine import describe_machine, today
from harness.main import _dcmsend, _default_cache
from harness.programs import Programs

HERE = Path(__file__).resolve().parent
CONSTANTS = HERE / "cluster_constants.json"
PAGE = HERE.parent / "docs" / "past-one-machine.md"
BEGIN, END = "<!-- cluster_simulation: begin -->", "<!-- cluster_simulation: end -->"
SHARES = (0.01, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Of the hosts that are asked for: the rows of the table."""
SHORT = 2_000_000
"""Instances of a row of the table; the last run has all of them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure or simulate; print what was found."""
    arguments = _parser().parse_args(argv)
    if arguments.measure:
        _measure(arguments)
        return 0
    constants = json.loads(arguments.constants.read_text())
    load = Load(
        arguments.instances, arguments.hosts, arguments.workers, arguments.rate, arguments.receiver, arguments.life
    )
    text = _told(constants, load, arguments.seed)
    print(text)
    if arguments.document:
        page = PAGE.read_text()
        block = f"{BEGIN}\n{text}\n{END}"
        PAGE.write_text(re.sub(f"{BEGIN}.*?{END}", lambda _: block, page, flags=re.DOTALL))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks/cluster_simulation.py", description="How far a cluster goes, and what breaks first."
    )
    option = parser.add_argument
    option("--instances", type=lambda text: int(float(text)), default=10**9, help="in all (default: 1e9)")
    option("--hosts", type=int, default=100, help="default: %(default)s")
    option("--workers", type=int, default=1, help="of a host (default: %(default)s)")
    option("--rate", type=float, default=40.0,
           help="instances a second of a worker that waits for nobody (default: 40, half a megabyte each at 20 MB/s)")
    option("--receiver", type=float, default=0.0, help="instances a second that the receiver takes (default: any)")
    option("--life", type=float, default=720.0, help="hours until a worker dies, 0: never (default: 720, a month)")
    option("--seed", type=int, default=1, help="of the moments at which workers die")
    option("--constants", type=Path, default=CONSTANTS, help="file (default: the one beside this program)")
    option("--measure", action="store_true", help="measure the constants of this machine, and write the file")
    option("--scale", type=float, default=1.0, help="with --measure: multiply the numbers of files")
    option("--smoke", action="store_true", help="with --measure: whether it works, with numbers that mean nothing")
    option("--document", action="store_true", help="write the table into docs/past-one-machine.md")
    option("--dcmsend", type=Path, help="our command (default: the one beside this Python)")
    option("--cache", type=Path, default=_default_cache(), help="for programs and files")
    return parser


def _measure(arguments: argparse.Namespace) -> None:
    command = _dcmsend(arguments.dcmsend)
    if command is None:
        raise SystemExit("there is no installed dcmsend command beside this Python; name it with --dcmsend")
    cache = arguments.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    programs = Programs(command, cache)
    machine = describe_machine(programs)

    def tell(text: str) -> None:
        print(text, flush=True)

    scale = 0.02 if arguments.smoke else arguments.scale
    costs, runs = measure_costs(programs, cache, scale, tell, is_judged=not arguments.smoke)
    found = {
        "date": today(), "machine": machine,
        "versions": {
            **{name: version(name) for name in ("dcmsend", "distributed")}, "python": sys.version.split()[0],
        },
        "costs": asdict(costs), "runs": {name: asdict(run) for name, run in runs.items()},
    }  # fmt: skip
    arguments.constants.write_text(json.dumps(found, indent=2) + "\n")
    for name, value in asdict(costs).items():
        print(f"{name:20} {_number(value)}")
    print(f"written to {arguments.constants}")


def _told(constants: dict[str, Any], load: Load, seed: int) -> str:
    costs = Costs(**constants["costs"])
    versions = constants["versions"]
    made = f"{constants['date']}, {constants['machine']['processor']}, Python {versions['python']}"
    workers = "one worker" if load.workers == 1 else f"each of {load.workers} workers"
    made += f", distributed {versions['distributed']}, load {constants['machine']['load at the beginning']}"
    lines = [
        f"{load.rate:g} instances a second from {workers} a host; constants of {made}:",
        "",
        "| hosts | instances/s | of what the workers could | driver busy | scheduler busy |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for hosts in sorted({max(1, round(load.hosts * share)) for share in SHARES}):
        row = replace(load, hosts=hosts, instances=SHORT, life=0.0)
        done = simulate(costs, row, Random(seed))
        shares = (done.rate / limits(costs, row)["workers"], done.driver_busy, done.scheduler_busy)
        lines.append(f"| {hosts} | {done.rate:,.0f} | {' | '.join(f'{share:.0%}' for share in shares)} |")
    done = simulate(costs, load, Random(seed))
    name, hosts = breaks_first(costs, load)
    most = limits(costs, replace(load, hosts=hosts))
    rest = sorted(((limit, part) for part, limit in most.items() if part not in ("workers", name)))
    then = f"; then the {rest[0][1]}, at {rest[0][0]:,.0f}" if rest else ""
    each = f"each once in {load.life:g} hours" if load.life else "none"
    lines += [
        "",
        f"{load.instances:,} instances over {load.hosts} hosts:",
        "",
        f"* {_time(done.seconds)}: {done.rate:,.0f} a second, {done.batches:,} batches, in {done.groups:,} groups.",
        f"* The journal has {_bytes(done.journal_bytes)} at the end.",
        f"* {done.deaths:,} workers die ({each}), and {done.again:,} instances are sent once more.",
        f"* A driver that takes over at the end looks up every file first, for {_time(done.recovery)}.",
        f"* The scheduler keeps {_bytes(done.kept_bytes)} for it.",
        f"* What breaks first: the {name}, with {hosts:,} hosts, at {most[name]:,.0f} instances a second{then}.",
    ]
    return "\n".join(lines)


def _time(seconds: float) -> str:
    for length, name in ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {name}"
    return f"{seconds:.1f} seconds"


def _bytes(count: float) -> str:
    for size, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if count >= size:
            return f"{count / size:.3g} {name}"
    return f"{count:.0f} bytes"


def _number(value: float) -> str:
    return f"{value * 1e6:.2f} us" if value < 0.1 else f"{value:.2f}"


if __name__ == "__main__":
    sys.exit(main())
