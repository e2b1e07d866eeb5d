"""One night: a run of the program beside the archive, and what kills one of them."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soak.commitments.record import Event, Log
from support.processes import is_listening, wait_until

__all__ = [
    "CALM", "FATES", "ArchiveProcess", "Done", "Night", "Trigger", "free_fixed_port", "plan_night", "run_night",
    "write_settings",
]  # fmt: skip

FATES = {
    "busy": 0.12, "never": 0.1, "repeat": 0.12, "overtake": 0.15, "abort": 0.08, "deny": 0.2, "partial": 0.06,
    "strange": 0.05,
}  # fmt: skip
"""Misbehaviours at a request, and their probabilities in a night that is not calm: refused for now; no report; the
report twice; the report before the answer; aborted in the place of an answer; some instances lost or not committed;
some not named; other reports first, on a transaction that nobody has asked for."""

CALM: dict[str, Any] = {"fates": {}, "delay": 0.1, "insists": True, "remembers": True, "finds": True}
"""Settings of a calm night.  ``delay``: longest time to a report; ``insists``: a report that did not arrive is sent
again; ``remembers``: also after a restart; ``finds``: queries are answered."""

LONGEST = 120.0
_ROOT = Path(__file__).resolve().parents[2]
_SIGNALS = {"KILL": signal.SIGKILL, "TERM": signal.SIGTERM, "INT": signal.SIGINT}


@dataclass(frozen=True)
class Trigger:
    """When something is done: some seconds after the archive has noted so many events of a kind."""

    kind: str
    count: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.seconds:.3f} s after {self.kind} {self.count}"


@dataclass(frozen=True)
class Night:
    """The random choices for a night.

    Attributes:
        settings: of the archive.
        wait: ``--commit-wait``.
        signal: what is sent to the run, empty for nothing; ``when`` says at which moment.
        restart: when the archive is killed, and started again after ``pause`` seconds; None for never.
    """

    number: int
    settings: Mapping[str, Any]
    wait: str
    signal: str = ""
    when: Trigger | None = None
    restart: Trigger | None = None
    pause: float = 0.0

    def __str__(self) -> str:
        words = [f"night {self.number}: wait {self.wait}"]
        words += [f"{name} {value}" for name, value in self.settings.items() if name not in ("fates", "seed", "back")]
        words += ["calm"] if not self.settings["fates"] else []
        words += [f"{self.signal} {self.when}"] if self.signal else []
        words += [f"archive killed {self.restart}"] if self.restart else []
        return ", ".join(words)


@dataclass
class Done:
    """A finished night; ``left`` names what the run has left behind: a port, a process."""

    night: Night
    exit_code: int
    stderr: str
    report: Path
    events: list[Event]
    left: list[str] = field(default_factory=list)

    @property
    def was_killed(self) -> bool:
        """Whether the run was ended by SIGKILL, or by another signal before it handled signals."""
        return self.exit_code < 0


class ArchiveProcess:
    """The archive of one round, on one port from its first start to its last."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        words = [sys.executable, "-m", "soak.commitments.archive", str(self._folder), str(self.port)]
        setpriv = shutil.which("setpriv")
        words = [setpriv, "--pdeathsig", "KILL", "--", *words] if setpriv else words
        environment = {**os.environ, "PYTHONPATH": f"{_ROOT}{os.pathsep}{_ROOT / 'tests'}"}
        with (self._folder / "archive-output").open("ab") as output:
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd=_ROOT
            )
        process = self._process
        wait_until(lambda: is_listening(self.port) or process.poll() is not None, 60, "the archive")
        assert process.poll() is None, (self._folder / "archive-output").read_text()[-2000:]

    def kill(self) -> None:
        """SIGKILL; harmless when it is gone already."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


def free_fixed_port() -> int:
    """A port of 127.0.0.1 that is free and that the system gives to nobody who asks for any port.

    It does not follow from the seed: another soak may play the same seed at the same time.
    """
    chance = random.SystemRandom()
    while True:
        port = chance.randrange(15000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


def plan_night(number: int, chance: random.Random, ways: Mapping[str, Any], *, is_calm: bool, kills: bool) -> Night:
    """Make the random choices for a night.

    ``ways`` are settings for the whole round; ``kills``: whether the archive may be killed.
    """
    if is_calm:
        return Night(number, {**CALM, **ways}, "30")
    settings = {
        "fates": FATES, "delay": chance.choice((0.0, 0.3, 1.0, 2.5)), "insists": chance.random() < 0.4,
        "remembers": chance.random() < 0.5, "finds": chance.random() < 0.6, **ways,
    }  # fmt: skip
    ending = chance.choices(("", "KILL", "TERM", "INT"), (3, 6, 1, 1))[0]
    when = _trigger(chance, (6, 3, 1, 2)) if ending else None
    restart = _trigger(chance, (4, 4, 1, 2)) if kills and chance.random() < 0.6 else None
    wait = chance.choices(("0", "1", "2"), (1, 4, 2))[0]
    return Night(number, settings, wait, ending, when, restart, chance.choice((0.0, 0.2, 1.0)))


def _trigger(chance: random.Random, weights: tuple[int, int, int, int]) -> Trigger:
    kind = chance.choices(("action", "report", "answer", "store"), weights)[0]
    count = chance.randint(1, 60) if kind == "store" else chance.choice((1, 1, 1, 1, 2))
    return Trigger(kind, count, chance.choice((0.0, 0.0, chance.random() * 0.05, chance.random())))


def write_settings(root: Path, night: Night) -> None:
    """Let the archive behave as the night wants; it may read at any moment."""
    fresh = root / "archive" / "settings-new.json"
    fresh.write_text(json.dumps({**night.settings}))
    fresh.replace(fresh.with_name("settings.json"))


def run_night(night: Night, root: Path, archive: ArchiveProcess, log: Log, program: str, *, port: int | None) -> Done:
    """Run the night, from the marker in the archive's file to the end of the run."""
    write_settings(root, night)
    events = log.new()
    log.write("night", number=night.number)
    report, errors = root / f"report-{night.number}.json", root / f"stderr-{night.number}"
    words = [
        program, "-v", "--journal", str(root / "journal"), "--resume", "--commit", "--commit-wait", night.wait,
        *([] if port is None else ["--commit-port", f"127.0.0.1:{port}"]), "--report-json", str(report), "-to", "20",
        "-aec", "ARCHIVE", "+sd", "127.0.0.1", str(archive.port), str(root / "in"),
    ]  # fmt: skip
    with errors.open("wb") as output:
        environment = {**os.environ, "LC_ALL": "C"}
        run = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
    try:
        events += _accompany(night, run, archive, log)
    finally:
        run.kill()
        run.wait()
    left = _left_behind(root, port)
    events += _wait_for_quiet(log, events)
    return Done(night, run.returncode, errors.read_text(errors="replace"), report, events, left)


