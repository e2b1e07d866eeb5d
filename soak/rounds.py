"""What the soaks of nights have in common: their options and rounds, telling of a broken one, reading a journal."""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

__all__ = [
    "BROKEN", "SOAK_IS_BROKEN", "Round", "Rounds", "numbers", "opened_copy", "parser_of", "seed_of", "tell_broken",
]  # fmt: skip

BROKEN, SOAK_IS_BROKEN = 1, 2
"""Exit codes: a promise was broken, or the soak itself has failed."""


class Round(Protocol):
    """Some nights, and what must be true of them.

    Attributes:
        told: the nights in words.
        seen: what has happened, counted; the nights among it.
    """

    told: list[str]
    seen: Counter[str]

    def play(self) -> list[str]:
        """Play the nights; return the promises that were broken."""
        ...

    def close(self) -> None:
        """End what the round has started."""
        ...


class Rounds:
    """Plays rounds, and counts their results.

    Args:
        script: name of the command.
        keep: where the folders of rounds go that break a promise; None deletes them.
        verbose: whether every night is told.
    """

    def __init__(self, script: str, seed: int, keep: Path | None, *, verbose: bool) -> None:
        self._script, self._seed, self._keep, self._verbose = script, seed, keep, verbose
        self._rounds = self._broken = self._failed = 0
        self._seen: Counter[str] = Counter()

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        if self._broken:
            return BROKEN
        return SOAK_IS_BROKEN if self._failed or not self._rounds else 0

    def run(self, number: int, make: Callable[[Path, random.Random], Round]) -> None:
        """Play the round of a number, in a folder of its own, with chances that follow from seed and number."""
        root = Path(tempfile.mkdtemp(prefix="soak-"))
        one = make(root, random.Random(f"{self._seed}:{number}"))
        try:
            broken = one.play()
        except Exception:
            self._failed += 1
            print(f"round {number}: THE SOAK ITSELF FAILED\n{traceback.format_exc()}", flush=True)
            broken = []
        else:
            self._rounds += 1
        finally:
            one.close()
        self._seen.update(one.seen)
        if self._verbose:
            print(f"round {number}\n  " + "\n  ".join(one.told), flush=True)
        if broken:
            self._broken += 1
            tell_broken(self._script, self._seed, number, one.told, broken, root, self._keep)
        shutil.rmtree(root, ignore_errors=True)

    def show(self) -> None:
        """Print the summary."""
        print(f"{self._rounds} rounds, {self._seen['nights']} nights: {self._broken} broken")
        print("  " + ", ".join(f"{name} {count}" for name, count in sorted(self._seen.items())))
        if self._failed:
            print(f"  {self._failed} rounds at which the soak itself failed")


def parser_of(script: str, description: str, rounds: int | None) -> argparse.ArgumentParser:
    """The options that all soaks of nights have.

    ``rounds`` is how many are played unless the user says; with None they are 20, or as many as ``--seconds`` allows.
    """
    parser = argparse.ArgumentParser(prog=f"scripts/{script}", description=description)
    usual = "20, or as many as --seconds allows" if rounds is None else rounds
    parser.add_argument("rounds", type=int, nargs="?", default=rounds, help=f"how many (default: {usual})")
    parser.add_argument("--seed", type=int, help="default: another one each time; it is printed")
    parser.add_argument("--seconds", type=float, help="begin no further round after so many seconds")
    parser.add_argument("--round", type=int, help="only the round of this number")
    parser.add_argument("--keep", type=Path, help="folder for what is left of rounds that break a promise")
    parser.add_argument("--dcmsend", help="program that is run, default: the one of this environment")
    parser.add_argument("--verbose", action="store_true", help="tell every night")
    return parser


def seed_of(arguments: argparse.Namespace) -> int:
    """The seed of a run, which is printed; an interrupt from the keyboard ends the run from now on."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what runs in the background ignore it
    seed: int = random.SystemRandom().randrange(1 << 32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    return seed


def numbers(arguments: argparse.Namespace) -> Iterator[int]:
    """The numbers of the rounds to be played, as long as there is time."""
    deadline = time.monotonic() + (arguments.seconds or float("inf"))
    for number in [arguments.round] if arguments.round is not None else range(1, arguments.rounds + 1):
        if time.monotonic() > deadline:
            return
        yield number


def tell_broken(
    script: str, seed: int, number: int, told: Sequence[str], broken: Sequence[str], root: Path, keep: Path | None
) -> None:
    """Print which promises a round has broken, and how it is played again; copy its folder ``root`` below ``keep``."""
    print(f"round {number} BREAKS A PROMISE; again: scripts/{script} --seed {seed} --round {number}")
    print("  " + "\n  ".join(told))
    for each in broken[:10]:
        print("  * " + each.replace("\n", "\n    "))
    sys.stdout.flush()
    if keep:
        place = keep / f"{seed}-{number}"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(root, place, symlinks=True)


@contextmanager
def opened_copy(journal: Path) -> Iterator[sqlite3.Connection]:
    """A copy of a journal, opened with SQLite alone, with what lies beside it."""
    with tempfile.TemporaryDirectory() as copy:
        for suffix in ("", "-wal", "-journal"):
            if Path(f"{journal}{suffix}").exists():
                shutil.copy(f"{journal}{suffix}", f"{copy}/j{suffix}")
        connection = sqlite3.connect(f"{copy}/j")
        try:
            yield connection
        finally:
            connection.close()
