"""One night: a run of the program through the network that fails, and what ends it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soak.rounds import opened_copy
from soak.web.proxy import WebProxy
from support.web_peers import USER

__all__ = ["Done", "Night", "outcomes_of", "plan_night", "run_night"]

LONGEST = 120.0
_SIGNALS = {"KILL": signal.SIGKILL, "TERM": signal.SIGTERM, "INT": signal.SIGINT}
_OUTCOMES = ("stored", "refused", "failed", "unconfirmed")


@dataclass(frozen=True)
class Night:
    """The random choices for a night.

    Attributes:
        options: of the program.
        seed: of the network; empty for one without faults.
        signal: what is sent to the run, empty for nothing: ``seconds`` after the network has got ``after`` bytes.
    """

    number: int
    options: tuple[str, ...]
    seed: str = ""
    signal: str = ""
    after: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        ending = f", {self.signal} {self.seconds:.3f} s after {self.after} bytes" if self.signal else ""
        return f"night {self.number}: {' '.join(self.options)}{ending}{'' if self.seed else ', calm'}"

    @property
    def tries_again(self) -> bool:
        """Whether ``--retry`` is among the options."""
        return "--retry" in self.options


@dataclass
class Done:
    """A finished night.

    Attributes:
        document: the JSON report, None if there is none.
        lines: outcomes of the JSON lines, by SOP Instance UID.
        begun: how often each SOP Instance UID has come to the network.
        requests: how many requests have.
        fates: what the network has done.
    """

    night: Night
    exit_code: int
    stderr: str
    document: dict[str, Any] | None
    lines: dict[str, str]
    begun: Counter[str]
    requests: int
    fates: Counter[str]

    @property
    def was_killed(self) -> bool:
        """Whether a signal has ended the run before it could write its reports."""
        return self.exit_code < 0


def plan_night(number: int, chance: random.Random, length: int, *, is_calm: bool) -> Night:
    """Make the random choices for a night in which up to ``length`` bytes are to be sent."""
    batch = ("--stow-batch", chance.choice(("1", "3", "10", "50")))
    connections = ("--parallel-associations", chance.choice(("1", "1", "2", "3")))
    options = (*batch, *connections, *chance.choice(((), (), ("--stow-batch-bytes", "200k"), ("--max-rate", "2M"))))
    if is_calm:
        return Night(number, options)
    options += chance.choice(((), (), ("--retry", "2", "--retry-delay", "0", "--retry-max-time", "5")))
    ending = chance.choices(("", "KILL", "TERM", "INT"), (3, 7, 1, 1))[0]
    after = chance.choice((0, chance.randrange(length), chance.randrange(length // 4)))
    seconds = chance.choice((0.0, 0.0, chance.random() * 0.1, chance.random()))
    return Night(number, options, f"{chance.random()}", ending, after, seconds)


def run_night(night: Night, root: Path, proxy: WebProxy, program: str, length: int) -> Done:
    """Run the night to the end of the run, and of all that it has sent."""
    report, lines, errors = (root / f"{name}-{night.number}" for name in ("json", "jsonl", "stderr"))
    words = [
        program, "-v", "--stow", f"http://127.0.0.1:{proxy.port}/dicom-web", "--user", USER,
        "--password-file", str(root / "password"), "--journal", str(root / "journal"), "--resume", "-to", "10",
        "--idle-timeout", "1", "--report-json", str(report), "--report-jsonl", str(lines), *night.options, "+sd",
        str(root / "in"),
    ]  # fmt: skip
    before = proxy.fates.copy()
    proxy.begin(random.Random(night.seed) if night.seed else None, length)
    with errors.open("wb") as output:
        environment = {**os.environ, "LC_ALL": "C"}
        run = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
    try:
        _accompany(night, run, proxy)
    finally:
        run.kill()
        run.wait()
    begun = proxy.end()
    return Done(
        night, run.returncode, errors.read_text(errors="replace"),
        json.loads(report.read_text()) if report.exists() else None, _outcomes_in_lines(lines), begun, proxy.requests,
        proxy.fates - before,
    )  # fmt: skip


def _accompany(night: Night, run: subprocess.Popen[bytes], proxy: WebProxy) -> None:
    until = time.monotonic() + LONGEST
    due = float("inf")
    is_waiting = bool(night.signal)
    while run.poll() is None:
        now = time.monotonic()
        if is_waiting and proxy.received > night.after:
            is_waiting, due = False, now + night.seconds
        if now >= due:
            due = float("inf")
            run.send_signal(_SIGNALS[night.signal])
        if now > until:
            raise TimeoutError(f"still running after {LONGEST:g} s: {run.args!r}")
        time.sleep(0.001)


def _outcomes_in_lines(path: Path) -> dict[str, str]:
    """Of a file whose last line may be cut off."""
    found = {}
    if path.exists():
        for line in path.read_bytes().split(b"\n")[:-1]:
            row = json.loads(line)
            if row["type"] == "outcome":
                found[row["sop_instance_uid"]] = row["outcome"]
    return found


def outcomes_of(journal: Path) -> dict[str, str]:
    """Outcomes by SOP Instance UID, read from a copy of the journal without the code under test."""
    if not journal.exists() or not journal.stat().st_size:
        return {}
    with opened_copy(journal) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'instance'").fetchone():
            return {}
        rows = connection.execute("SELECT sop_instance_uid, outcome FROM instance").fetchall()
    return {uid: _OUTCOMES[outcome] for uid, outcome in rows}