def _accompany(night: Night, run: subprocess.Popen[bytes], archive: ArchiveProcess, log: Log) -> list[Event]:
    """Kill what is to be killed when its moment has come; return the events of the night."""
    events: list[Event] = []
    until = time.monotonic() + LONGEST
    due: dict[str, float] = {}  # moments that are set
    waiting = {"sender": night.when, "archive": night.restart}
    while run.poll() is None:
        events += log.new()
        for what, trigger in list(waiting.items()):
            if trigger is not None and sum(event.kind == trigger.kind for event in events) >= trigger.count:
                due[what] = time.monotonic() + trigger.seconds
                waiting[what] = None
        for what in [what for what, moment in due.items() if time.monotonic() >= moment]:
            del due[what]
            if what == "archive":
                archive.kill()
                log.write("kill", what=what)
                time.sleep(night.pause)
                archive.start()
            elif run.poll() is None:
                run.send_signal(_SIGNALS[night.signal])
                if night.signal == "KILL" and run.wait() == -signal.SIGKILL:
                    log.write("kill", what=what)
        if time.monotonic() > until:
            raise TimeoutError(f"still running after {LONGEST:g} s: {run.args!r}")
        time.sleep(0.001 if due or any(waiting.values()) else 0.01)
    return events


def _left_behind(root: Path, port: int | None) -> list[str]:
    """What is still there some seconds after a run has ended: what was killed with it goes a little later."""
    until = time.monotonic() + 10
    while (left := _still_there(root, port)) and time.monotonic() < until:
        time.sleep(0.05)
    return left


def _still_there(root: Path, port: int | None) -> list[str]:
    left = [f"port {port} is still open"] if port is not None and is_listening(port) else []
    name = os.fsencode(root / "journal")
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if name in entry.read_bytes().split(b"\0"):
                left.append(f"process {entry.parent.name} is left")
    return left


def _wait_for_quiet(log: Log, before: list[Event]) -> list[Event]:
    """Wait until the archive has read what was still in the sockets of the run, at most some seconds."""
    events = log.new()
    until = time.monotonic() + 15
    quiet = 0
    while quiet < 3 and time.monotonic() < until:  # one look may fall into a pause of the archive's
        time.sleep(0.1)
        more = log.new()
        events += more
        is_busy = any(event.kind in ("store", "action", "open", "close") for event in more)
        seen = [*before, *events]
        quiet = 0 if is_busy or _is_waiting_for_answer(seen) or _is_connected(seen) else quiet + 1
    return events


def _is_connected(events: list[Event]) -> bool:
    """Whether a connection to the archive, since it was started last, is still open."""
    kinds = [event.kind for event in events]
    since = kinds[len(kinds) - kinds[::-1].index("start") :] if "start" in kinds else kinds
    return since.count("open") > since.count("close")


def _is_waiting_for_answer(events: list[Event]) -> bool:
    """Whether the archive, since it was started last, has sent a report without noting what has come of it."""
    waiting: set[int] = set()
    for event in events:
        if event.kind == "start":
            waiting.clear()
        elif event.kind == "report":
            waiting.add(event.number)
        elif event.kind == "answer":
            waiting.discard(event.number)
    return bool(waiting)
