"""The command: ``scripts/soak_archives``."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import tempfile
import traceback
from collections import Counter
from pathlib import Path

from soak.archives.world import World
from soak.folders.night import REPORTS, Done, Night, accompany
from soak.folders.promises import broken_in_records, nonsense_arrived, rows_of
from soak.folders.receiver import Receiver
from soak.rounds import BROKEN, SOAK_IS_BROKEN, numbers, parser_of, seed_of, tell_broken
from support.programs import installed_dcmsend

__all__ = ["main"]



def main() -> int:
    """0 if all promises were kept, 1 if not, 2 if the soak itself has failed."""
    arguments = _parser().parse_args()
    seed = seed_of(arguments)
    soak = _Soak(seed, arguments.dcmsend or installed_dcmsend(), arguments.keep, is_verbose=arguments.verbose)
    for number in numbers(arguments):
        soak.run(number)
    soak.show()
    return soak.exit_code


def _parser() -> argparse.ArgumentParser:
    description = "Random nights over zip and tar archives, with a journal and kills; nothing may be lost."
    return parser_of("soak_archives", description, 30)


class _Soak:
    """Runs rounds, and counts their results."""

    def __init__(self, seed: int, program: str, keep: Path | None, *, is_verbose: bool) -> None:
        self._seed, self._program, self._keep, self._is_verbose = seed, program, keep, is_verbose
        self._rounds = self._nights = self._broken = self._failed = self._messages = 0
        self._seen: Counter[str] = Counter()

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        if self._broken:
            return BROKEN
        return SOAK_IS_BROKEN if self._failed or not self._rounds else 0

    def run(self, number: int) -> None:
        """Run one round in a folder of its own."""
        chance = random.Random(f"{self._seed}:{number}")
        root = Path(tempfile.mkdtemp(prefix="soak-"))
        receiver = Receiver(random.Random(chance.random()))
        told: list[str] = []
        broken: list[str] = []
        try:
            broken = self._play(World(root, chance), receiver, chance, told)
        except Exception:
            self._failed += 1
            print(f"round {number}: THE SOAK ITSELF FAILED\n{traceback.format_exc()}", flush=True)
        else:
            self._rounds += 1
        finally:
            receiver.close()
        self._messages += receiver.ever.messages
        if broken:
            self._broken += 1
            tell_broken("soak_archives", self._seed, number, told, broken, root, self._keep)
        shutil.rmtree(root, ignore_errors=True)

    def _play(self, world: World, receiver: Receiver, chance: random.Random, told: list[str]) -> list[str]:
        """One to three nights with a kill or another fault, and two good ones."""
        nights = [_plan(number, chance) for number in range(1, chance.randint(2, 4))]
        before = 0
        for night in [*nights, Night(98, "good", _options(chance), False), Night(99, "good", _options(chance), False)]:
            before = receiver.ever.messages
            done = _run(night, world, receiver, chance, self._program)
            told += [str(night), f"  exit code {done.exit_code}, {dict(receiver.tonight.fates)}, {done.changes}"]
            if self._is_verbose:
                print("\n".join(told[-2:]), flush=True)
            self._nights += 1
            self._seen.update({f"exit code {done.exit_code}"})
            broken = _broken(done, world, receiver)
            if broken:
                return broken
        return _broken_at_the_end(world, receiver, receiver.ever.messages - before)

    def show(self) -> None:
        """Print the summary."""
        print(f"{self._rounds} rounds, {self._nights} nights, {self._messages} messages: {self._broken} broken")
        print("  " + ", ".join(f"{name} {count}" for name, count in sorted(self._seen.items())))
        if self._failed:
            print(f"  {self._failed} rounds at which the soak itself failed")


def _options(chance: random.Random) -> tuple[str, ...]:
    options: list[str] = []
    if chance.random() < 0.4:
        options += ["--parallel-associations", str(chance.randint(2, 4))]
    if chance.random() < 0.3:
        options.append("--send-while-scanning")
    return tuple(options)


def _plan(number: int, chance: random.Random) -> Night:
    """Make the random choices for a night; most are killed."""
    options = _options(chance)
    if chance.random() < 0.3:
        options += ("--retry", "1", "--retry-delay", "1", "--retry-max-time", "3")
    ending = chance.choices(("KILL", "TERM", "INT", ""), (6, 1, 1, 1))[0]
    mood = chance.choices(("good", "rough", "strict", "slow"), (5, 3, 1, 3))[0]
    changes = (chance.choice((0, 0, 1)), chance.choice((0, 0, 1, 3)))
    return Night(number, mood, options, False, ending, chance.randrange(40), changes=changes)


def _run(night: Night, world: World, receiver: Receiver, chance: random.Random, program: str) -> Done:
    """Run the night; the program has all processors, or one."""
    receiver.begin_night(night.mood, tells_duplicates=False)
    changes = [world.change() for _ in range(night.changes[0])]
    reports = world.root / f"reports-{night.number}"
    reports.mkdir()
    words = [
        program, "--archives", "--journal", str(world.root / "journal"), "--resume", "-to", "5", "+sd", "+r",
        *night.options, *(word for kind in REPORTS for word in (f"--report-{kind}", str(reports / kind))),
        "+crf", str(reports / "text"), "127.0.0.1", str(receiver.port), str(world.tree),
    ]  # fmt: skip
    taskset = shutil.which("taskset")
    if taskset and chance.random() < 0.5:
        words = [taskset, "-c", str(min(os.sched_getaffinity(0))), *words]
    environment = {**os.environ, "LC_ALL": "C", "TMPDIR": str(world.temporary)}
    with (reports / "stderr").open("wb") as stderr:
        run = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env=environment)
        was_killed = accompany(night, world.change, receiver, chance, run, changes)
    text = (reports / "stderr").read_text(errors="replace")
    return Done(night, run.returncode, text, reports, was_killed, changes)


def _broken(done: Done, world: World, receiver: Receiver) -> list[str]:
    """All promises that were broken in this night."""
    broken = [*nonsense_arrived(world.known, receiver), *broken_in_records(done, world.root, receiver)]
    broken += [f"the program has changed {path}" for path in world.changed_by_others()]
    broken += [f"left behind: {path}" for path in world.temporary.iterdir()]
    return broken


def _broken_at_the_end(world: World, receiver: Receiver, sent_again: int) -> list[str]:
    """All promises that are broken after two good nights without changes."""
    missing = sorted(world.wanted() - {uid for uid, _ in receiver.ever.accepted})
    broken = [f"never arrived: {uid}" for uid in missing]
    kept = {uid for outcome, _, uid in rows_of(world.root / "journal").values() if outcome == 0}
    broken += [f"not in the journal as stored: {uid}" for uid in sorted(world.wanted() - kept)]
    if sent_again:
        broken.append(f"{sent_again} messages in a run that had nothing to do")
    return broken
