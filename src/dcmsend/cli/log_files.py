"""Log files that are rolled over by size or by time, as in log4cplus."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import time
from typing import BinaryIO, Final

from .log_pattern import format_time
from .log_properties import LogTrouble, as_bool, as_integer
from .terminal import to_bytes

__all__ = ["DailyRollingLogFile", "LogFile", "RollingLogFile"]

_LEAST_ROLLING_SIZE: Final = 200 * 1024
_DEFAULT_ROLLING_SIZE: Final = 10 * 1024 * 1024
_DAY: Final = 24 * 60 * 60
_PIPE_SECONDS: Final = 5.0
"""For so long a pipe without a reader is waited for: who reads it may have been started at the same time."""
_PIPE_LOOK: Final = 0.05


class LogFile:
    """A file to which text is written; an error is reported once, and text that cannot be written is lost."""

    appends_by_default = False

    def __init__(self, properties: dict[str, str], trouble: LogTrouble) -> None:
        self.path = properties.get("File", "")
        self._trouble = trouble
        self._has_told = False
        self._flushes = as_bool(properties, "ImmediateFlush", True)
        self._file: BinaryIO | None = None
        if self.path:
            self._open("ab" if as_bool(properties, "Append", self.appends_by_default) else "wb")
        else:
            self._tell_once("Invalid filename")

    def write(self, text: str, seconds: float) -> None:
        """Add text of a message with this time (seconds since the epoch)."""
        if self._file is None:
            self._tell_once(f"file is not open: {self.path}")
            return
        try:
            self._file.write(to_bytes(text))
            if self._flushes:
                self._file.flush()
        except OSError:
            self._tell_once(f"Unable to write to file: {self.path}")

    def close(self) -> None:
        """Write buffered text and close."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError:
                self._tell_once(f"Unable to write to file: {self.path}")

    def _size(self) -> int:
        """The length of the file; 0 for a pipe or a terminal, which has none and never gets too long."""
        try:
            return 0 if self._file is None else self._file.tell()
        except OSError:
            return 0

    def _open(self, mode: str) -> None:
        try:
            opener = _open_pipe if _is_pipe(self.path) else None
            self._file = open(self.path, mode, opener=opener)  # type: ignore[assignment]  # noqa: SIM115 - see close()
        except (OSError, ValueError):
            self._tell_once(f"Unable to open file: {self.path}")

    def _tell_once(self, text: str) -> None:
        if not self._has_told:
            self._has_told = True
            self._trouble.error(text)

    def _shift_backups(self, path: str, most: int) -> None:
        """Rename ``path.1`` to ``path.2`` and so on, drop the oldest, then rename ``path`` to ``path.1``."""
        for number in range(most - 1, 0, -1):
            self._rename(f"{path}.{number}", f"{path}.{number + 1}")
        self._rename(path, f"{path}.1")

    def _rename(self, old: str, new: str) -> None:
        try:
            os.replace(old, new)
        except FileNotFoundError:
            pass
        except OSError:
            self._trouble.error(f"Failed to rename file from {old} to {new}")


def _is_pipe(path: str) -> bool:
    """Whether a path is a pipe that may be waited for; those of Windows have a reader, or are an error at once."""
    if sys.platform == "win32":
        return False
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except OSError:
        return False


def _open_pipe(path: str, flags: int) -> int:
    """Open a pipe; one that nobody begins to read is an error after a while."""
    until = time.monotonic() + _PIPE_SECONDS
    while True:
        try:
            descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
        except OSError as error:
            if error.errno != errno.ENXIO or time.monotonic() >= until:
                raise
            time.sleep(_PIPE_LOOK)
        else:
            if sys.platform != "win32":  # which has no such pipes
                os.set_blocking(descriptor, True)
            return descriptor


