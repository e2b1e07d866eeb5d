"""Moves files and dies at a line of the code that does it; ``Killer`` starts it as a program and talks to it.

It forks for each move.  A process of pytest is too large for that, with all the tests it has collected: in this suite
the forks took three quarters of the time of their tests.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from dcmsend.journal import move_copy, move_file, move_note, move_recovery
from dcmsend.journal.move_file import NotMoved
from dcmsend.journal.move_note import KeptNote
from journal.move_ways import go_the_way

__all__ = ["Killer", "Move", "move_noted"]

ENDED, KILLED = "0\n", "99\n"
OURS = {module.__file__ for module in (move_copy, move_file, move_note, move_recovery)}


@dataclass(frozen=True)
class Move:
    """A file, its new name and its stamp.

    Attributes:
        way: what the system says to it, one of ``WAYS``.
        is_changed: whether it is found to be changed, but only after it was taken away.
        replaced_by: what somebody else writes under its old name before it is found to be changed.
    """

    source: str
    target: str
    stamp: tuple[int, int]
    way: str
    is_changed: bool = False
    replaced_by: str | None = None


class Killer:
    """The small process; use it as a context manager.  After a failure the next test has another one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def is_killed(self, line: int, move: Move) -> bool:
        """Have a process move a file and die at that line of ours; false if it comes to its end before."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                start_new_session=True,
            )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        code = ""
        try:
            print(json.dumps([line, asdict(move)]), file=self._process.stdin, flush=True)
            code = self._process.stdout.readline()
        finally:
            if code not in (ENDED, KILLED):
                self.close()
        assert code in (ENDED, KILLED), f"the move ended with {code!r}, see standard error"
        return code == KILLED

    def close(self) -> None:
        """End it, whatever it does."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Killer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def move_noted(move: Move) -> str:
    """Move the file as a run does, with a note of it in the new folder; the new path."""
    note = KeptNote(os.path.dirname(move.target))
    try:
        return move_file.move_file(move.source, move.target, move.stamp, note=note)
    finally:
        note.close()


def _forked(line: int, move: Move) -> int:
    """The exit code of a process that moves the file."""
    process = os.fork()
    if process == 0:
        try:
            with pytest.MonkeyPatch.context() as patch:
                go_the_way(move.way, patch)
                if move.is_changed:
                    patch.setattr(move_file.SentFile, "check", _second_check_fails(move))
                _die_at(line)
                move_noted(move)
        except NotMoved:
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _die_at(line: int) -> None:
    left = line

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in OURS:
            return None
        if event == "line":
            left -= 1
            if not left:
                os._exit(int(KILLED))
        return trace

    sys.settrace(trace)


def _second_check_fails(move: Move) -> Callable[[move_file.SentFile, os.stat_result | None], None]:
    """A check as the second one, after the file was taken away, finds it changed; there is no third one then."""
    check, checks = move_file.SentFile.check, 0

    def second_fails(self: move_file.SentFile, status: os.stat_result | None) -> None:
        nonlocal checks
        checks += 1
        if checks == 2:
            if move.replaced_by is not None:
                Path(move.source).write_bytes(move.replaced_by.encode())
            raise NotMoved("it was changed since it was sent")
        check(self, status)

    return second_fails


if __name__ == "__main__":
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a move prints is no answer
    for request in sys.stdin:
        at, fields = json.loads(request)
        print(_forked(at, Move(**{**fields, "stamp": tuple(fields["stamp"])})), file=answers, flush=True)
