"""One night: a run of the program, changes to the folders at the same time, and the end of the run."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from soak.folders.receiver import MOODS, Receiver, Stored
from soak.folders.world import World

__all__ = ["REPORTS", "Done", "Night", "accompany", "allowed_namespaces", "plan_night", "run_night"]

LONGEST = 120.0
REPORTS = ("json", "jsonl", "csv", "html")
_SIGNALS = {"KILL": signal.SIGKILL, "TERM": signal.SIGTERM, "INT": signal.SIGINT}


@dataclass(frozen=True)
class Night:
    """The random choices for a night.

    Attributes:
        ending: ``""`` or the signal that ends the run.
        after: number of messages after which the signal is sent.
        second: another run at the same time: ``""``, ``same journal`` or ``same process number``.
        mount: ``""``, ``tree`` (mounted a second time) or ``sent`` (also mounted inside the tree).
        changes: number of changes before and during the run.
    """

    number: int
    mood: str
    options: tuple[str, ...]
    moves: bool
    ending: str = ""
    after: int = 0
    second: str = ""
    mount: str = ""
    changes: tuple[int, int] = (0, 0)
    tells_duplicates: bool = False

    def __str__(self) -> str:
        words = [self.mood, *self.options, *(["duplicates"] if self.tells_duplicates else [])]
        words += ["--move-sent"] if self.moves else []
        words += [f"{self.ending} after {self.after}"] if self.ending else []
        words += [each for each in (self.second, self.mount and f"mount of {self.mount}") if each]
        return f"night {self.number}: {' '.join(words)}, changes {self.changes}"


@dataclass
class Done:
    """A finished night.

    Attributes:
        reports: folder with ``json``, ``jsonl``, ``csv``, ``html``, ``text``.
        was_killed: whether SIGKILL has ended the run.
        moved_before: contents that were only in the sent directory when the night began.
    """

    night: Night
    exit_code: int
    stderr: str
    reports: Path
    was_killed: bool
    changes: list[str] = field(default_factory=list)
    second_exit_code: int | None = None
    moved_before: set[Stored] = field(default_factory=set)


def allowed_namespaces() -> dict[str, bool]:
    """Whether this process may make mounts and process numbers of its own."""
    unshare = shutil.which("unshare")

    def works(*words: str) -> bool:
        if unshare is None:
            return False
        return subprocess.run([unshare, *words], capture_output=True, check=False).returncode == 0

    return {"mount": works("-m", "true"), "pid": works("--pid", "--fork", "true")}


def plan_night(number: int, chance: random.Random, *, moves: bool, may: dict[str, bool]) -> Night:
    """Make the random choices for a night."""
    options: list[str] = []
    if chance.random() < 0.4:
        options += ["--parallel-associations", str(chance.randint(2, 4))]
    if chance.random() < 0.3:
        options.append("--send-while-scanning")
    if chance.random() < 0.3:
        options += ["--retry", str(chance.randint(1, 2)), "--retry-delay", "1", "--retry-max-time", "3"]
    if chance.random() < 0.2:
        options += ["--async-window", "4"]
    if chance.random() < 0.1:
        options += ["--max-duration", "1"]
    second = chance.choices(("", "same journal", "same process number"), (8, 1, 1.5))[0]
    second = "" if second == "same process number" and not (may["pid"] and moves) else second
    mount = chance.choices(("", "tree", "sent"), (8, 1, 1))[0]
    mount = "" if not may["mount"] or second or (mount == "sent" and not moves) else mount
    ending = chance.choices(("", "KILL", "TERM", "INT"), (5, 3, 1, 1))[0]
    if second == "same process number" and ending:
        ending = "KILL"  # unshare does not pass other signals on
    mood = chance.choices(list(MOODS), (5, 4, 2, 0.3, 1, 0.7, 0.4))[0]
    changes = (chance.randrange(12), chance.choice((0, 0, 2, 5, 20)))
    tells_duplicates = chance.random() < 0.2
    return Night(
        number, mood, tuple(options), moves, ending, chance.randrange(30), second, mount, changes, tells_duplicates
    )


def run_night(night: Night, world: World, receiver: Receiver, chance: random.Random, program: str) -> Done:
    """Run the night, from the changes before it to the end of all processes."""
    receiver.begin_night(night.mood, tells_duplicates=night.tells_duplicates)
    world.add(world.tree / "a", chance.choice((0, 5, 60)) if night.changes != (0, 0) else 0)
    changes = [world.change() for _ in range(night.changes[0])]
    already = world.stored_in(world.sent) - world.stored_in(world.tree) - world.stored_in(world.other)
    reports = world.root / f"reports-{night.number}"
    reports.mkdir()
    second = None
    run = _start(night, world, receiver.port, program, reports, "journal", world.tree)
    if night.second:
        is_same = night.second == "same journal"
        folder = world.tree if is_same else world.other
        (reports / "second").mkdir()
        if not is_same:
            world.add_rivals(60)
        journal = "journal" if is_same else "journal-2"
        second = _start(night, world, receiver.port, program, reports / "second", journal, folder)
    was_killed = accompany(night, world.change, receiver, chance, run, changes)
    second_code = None
    if second is not None:
        try:
            second_code = second.wait(LONGEST)
        finally:
            second.kill()
    stderr = (reports / "stderr").read_text(errors="replace")
    return Done(night, run.returncode, stderr, reports, was_killed, changes, second_code, already)


def accompany(
    night: Night,
    change: Callable[[str], str],
    receiver: Receiver,
    chance: random.Random,
    run: subprocess.Popen[bytes],
    changes: list[str],
) -> bool:
    """Make changes during the run, and end it if that was chosen; return whether SIGKILL has ended it.

    ``change`` gets the UID of the last instance that has arrived, and returns its own name.
    """
    deadline = time.monotonic() + LONGEST
    left, is_due = night.changes[1], bool(night.ending)
    try:
        while run.poll() is None:
            if left and receiver.tonight.messages:
                left -= 1
                changes.append(change(receiver.tonight.last))
            if is_due and (receiver.tonight.messages >= night.after or time.monotonic() > deadline - LONGEST + 3):
                time.sleep(chance.choice((0.0, 0.01, 0.1)))
                _signal(run, night)
                is_due = False
            if time.monotonic() > deadline:
                raise TimeoutError(f"still running after {LONGEST:g} s: {run.args!r}")
            time.sleep(0.001 if left or is_due else 0.01)
    finally:
        run.kill()
        run.wait()
    return run.returncode in (-9, 137, -15, -2)  # the last two: the program did not handle signals yet


def _signal(run: subprocess.Popen[bytes], night: Night) -> None:
    if run.poll() is None:
        run.send_signal(_SIGNALS[night.ending])


def _start(
    night: Night, world: World, port: int, program: str, reports: Path, journal: str, folder: Path
) -> subprocess.Popen[bytes]:
    words = [
        program, "--journal", str(world.root / journal), "--resume", "-to", "5", "+sd", "+r", *night.options,
        *(word for kind in REPORTS for word in (f"--report-{kind}", str(reports / kind))),
        "+crf", str(reports / "text"),
        *(("--move-sent", str(world.sent)) if night.moves else ()), "127.0.0.1", str(port), str(folder),
    ]  # fmt: skip
    if night.mount and journal == "journal":
        place = world.root / "mounted" if night.mount == "tree" else world.tree / "mounted"
        place.mkdir(exist_ok=True)
        source = world.tree if night.mount == "tree" else world.sent
        if night.mount == "tree":
            words.append(str(place))
        script = 'mount --bind "$0" "$1" && shift && exec "$@"'
        words = ["unshare", "-m", "sh", "-c", script, str(source), str(place), *words]
    if night.second == "same process number":
        words = ["unshare", "--pid", "--fork", "--kill-child=KILL", *words]
    with (reports / "stderr").open("wb") as stderr:
        environment = {**os.environ, "LC_ALL": "C"}
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env=environment)
