"""One night: a run of the program over the cluster, and what happens to one of them meanwhile."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soak.cluster.programs import Programs
from soak.cluster.receiver import Receiver
from soak.rounds import opened_copy

__all__ = ["KINDS", "Done", "Night", "Row", "outcomes_of", "plan_night", "run_night"]

KINDS = ("worker", "host", "driver", "scheduler", "scheduler gone", "partition", "drain", "abort")
"""What happens: a process that sends is killed; all of a host; the driver; the scheduler, which comes back at once, or
not before the driver has ended; a host is stopped for a while; the driver is asked to end; and then once more."""

_LONGEST = 900.0
_PATIENCE = "3"
"""Seconds for which a driver waits for a scheduler that does not come back."""
_OUTCOMES = ("stored", "refused", "failed", "unconfirmed")


@dataclass(frozen=True)
class Night:
    """The random choices for a night.

    Attributes:
        kind: what happens, one of ``KINDS``; empty for nothing.
        after: messages that the receiver has got when it happens, and ``seconds`` more.
        times: how often it happens, for workers: after twice as many messages the second time, and so on.
        host: whose turn it is first.
        limit: of associations, as written; 0 for one a worker.
        pause: seconds for which a host is stopped; or until the second signal.
        signal: INT or TERM.
    """

    number: int
    kind: str = ""
    after: int = 0
    seconds: float = 0.0
    times: int = 1
    host: int = 0
    limit: int = 0
    pause: float = 0.0
    signal: str = ""

    def __str__(self) -> str:
        limit = f", --parallel-associations {self.limit}" if self.limit else ""
        if not self.kind:
            return f"night {self.number}: calm{limit}"
        times = f" {self.times} times" if self.times > 1 else ""
        pause = f", for {self.pause:.3f} s" if self.pause else ""
        name = f" ({self.signal})" if self.signal else ""
        return (
            f"night {self.number}: {self.kind}{name}{times}, {self.seconds:.3f} s after {self.after} messages"
            f"{pause}{limit}"
        )


@dataclass(frozen=True)
class Row:
    """What a report says of an input: outcome, and the SOP Instance UID, empty if it was not read."""

    outcome: str
    uid: str


@dataclass
class Done:
    """A finished night.

    Attributes:
        happened: how often what was planned could be done.
        document: the JSON report, None if there is none.
        rows, lines: of the JSON report and of the JSON lines, by path.
        begun: how many instances have come to the receiver.
        most: the most associations at the same time.
        seconds: from what happened first to the end of the run.
    """

    night: Night
    happened: int
    exit_code: int
    stderr: str
    document: dict[str, Any] | None
    rows: dict[str, Row]
    lines: dict[str, Row]
    begun: int
    most: int
    seconds: float

    @property
    def was_killed(self) -> bool:
        """Whether a signal has ended the run before it could write its reports."""
        return self.exit_code < 0


def plan_night(number: int, kind: str, chance: random.Random, count: int, workers: int, pause: float) -> Night:
    """Make the random choices for a night in which ``count`` instances are to be sent."""
    times = chance.choice((1, 1, 2, 3)) if kind in ("worker", "host") else 1
    after = chance.choice((0, 1, chance.randrange(count), chance.randrange(count), chance.randrange(count)))
    seconds = chance.choice((0.0, 0.0, chance.random() * 0.3, chance.random() * 2)) if after else chance.random() * 5
    limit = chance.choice((0, 0, 0, 1, 2, workers + 2))
    waits = {"partition": pause, "abort": chance.choice((0.0, 0.02, 0.1, 0.5))}.get(kind, 0.0)
    name = chance.choice(("INT", "TERM")) if kind in ("drain", "abort") else ""
    return Night(number, kind, after // times, seconds, times, chance.randrange(workers), limit, waits, name)


def run_night(night: Night, root: Path, programs: Programs, receiver: Receiver, program: str, workers: int) -> Done:
    """Run the night to the end of the run; a host that was stopped has gone on and sends no more."""
    report, lines, errors = (root / f"{name}-{night.number}" for name in ("json", "jsonl", "stderr"))
    options = ("--parallel-associations", str(night.limit)) if night.limit else ()
    if night.kind == "scheduler gone":
        options += ("--retry", "1", "--retry-max-time", _PATIENCE)
    words = [
        program, "-v", "--cluster", programs.address, "--journal", str(root / "journal"), "--resume",
        "--report-json", str(report), "--report-jsonl", str(lines), *options, "+sd", "+r", "127.0.0.1",
        str(receiver.port), "in",
    ]  # fmt: skip
    before = receiver.messages
    receiver.forget_most()
    with errors.open("wb") as output:
        run = subprocess.Popen(
            words, cwd=root, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, "LC_ALL": "C"}
        )
    happenings = _Happenings(night, programs, workers)
    try:
        _accompany(happenings, run, receiver, before)
    finally:
        run.kill()
        run.wait()
        ended = time.monotonic()
    happenings.end(receiver)
    document = json.loads(report.read_text()) if report.exists() else None
    return Done(
        night, happenings.count, run.returncode, errors.read_text(errors="replace"), document,
        dict(map(_row_of, document["instances"])) if document else {}, dict(_rows_in_lines(lines)),
        receiver.messages - before, receiver.most, ended - happenings.first if happenings.first else 0.0,
    )  # fmt: skip


class _Happenings:
    """Does what a night has planned.

    Attributes:
        count: how often it was done.
        first: when.
    """

    def __init__(self, night: Night, programs: Programs, workers: int) -> None:
        self._night, self._programs, self._workers = night, programs, workers
        self._due: float | None = None
        self._goes_on: float | None = None
        self._second: float | None = None
        self._is_gone = False
        self.count = 0
        self.first = 0.0

    def look(self, run: subprocess.Popen[bytes], begun: int) -> None:
        """Do what is due; ``begun``: messages that the receiver has got this night."""
        night, now = self._night, time.monotonic()
        if self._due is None and self.count < night.times and night.kind and begun >= night.after * (self.count + 1):
            self._due = now + night.seconds
        if self._due is not None and now >= self._due and self.count < night.times:
            self._due = None
            if self._do(run):
                self.count += 1
                self.first = self.first or now
        if self._second is not None and now >= self._second:
            self._second = None
            run.send_signal(getattr(signal, f"SIG{night.signal}"))
        if self._goes_on is not None and now >= self._goes_on:
            self._goes_on = None
            self._programs.go_on()
        if self.count and night.kind in ("host", "scheduler"):
            self._programs.start_ended()

    def _do(self, run: subprocess.Popen[bytes]) -> bool:
        night, now = self._night, time.monotonic()
        host = (night.host + self.count) % self._workers
        if night.kind == "worker":
            return self._programs.kill_worker(host)
        if night.kind == "host":
            self._programs.kill_host(host)
        elif night.kind == "driver":
            run.kill()
        elif night.kind.startswith("scheduler"):
            self._programs.kill_scheduler()
        elif night.kind == "partition":
            self._programs.stop_host(host)
            self._goes_on = now + night.pause
        else:
            run.send_signal(getattr(signal, f"SIG{night.signal}"))
            if night.kind == "abort":
                self._second = now + night.pause
        return True

    def end(self, receiver: Receiver) -> None:
        """After the run: a host that is stopped goes on when it is time, and may send what it still has."""
        if self._goes_on is not None:
            time.sleep(max(0.0, self._goes_on - time.monotonic()))
            self._programs.go_on()
        if self._night.kind not in ("partition", "scheduler gone"):
            return
        until = time.monotonic() + _LONGEST
        while not receiver.is_quiet:
            if time.monotonic() > until:
                raise TimeoutError("associations that do not end")
            time.sleep(0.05)


def _accompany(happenings: _Happenings, run: subprocess.Popen[bytes], receiver: Receiver, before: int) -> None:
    until = time.monotonic() + _LONGEST
    while run.poll() is None:
        happenings.look(run, receiver.messages - before)
        if time.monotonic() > until:
            raise TimeoutError(f"still running after {_LONGEST:g} s: {run.args!r}")
        time.sleep(0.002)


def _row_of(row: dict[str, Any]) -> tuple[str, Row]:
    return row["path"], Row(row["outcome"], row["sop_instance_uid"] or "")


def _rows_in_lines(path: Path) -> Iterator[tuple[str, Row]]:
    """Of a file whose last line may be cut off."""
    if path.exists():
        for line in path.read_bytes().split(b"\n")[:-1]:
            row = json.loads(line)
            if row["type"] == "outcome":
                yield _row_of(row)


def outcomes_of(journal: Path) -> dict[str, str]:
    """Outcomes by SOP Instance UID, read from a copy of the journal without the code under test."""
    if not journal.exists() or not journal.stat().st_size:
        return {}
    with opened_copy(journal) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'instance'").fetchone():
            return {}
        rows = connection.execute("SELECT sop_instance_uid, outcome FROM instance").fetchall()
    return {uid: _OUTCOMES[outcome] for uid, outcome in rows}
