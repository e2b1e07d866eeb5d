"""The command: ``scripts/soak_commitments``."""

from __future__ import annotations

import argparse
import random
import shutil
from collections import Counter
from pathlib import Path

from soak.commitments.night import ArchiveProcess, Done, Night, free_fixed_port, plan_night, run_night, write_settings
from soak.commitments.promises import broken_after_run, broken_at_the_end, broken_by_events
from soak.commitments.record import Event, Journal, Log, journal_of
from soak.rounds import Rounds, numbers, parser_of, seed_of
from support.programs import installed_dcmsend
from support.sending import instance_uid
from support.series_files import write_series

__all__ = ["main"]

_STUDY = "1.2.3"
_CALM_NIGHTS = 4


def main() -> int:
    """0 if all promises were kept, 1 if not, 2 if the soak itself has failed."""
    arguments = _parser().parse_args()
    seed = seed_of(arguments)
    program = arguments.dcmsend or installed_dcmsend()
    soak = Rounds("soak_commitments", seed, arguments.keep, verbose=arguments.verbose)
    for number in numbers(arguments):
        soak.run(number, lambda root, chance: _Round(root, chance, program))
    soak.show()
    return soak.exit_code


def _parser() -> argparse.ArgumentParser:
    description = "Random nights with storage commitment in which sender and archive are killed; then calm ones."
    return parser_of("soak_commitments", description, 20)


class _Round:
    """One archive, one journal, and the nights with them.

    Attributes:
        told: the nights in words.
        seen: what has happened, counted.
    """

    def __init__(self, root: Path, chance: random.Random, program: str) -> None:
        self._root, self._chance, self._program = root, chance, program
        self.told: list[str] = []
        self.seen: Counter[str] = Counter()
        (root / "archive").mkdir()
        (root / "in").mkdir()
        self._log = Log(root / "archive" / "log")
        self._archive = ArchiveProcess(root / "archive", free_fixed_port())
        self._port = free_fixed_port() if chance.random() < 0.85 else None
        how = chance.choice(("new", "new", "same", "same-then-new")) if self._port else "same"
        self._ways = {"how": how, "back": self._port or 0, "seed": chance.random()}
        self._kills = chance.random() < 0.85
        self._events: list[Event] = []
        self._journals: dict[int, Journal] = {}
        self._paths: dict[str, str] = {}

    def play(self) -> list[str]:
        """Play all nights; return the promises that were broken."""
        count = self._chance.choice((1100, *[self._chance.randint(30, 300)] * 6))
        series = max(2, count // 20)
        write_series(self._root / "stock", [(_STUDY, f"{_STUDY}.{n % series + 1}") for n in range(count)])
        stock = sorted((self._root / "stock").iterdir())
        nights = self._chance.randint(2, 4)
        first = self._wild_night(1)
        write_settings(self._root, first)
        self._archive.start()
        for number in range(1, nights + 1):
            night = first if number == 1 else self._wild_night(number)
            share = len(stock) if number == nights else self._chance.randint(min(1, len(stock)), len(stock))
            for path in stock[:share]:
                shutil.move(path, self._root / "in" / path.name)
                self._paths[path.name] = instance_uid(int(path.name))
            del stock[:share]
            broken = self._night(night)[1]
            if broken:
                return broken
        return self._calm(nights + 1)

    def _calm(self, number: int) -> list[str]:
        for _ in range(_CALM_NIGHTS):
            done, broken = self._night(self._calm_night(number))
            if broken:
                return broken
            number += 1
            if done.exit_code == 0:
                break
        done, broken = self._night(self._calm_night(number))
        return broken or broken_at_the_end(self._journals[number + 1], self._paths, done)

    def _wild_night(self, number: int) -> Night:
        return plan_night(number, self._chance, self._ways, is_calm=False, kills=self._kills)

    def _calm_night(self, number: int) -> Night:
        return plan_night(number, self._chance, self._ways, is_calm=True, kills=False)

    def _night(self, night: Night) -> tuple[Done, list[str]]:
        self.told.append(str(night))
        before = self._journals.setdefault(night.number, journal_of(self._root / "journal"))
        done = run_night(night, self._root, self._archive, self._log, self._program, port=self._port)
        self._events += done.events
        after = self._journals[night.number + 1] = journal_of(self._root / "journal")
        self._count(done)
        broken = [
            *broken_by_events(self._events, self._journals), *broken_after_run(done, before, after, self._paths),
        ]  # fmt: skip
        return done, broken

    def _count(self, done: Done) -> None:
        rows = self._journals[done.night.number + 1].rows.values()
        states = Counter(row.state if row.is_stored else "not stored" for row in rows)
        counts = Counter(event.kind for event in done.events)
        shown = {kind: counts[kind] for kind in ("store", "action", "report", "answer", "find", "lost", "kill")}
        self.told.append(f"  exit code {done.exit_code}, {shown}, journal {dict(states)}")
        self.seen["nights"] += 1
        self.seen[f"exit code {done.exit_code}"] += 1
        names = {"store": "stores", "action": "requests", "report": "reports", "find": "queries", "lost": "lost"}
        self.seen.update({names[kind]: count for kind, count in counts.items() if kind in names})
        self.seen.update(f"kills of the {event.what}" for event in done.events if event.kind == "kill")
        self.seen.update(f"request: {event.what}" for event in done.events if event.kind == "action" and event.what)
        self.seen["kills between request and report"] += _was_killed_between(done)
        answers = [event.status for event in done.events if event.kind == "answer"]
        self.seen.update({"reports taken": answers.count(0), "reports without answer": answers.count(None)})
        self.seen["reports refused"] += len(answers) - answers.count(0) - answers.count(None)

    def close(self) -> None:
        """End the archive."""
        self._archive.kill()
        self._log.close()


def _was_killed_between(done: Done) -> bool:
    """Whether the run was killed while a request had no report."""
    open_ones: set[str] = set()
    for event in done.events:
        if event.kind == "action" and event.status == 0:
            open_ones.add(event.transaction)
        elif event.kind == "answer":
            open_ones.discard(event.transaction)
        elif event.kind == "kill" and event.what == "sender":
            return bool(open_ones)
    return False
