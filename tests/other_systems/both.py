"""One command on this system, and on one that lacks what Linux alone has."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support import other_system
from support.programs import installed_dcmsend
from support.run import Run, run
from support.scripted_peer import ScriptedPeer

__all__ = ["Course", "Start", "as_on", "received", "report_of", "text_of"]

Start = Callable[..., Run]


def as_on(system: str) -> Start:
    """Runs a command as on a system: ``linux``, or one of ``other_system.SYSTEMS``."""

    def start(*arguments: str | Path | int, program: str = "dcmsend", cwd: Path | None = None) -> Run:
        if system == "linux":
            return run(str(Path(installed_dcmsend()).with_name(program)), *arguments, cwd=cwd)
        done = run(sys.executable, "-P", other_system.__file__, system, program, *arguments, cwd=cwd)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return start


def process_on(system: str, *arguments: str | Path | int) -> subprocess.Popen[bytes]:
    """The command as on a system, running."""
    first: list[str] = [installed_dcmsend()]
    if system != "linux":
        first = [sys.executable, "-P", other_system.__file__, system, "dcmsend"]
    return subprocess.Popen([*first, *map(str, arguments)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)


@dataclass
class Course:
    """What came of a scenario; two systems agree when theirs are equal."""

    exit_codes: list[int] = field(default_factory=list)
    received: list[Any] = field(default_factory=list)
    reports: list[Any] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


def received(peer: ScriptedPeer) -> list[tuple[str | None, bytes]]:
    """What came completely: UIDs and data sets, in an order that does not depend on associations."""
    return sorted((store.sop_instance_uid or "", bytes(store.data_set)) for store in peer.stores if store.complete)


_TIMED = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?")


def text_of(path: Path, port: int) -> str:
    """A file without times, and without the port of the receiver."""
    return re.sub(rf"\b{port}\b", "(port)", _TIMED.sub("(time)", path.read_text()))


def report_of(path: Path, port: int) -> Any:
    """A JSON report without what differs from run to run: times, durations, the port, numbers of runs."""
    return _lasting(json.loads(path.read_text()), str(port))


_PASSING = ("port", "run_id", "id", "process", "machine", "host", "platform", "bytes_per_second")


def _lasting(value: Any, port: str) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(each, port) for key, each in value.items()
                if key not in _PASSING and not isinstance(each, float) and "second" not in key}  # fmt: skip
    if isinstance(value, list):
        return [_lasting(each, port) for each in value]
    return "(port)" if value == port else _TIMED.sub("(time)", value) if isinstance(value, str) else value
