"""A terminal to run programs in, and what a person sees on it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence

import pyte

__all__ = ["Terminal", "all_written", "masked"]

_TIMES = (
    (r"\d\d:\d\d:\d\d", "HH:MM:SS"),
    (r"127\.0\.0\.1:\d+", "PEER"),
    (r"\d+(\.\d)?/s", "N/s"),
    (r"\d+(\.\d)? [kMG]?B/s", "N B/s"),
    (r"\d+s left", "Ns left"),
    (r"next try in \d+s", "next try in Ns"),
)


class Terminal:
    """A program on a pseudo-terminal of its own, with its standard input, output and error.

    Use it as a context manager: at the end the program is killed if it still runs.
    """

    def __init__(
        self, argv: Sequence[object], *, columns: int = 80, rows: int = 24, environment: Mapping[str, str] | None = None
    ) -> None:
        self._master, slave = os.openpty()
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.resize(columns, rows)
        self.written = b""
        self.process = subprocess.Popen(
            [str(word) for word in argv], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", **(environment or {})},
        )  # fmt: skip
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def resize(self, columns: int, rows: int = 24) -> None:
        """Change the size, as a window does."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._screen.resize(rows, columns)

    def interrupt(self) -> None:
        """What Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    @property
    def cursor_is_hidden(self) -> bool:
        """Whether the program has hidden the cursor and not shown it again."""
        return bool(self._screen.cursor.hidden)

    @property
    def lines(self) -> list[str]:
        """The visible lines, without trailing blanks and without empty lines."""
        return [line.rstrip() for line in self._screen.display if line.strip()]

    def styled(self) -> list[list[tuple[str, str]]]:
        """All lines as characters with their colours, without trailing blanks."""
        lines = []
        for number, text in enumerate(self._screen.display):
            cells = self._screen.buffer[number]
            lines.append([(cells[column].data, cells[column].fg) for column in range(len(text.rstrip()))])
        return lines

    def wait_for(self, is_there: Callable[[list[str]], bool], seconds: float = 60.0) -> list[str]:
        """Read until the lines are as wanted."""
        end = time.monotonic() + seconds
        while not is_there(self.lines):
            assert time.monotonic() < end, "\n".join(self.lines)
            assert self.read() or is_there(self.lines), "\n".join(self.lines)
        return self.lines

    def finish(self, seconds: float = 60.0) -> tuple[int, list[str]]:
        """Read to the end; return the exit code and the visible lines."""
        end = time.monotonic() + seconds
        while self.read():
            assert time.monotonic() < end, "\n".join(self.lines)
        return self.process.wait(seconds), self.lines

    def read(self) -> bool:
        """Take what the program has written; false when it has ended."""
        if not select.select([self._master], [], [], 0.1)[0]:
            return True
        data = b""
        with contextlib.suppress(OSError):  # Linux tells the end of the program so
            data = os.read(self._master, 1 << 16)
        self.written += data
        self._stream.feed(data)
        return bool(data)


def all_written(leader: int) -> bytes:
    """What was written to a terminal that no program has open any more; the system hands it over in parts."""
    written = b""
    with contextlib.suppress(OSError):  # Linux tells the end so
        while part := os.read(leader, 1 << 16):
            written += part
    os.close(leader)
    return written


def masked(lines: Sequence[str]) -> list[str]:
    """Lines without parts that differ in each run, and with one blank between columns."""
    masked_lines = []
    for line in lines:
        for pattern, word in _TIMES:
            line = re.sub(pattern, word, line)
        masked_lines.append(re.sub(" {3,}", "   ", line))
    return masked_lines
