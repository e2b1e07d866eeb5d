"""The command: ``scripts/soak_cluster``."""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

from soak.cluster.night import KINDS, Done, Night, outcomes_of, plan_night, run_night
from soak.cluster.programs import Programs
from soak.cluster.promises import broken_after_night, broken_at_the_end, surplus_allowed
from soak.cluster.receiver import Receiver
from soak.rounds import Rounds, numbers, parser_of, seed_of
from support.programs import installed_dcmsend
from support.trees import tiny_instance_uid, write_tree

__all__ = ["ORDER", "main"]

ORDER = (
    "worker", "driver", "drain", "scheduler", "abort", "partition", "worker", "driver", "host", "scheduler gone",
    "worker",
)  # fmt: skip
"""The kinds of rounds, in turns."""
_CALM = "calm"
_MOST_NIGHTS = 4


def main() -> int:
    """0 if all promises were kept, 1 if not, 2 if the soak itself has failed."""
    arguments = _parser().parse_args()
    seed = seed_of(arguments)
    program = arguments.dcmsend or installed_dcmsend()
    soak = Rounds("soak_cluster", seed, arguments.keep, verbose=arguments.verbose)
    with tempfile.TemporaryDirectory(prefix="soak-cluster-") as folder:
        programs = Programs(Path(folder), arguments.workers, arguments.ttl)
        try:
            for number in numbers(arguments):
                kinds = arguments.kind or ORDER
                kind = kinds[(number - 1) % len(kinds)]
                print(f"round {number}: {kind}", flush=True)
                make = partial(_Round, program=program, programs=programs, kind=kind, arguments=arguments)
                soak.run(number, make)
        finally:
            programs.close()
    soak.show()
    return soak.exit_code


def _parser() -> argparse.ArgumentParser:
    description = "Rounds over a cluster of which something is killed, stopped or asked to end; then calm nights."
    parser = parser_of("soak_cluster", description, 5 * len(ORDER))
    choices = (*KINDS, _CALM)
    parser.add_argument(
        "--kind", action="append", choices=choices, help="what happens in a round, in turns; default: all of them"
    )
    parser.add_argument("--workers", type=int, default=3, help="each a host of its own (default: %(default)s)")
    parser.add_argument("--files", type=int, default=2000, help="of a round, at most (default: %(default)s)")
    parser.add_argument("--partition", type=float, default=120.0, help="seconds a host is stopped (default: 120)")
    parser.add_argument("--ttl", type=float, default=60.0, help="seconds a silent worker is waited for (default: 60)")
    return parser


class _Round:
    """One journal, and the nights with it.

    Attributes:
        told: the nights in words.
        seen: what has happened, counted.
    """

    def __init__(
        self, root: Path, chance: random.Random, program: str, programs: Programs, kind: str,
        arguments: argparse.Namespace,
    ) -> None:  # fmt: skip
        self._root, self._chance, self._program = root, chance, program
        self._programs, self._arguments = programs, arguments
        self._kind = "" if kind == _CALM else kind
        self.told: list[str] = []
        self.seen: Counter[str] = Counter()
        self._receiver = Receiver(chance.choice((0.0, 0.001, 0.004)))
        self._uids: dict[str, str] = {}
        self._surplus = 0

    def play(self) -> list[str]:
        """Play all nights; return the promises that were broken."""
        most = self._arguments.files
        count = self._chance.choice((most, most, self._chance.randint(most // 10, most)))
        per_directory = self._chance.choice((20, 50, 400, 900))
        write_tree(self._root / "in", count, per_directory=per_directory)
        for path in sorted((self._root / "in").glob("*/*.dcm")):
            self._uids[str(path.relative_to(self._root))] = tiny_instance_uid(int(path.stem))
        self.told.append(f"{count} files in directories of {per_directory}, {self._receiver.delay:g} s each")
        self._programs.mend()
        pause = self._arguments.partition
        workers = self._arguments.workers
        night = plan_night(1, self._kind, self._chance, count, workers, pause)
        done, broken = self._night(night)
        if self._kind == "scheduler gone":
            self._programs.mend()
        number = 1
        while done.exit_code and not broken and number < _MOST_NIGHTS:
            number += 1
            again = Night(number, limit=night.limit)
            if self._kind == "driver" and number == 2 and self._chance.random() < 0.5:
                again = plan_night(number, self._kind, self._chance, count, workers, pause)
            done, broken = self._night(again)
        if broken:
            return broken
        done, broken = self._night(Night(number + 1))
        return broken or broken_at_the_end(done, self._journal(), self._receiver.begun, self._uids.values())

    def _night(self, night: Night) -> tuple[Done, list[str]]:
        self.told.append(str(night))
        before, there_before = self._journal(), set(self._receiver.begun)
        done = run_night(night, self._root, self._programs, self._receiver, self._program, self._arguments.workers)
        after = self._journal()
        self._surplus += surplus_allowed(done, self._arguments.workers)
        self._count(done, after)
        broken = broken_after_night(
            done, before, after, there_before, self._receiver.begun, self._uids,
            workers=self._arguments.workers, surplus=self._surplus,
        )  # fmt: skip
        return done, broken

    def _journal(self) -> dict[str, str]:
        return outcomes_of(self._root / "journal")

    def _count(self, done: Done, after: dict[str, str]) -> None:
        begun = self._receiver.begun
        surplus = begun.total() - len(begun)
        rows = Counter(row.outcome for row in done.rows.values())
        self.told.append(
            f"  exit code {done.exit_code}, {done.begun} messages, at most {done.most} associations; report "
            f"{dict(rows)}, journal {dict(Counter(after.values()))}, receiver {len(begun)} and {surplus} once more, "
            f"of {self._surplus} that may; happened {done.happened} times, ended {done.seconds:.1f} s later"
        )
        self.seen.update({"nights": 1, "messages": done.begun})
        if done.night.kind:
            self.seen[f"{done.night.kind}"] += done.happened
        self.seen[f"exit code {done.exit_code}"] += 1

    def close(self) -> None:
        """End the receiver, and count what has come once more."""
        self.seen["once more"] += self._receiver.begun.total() - len(self._receiver.begun)
        self._receiver.close()
