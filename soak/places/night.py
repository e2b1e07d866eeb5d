"""One night: a run of the program, and perhaps its end by a signal."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from soak.folders.receiver import Receiver
from soak.places.world import MOODS, World

__all__ = ["Done", "Night", "plan_night", "run_night"]

LONGEST = 150.0
_PEERS = ("good", "rough", "strict", "slow", "rejects")


@dataclass(frozen=True)
class Night:
    """The random choices for a night.

    Attributes:
        store, peer: how they behave.
        kill_after: number of requests and messages after which the run is killed; None if it is not.
    """

    number: int
    store: str
    peer: str
    options: tuple[str, ...] = ()
    kill_after: int | None = None

    @property
    def retries(self) -> int:
        """The most further attempts for an instance."""
        return int(self.options[self.options.index("--retry") + 1]) if "--retry" in self.options else 0

    def __str__(self) -> str:
        words = [f"store {self.store},", f"peer {self.peer}", *self.options]
        words += [] if self.kill_after is None else [f"KILL after {self.kill_after}"]
        return f"night {self.number}: {' '.join(words)}"


@dataclass
class Done:
    """A finished night.

    Attributes:
        reports: folder with ``json`` and ``jsonl``.
        broken: number of associations that the peer has ended.
    """

    night: Night
    exit_code: int
    stderr: str
    reports: Path
    broken: int

    @property
    def was_killed(self) -> bool:
        """Whether SIGKILL has ended the run, or whoever ran it in its place."""
        return self.exit_code in (-9, 137)


def plan_night(number: int, chance: random.Random, kills: float) -> Night:
    """Make the random choices for a night; ``kills`` is how probable a kill is."""
    options = ["--fetch-parallel", str(chance.choice((1, 4, 16)))]
    if chance.random() < 0.4:
        options += ["--parallel-associations", str(chance.randint(2, 4))]
    if chance.random() < 0.4:
        options += ["--retry", str(chance.randint(1, 3)), "--retry-delay", "1", "--retry-max-time", "3"]
    if chance.random() < 0.2:
        options += ["--async-window", "4"]
    store = chance.choices(list(MOODS), (1, 5, 2, 1, 1))[0]
    peer = chance.choices(_PEERS, (4, 5, 1, 2, 0.5))[0]
    kill_after = int(chance.random() ** 2 * 150) if chance.random() < kills else None
    return Night(number, store, peer, tuple(options), kill_after)


def run_night(night: Night, world: World, receiver: Receiver, root: Path, program: str, words: list[str]) -> Done:
    """Run the night to the end of the process; ``words`` are options for the store."""
    receiver.begin_night(night.peer, tells_duplicates=False)
    world.begin_night(night.store)
    reports = root / f"reports-{night.number}"
    reports.mkdir()
    command = [
        program, "--journal", str(root / "journal"), "--resume", "-nh", "-to", "5", "+sd", "+r", *night.options,
        "--report-json", str(reports / "json"), "--report-jsonl", str(reports / "jsonl"), *words,
        "127.0.0.1", str(receiver.port), world.url,
    ]  # fmt: skip
    with (reports / "stderr").open("wb") as stderr:
        run = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env={**os.environ, "LC_ALL": "C"}
        )
    try:
        _accompany(run, night, world, receiver)
    finally:
        run.kill()
        run.wait()
    _let_settle(world)
    fates = receiver.tonight.fates
    broken = sum(fates[fate] for fate in ("close", "reset", "abort", "silent close"))
    return Done(night, run.returncode, (reports / "stderr").read_text(errors="replace"), reports, broken)


def _accompany(run: subprocess.Popen[bytes], night: Night, world: World, receiver: Receiver) -> None:
    """Wait for the end, and kill when it is time."""
    deadline = time.monotonic() + LONGEST
    while run.poll() is None:
        seen = world.tonight.requests + receiver.tonight.messages
        if night.kill_after is not None and seen >= night.kill_after:
            run.send_signal(signal.SIGKILL)
        if time.monotonic() > deadline:
            raise TimeoutError(f"still running after {LONGEST:g} s: {run.args!r}")
        time.sleep(0.002)


def _let_settle(world: World) -> None:
    """Wait until the server has read what a killed sender had asked for."""
    before, looks = -1, 0
    while looks < 3:  # one look may fall into a pause of the server's thread
        time.sleep(0.1)
        looks = looks + 1 if before == world.tonight.requests else 0
        before = world.tonight.requests