class RollingLogFile(LogFile):
    """Starts a new file when the current one is longer than ``MaxFileSize``; keeps ``MaxBackupIndex`` old files."""

    appends_by_default = True

    def __init__(self, properties: dict[str, str], trouble: LogTrouble) -> None:
        super().__init__(properties, trouble)
        self._most_bytes = _rolling_size(properties.get("MaxFileSize", ""))
        self._most_backups = max(as_integer(properties, "MaxBackupIndex", 1), 1)

    def write(self, text: str, seconds: float) -> None:
        """Add text, then roll over if the file is too long."""
        super().write(text, seconds)
        if self._size() > self._most_bytes:
            self.close()
            self._shift_backups(self.path, self._most_backups)
            self._open("wb")


def _rolling_size(text: str) -> int:
    if not text:
        return _DEFAULT_ROLLING_SIZE
    match = re.match(r"\s*([0-9]{1,12})", text)
    unit = {"MB": 1024 * 1024, "KB": 1024}.get(text[-2:].upper(), 1)
    return max(int(match[1]) * unit if match else 0, _LEAST_ROLLING_SIZE)


class DailyRollingLogFile(LogFile):
    """Starts a new file each month, week, day, half day, hour or minute; a finished one gets the time in its name.

    The current file is also finished when the program ends.
    """

    appends_by_default = True

    _SCHEDULES: Final = {  # name: pattern of the file name, seconds to the next roll-over
        "MONTHLY": ("%Y-%m", 31 * _DAY),
        "WEEKLY": ("%Y-%W", 7 * _DAY),
        "DAILY": ("%Y-%m-%d", _DAY),
        "TWICE_DAILY": ("%Y-%m-%d-%p", _DAY // 2),
        "HOURLY": ("%Y-%m-%d-%H", 60 * 60),
        "MINUTELY": ("%Y-%m-%d-%H-%M", 60),
    }

    def __init__(self, properties: dict[str, str], trouble: LogTrouble) -> None:
        super().__init__(properties, trouble)
        schedule = properties.get("Schedule", "")
        self._schedule = schedule.upper()
        if self._schedule not in self._SCHEDULES:
            trouble.warn(f'DailyRollingFileAppender::ctor()- "Schedule" not valid: {schedule}')
            self._schedule = "DAILY"
        self._most_backups = as_integer(properties, "MaxBackupIndex", 10)
        self._begin_period(_start_of_period(self._schedule, time.time()))

    def write(self, text: str, seconds: float) -> None:
        """Add text; roll over first if a new period has begun."""
        if seconds >= self._next_rollover:
            self._roll_over()
            self._begin_period(seconds)
        super().write(text, seconds)

    def close(self) -> None:
        """Give the current file its final name; an empty new file remains."""
        if self._file is not None:
            self._roll_over()
        super().close()

    def _begin_period(self, seconds: float) -> None:
        pattern, length = self._SCHEDULES[self._schedule]
        self._finished_path = f"{self.path}.{format_time(pattern, seconds, utc=False)}"
        self._next_rollover = _next_month(seconds) if self._schedule == "MONTHLY" else seconds + length

    def _roll_over(self) -> None:
        super().close()
        self._shift_backups(self._finished_path, self._most_backups)
        self._rename(self.path, self._finished_path)
        self._open("wb")


def _start_of_period(schedule: str, seconds: float) -> float:
    """Beginning of the period that contains a time, by local time; seconds since the epoch."""
    now = time.localtime(seconds)
    day, hour, minute = now.tm_mday, 0, 0
    if schedule == "MONTHLY":
        day = 1
    elif schedule == "WEEKLY":
        day -= (now.tm_wday + 1) % 7  # a week begins on Sunday
    elif schedule == "TWICE_DAILY":
        hour = 12 if now.tm_hour >= 12 else 0
    elif schedule in ("HOURLY", "MINUTELY"):
        hour, minute = now.tm_hour, now.tm_min if schedule == "MINUTELY" else 0
    return time.mktime((now.tm_year, now.tm_mon, day, hour, minute, 0, 0, 0, -1))


def _next_month(seconds: float) -> float:
    now = time.localtime(seconds)
    return time.mktime((now.tm_year, now.tm_mon + 1, now.tm_mday, now.tm_hour, now.tm_min, now.tm_sec, 0, 0, -1))
