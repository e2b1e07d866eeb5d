"""The command: ``scripts/soak_places``."""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import traceback
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from soak.folders.receiver import Receiver
from soak.places.night import Done, Night, plan_night, run_night
from soak.places.promises import Rows, broken_after_night, broken_at_the_end, rows_of
from soak.places.world import World
from soak.rounds import BROKEN, SOAK_IS_BROKEN, numbers, parser_of, seed_of, tell_broken
from support.programs import installed_dcmsend
from support.store_servers import StorePlace, s3_place, web_place

__all__ = ["main"]

KINDS = ("s3", "s3 obstore", "web", "web obstore")
_MOST_CALM = 4


def main() -> int:
    """0 if all promises were kept, 1 if not, 2 if the soak itself has failed."""
    arguments = _parser().parse_args()
    seed = seed_of(arguments)
    with ExitStack() as stack:
        soak = _Soak(seed, arguments, stack)
        for number in numbers(arguments):
            soak.run(number)
        soak.show()
    return soak.exit_code


def _parser() -> argparse.ArgumentParser:
    description = "Random nights over object stores that stall, cut, refuse and change; nothing may be lost."
    parser = parser_of("soak_places", description, 10)
    parser.add_argument("--store", choices=KINDS, help="only this one; default: in turns")
    parser.add_argument("--kills", type=float, default=0.5, help="share of nights with a kill (default: 0.5)")
    return parser


class _Soak:
    """Runs rounds, and counts their results.

    Args:
        stack: ends the servers.
    """

    def __init__(self, seed: int, arguments: argparse.Namespace, stack: ExitStack) -> None:
        self._seed, self._arguments, self._stack = seed, arguments, stack
        self._program = arguments.dcmsend or installed_dcmsend()
        self._rounds = self._broken = self._failed = self._messages = 0
        self._places: dict[str, StorePlace] = {}
        self._seen: Counter[str] = Counter()

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        if self._broken:
            return BROKEN
        return SOAK_IS_BROKEN if self._failed or not self._rounds else 0

    def run(self, number: int) -> None:
        """Run one round below a prefix of its own."""
        chance = random.Random(f"{self._seed}:{number}")
        kind = self._arguments.store or KINDS[number % len(KINDS)]
        root = Path(tempfile.mkdtemp(prefix="soak-"))
        receiver = Receiver(random.Random(chance.random()))
        told: list[str] = [kind]
        broken: list[str] = []
        try:
            place = self._place(kind.partition(" ")[0])
            world = World(place, f"r{number}", random.Random(chance.random()), has_lists=kind.startswith("s3"))
            broken = _Round(world, receiver, root, self._program, _words(place, kind), told).play(chance, self)
        except Exception:
            self._failed += 1
            print(f"round {number}: THE SOAK ITSELF FAILED\n{told}\n{traceback.format_exc()}", flush=True)
        else:
            self._rounds += 1
        finally:
            receiver.close()
        self._messages += receiver.ever.messages
        if broken:
            self._broken += 1
            tell_broken("soak_places", self._seed, number, told, broken, root, self._arguments.keep)
        shutil.rmtree(root, ignore_errors=True)

    def _place(self, kind: str) -> StorePlace:
        """A server, started when it is needed first."""
        if kind not in self._places:
            if kind == "web":
                self._places[kind] = self._stack.enter_context(web_place())
            else:
                import pytest  # here: for a web server nothing is patched

                patch = self._stack.enter_context(pytest.MonkeyPatch.context())
                self._places[kind] = self._stack.enter_context(s3_place(patch))
        self._places[kind].requests.clear()
        return self._places[kind]

    @property
    def kills(self) -> float:
        """The share of nights with a kill."""
        return float(self._arguments.kills)

    def count(self, done: Done, world: World, receiver: Receiver, told: list[str]) -> None:
        """Note a night."""
        self._seen["nights"] += 1
        self._seen[f"exit code {done.exit_code}"] += 1
        faults = Counter(fault for each in world.tonight.faults.values() for fault in each)
        self._seen.update({f"store: {fault}": count for fault, count in faults.items()})
        self._seen["associations broken"] += done.broken
        if self._arguments.verbose:
            print("\n".join(told[-2:]), flush=True)

    def show(self) -> None:
        """Print the summary."""
        print(f"{self._rounds} rounds, {self._messages} messages: {self._broken} broken")
        print("  " + ", ".join(f"{name} {count}" for name, count in sorted(self._seen.items())))
        if self._failed:
            print(f"  {self._failed} rounds at which the soak itself failed")


def _words(place: StorePlace, kind: str) -> list[str]:
    options = [*place.options, *([("backend", "obstore")] if "obstore" in kind else [])]
    return [word for name, value in options for word in ("--storage-option", f"{name}={value}")]


class _Round:
    """One round: bad nights, good ones until nothing is left, and one with nothing to do."""

    def __init__(
        self, world: World, receiver: Receiver, root: Path, program: str, words: list[str], told: list[str]
    ) -> None:
        self._world, self._receiver, self._root = world, receiver, root
        self._program, self._words, self._told = program, words, told
        self._rows: Rows = {}

    def play(self, chance: random.Random, soak: _Soak) -> list[str]:
        """The promises that were broken."""
        self._world.add(chance.randint(20, 60))
        if chance.random() < 0.5:
            self._world.add_no_dicom()
        for number in range(1, chance.randint(3, 6)):
            if broken := self._night(plan_night(number, chance, soak.kills), soak)[1]:
                return broken
            for name in chance.sample(self._world.instances(), chance.choice((0, 0, 1, 5))):
                self._world.change(name)
            self._world.add(chance.choice((0, 0, 5)))
        for number in range(90, 90 + _MOST_CALM):
            done, broken = self._night(Night(number, "good", "good"), soak)
            if broken:
                return broken
            if done.exit_code == 0:
                break
        before = self._receiver.ever.messages
        done, broken = self._night(Night(99, "good", "good"), soak)
        messages = self._receiver.ever.messages - before
        return broken or broken_at_the_end(done, self._world, self._receiver, self._rows, messages)

    def _night(self, night: Night, soak: _Soak) -> tuple[Done, list[str]]:
        self._told.append(str(night))
        done = run_night(night, self._world, self._receiver, self._root, self._program, self._words)
        faults = Counter(fault for each in self._world.tonight.faults.values() for fault in each)
        self._told.append(f"  exit code {done.exit_code}, {dict(faults)}, {dict(self._receiver.tonight.fates)}")
        soak.count(done, self._world, self._receiver, self._told)
        before, self._rows = self._rows, rows_of(self._root / "journal")
        return done, broken_after_night(done, self._world, self._receiver, before, self._rows)
