"""The command: ``scripts/soak_folders``."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import tempfile
import traceback
from collections import Counter
from pathlib import Path

from soak.folders.night import Done, Night, allowed_namespaces, plan_night, run_night
from soak.folders.promises import broken_after_night, broken_at_the_end
from soak.folders.receiver import Receiver
from soak.folders.world import World
from soak.rounds import BROKEN, SOAK_IS_BROKEN, numbers, parser_of, seed_of, tell_broken
from support.programs import installed_dcmsend

__all__ = ["main"]

_FILE_SYSTEMS = Path("/dev/shm"), Path("/var/tmp")


def main() -> int:
    """0 if all promises were kept, 1 if not, 2 if the soak itself has failed."""
    arguments = _parser().parse_args()
    seed = seed_of(arguments)
    may = allowed_namespaces()
    for name, is_allowed in may.items():
        if not is_allowed:
            print(f"not tested: namespaces for {name} are not allowed here")
    if arguments.rounds is None:
        arguments.rounds = 20 if arguments.seconds is None else 1 << 30
    soak = _Soak(seed, arguments.dcmsend or installed_dcmsend(), may, arguments.keep, verbose=arguments.verbose)
    for number in numbers(arguments):
        soak.run(number)
    soak.show()
    return soak.exit_code


def _parser() -> argparse.ArgumentParser:
    description = "Random nights over folders that others change, with a journal; nothing may be lost."
    return parser_of("soak_folders", description, None)


def _other_file_system(place: Path) -> Path | None:
    """A folder on another file system than that of ``place``, if there is one."""
    places = [other for other in _FILE_SYSTEMS if os.access(other, os.W_OK)]
    return next((other for other in places if other.stat().st_dev != place.stat().st_dev), None)


class _Soak:
    """Runs rounds, and counts their results."""

    def __init__(self, seed: int, program: str, may: dict[str, bool], keep: Path | None, *, verbose: bool) -> None:
        self._seed, self._program, self._may, self._keep, self._verbose = seed, program, may, keep, verbose
        self._rounds = self._nights = self._broken = self._failed = self._messages = 0
        self._seen: Counter[str] = Counter()

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        if self._broken:
            return BROKEN
        return SOAK_IS_BROKEN if self._failed or not self._rounds else 0

    def run(self, number: int) -> None:
        """Run one round in folders of its own."""
        chance = random.Random(f"{self._seed}:{number}")
        is_elsewhere = chance.random() < 0.4
        root = Path(tempfile.mkdtemp(prefix="soak-"))
        other = _other_file_system(root) if is_elsewhere else None
        sent = root / "sent" if other is None else Path(tempfile.mkdtemp(prefix="soak-", dir=other))
        receiver = Receiver(random.Random(chance.random()))
        told: list[str] = []
        try:
            broken = self._play(World(root, sent, chance), receiver, chance, told)
        except Exception:
            self._failed += 1
            print(f"round {number}: THE SOAK ITSELF FAILED\n{traceback.format_exc()}", flush=True)
            broken = []
        else:
            self._rounds += 1
        finally:
            receiver.close()
        self._messages += receiver.ever.messages
        if broken:
            self._tell(number, told, broken, root)
        shutil.rmtree(root, ignore_errors=True)
        shutil.rmtree(sent, ignore_errors=True)

    def _play(self, world: World, receiver: Receiver, chance: random.Random, told: list[str]) -> list[str]:
        moves = chance.random() < 0.65
        world.add(world.tree / "a", chance.randint(5, 40))
        world.add(world.tree / "b" / "c", chance.randint(0, 20))
        for number in range(1, chance.randint(2, 5)):
            night = plan_night(number, chance, moves=moves, may=self._may)
            broken = self._night(night, world, receiver, chance, told)
            if broken:
                return broken
        before = 0
        for number in (98, 99):
            before = receiver.ever.messages
            night = Night(number, "good", (), moves)
            broken = self._night(night, world, receiver, chance, told)
            if broken:
                return broken
        return broken_at_the_end(world, receiver, receiver.ever.messages - before, moves=moves)

    def _night(
        self, night: Night, world: World, receiver: Receiver, chance: random.Random, told: list[str]
    ) -> list[str]:
        told.append(str(night))
        done = run_night(night, world, receiver, chance, self._program)
        told.append(f"  exit code {done.exit_code}, {dict(receiver.tonight.fates)}, {', '.join(done.changes)}")
        if self._verbose:
            print("\n".join(told[-2:]), flush=True)
        self._count(done)
        return broken_after_night(done, world, receiver)

    def _count(self, done: Done) -> None:
        self._nights += 1
        self._seen[f"exit code {done.exit_code}"] += 1
        self._seen.update(change for change in done.changes)
        self._seen.update({f"second run, {done.night.second}"} if done.night.second else ())
        self._seen.update({f"mount of {done.night.mount}"} if done.night.mount else ())

    def _tell(self, number: int, told: list[str], broken: list[str], root: Path) -> None:
        self._broken += 1
        tell_broken("soak_folders", self._seed, number, told, broken, root, self._keep)

    def show(self) -> None:
        """Print the summary."""
        print(f"{self._rounds} rounds, {self._nights} nights, {self._messages} messages: {self._broken} broken")
        print("  " + ", ".join(f"{name} {count}" for name, count in sorted(self._seen.items())))
        if self._failed:
            print(f"  {self._failed} rounds at which the soak itself failed")
