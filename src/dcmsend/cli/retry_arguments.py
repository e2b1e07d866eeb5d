"""Options of retries, and of when to stop."""

from __future__ import annotations

import re
import time
from typing import Any, Final

from dcmsend.errors import UsageError
from dcmsend.transfer import RetryOptions

from .command_line import CommandLine
from .numbers import invalid_value, parse_duration, parse_limited
from .option_table import Limits

__all__ = ["next_time_of_day", "retry_and_stop_options"]

_ATTEMPTS: Final = Limits(0, 1_000)
_FAILURES: Final = Limits(1, 10**9)
_FAILURES_WITH_RETRY: Final = 100
"""With retries, the run ends after so many failures in a row, because no one may be watching."""
_TIME_OF_DAY: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def retry_and_stop_options(line: CommandLine) -> dict[str, Any]:
    """The values of ``TransferOptions`` for these options.  Raises UsageError."""
    retry = _retry_options(line)
    failures = _count(line, "--stop-after-failures", _FAILURES)
    if failures is None and retry is not None and retry.attempts:
        failures = _FAILURES_WITH_RETRY
    text = line.value("--stop-at")
    given = {
        "retry": retry,
        "stop_after_failures": failures,
        "stop_at": None if text is None else _stop_at(text),
        "max_duration": _seconds(line, "--max-duration"),
    }
    return {name: value for name, value in given.items() if value is not None}


def next_time_of_day(hour: int, minute: int, now: float) -> float:
    """The next time the local clock shows this time of day, in seconds since the epoch; tomorrow if it does now."""
    from datetime import datetime, timedelta  # seldom needed

    today = datetime.fromtimestamp(now).replace(hour=hour, minute=minute, second=0, microsecond=0)
    days = (today, today + timedelta(days=1))
    # Where the clock is set back, a time of day may come twice: fold 0 is the first one.
    moments = (day.replace(fold=fold).timestamp() for day in days for fold in (0, 1))
    return next(moment for moment in moments if moment > now)


def _retry_options(line: CommandLine) -> RetryOptions | None:
    attempts = _count(line, "--retry", _ATTEMPTS)
    if attempts is None:
        for option in ("--retry-delay", "--retry-max-time"):
            if line.has(option):
                raise UsageError(f"{option} only allowed with --retry")
        return None
    given: dict[str, Any] = {
        "attempts": attempts,
        "delay": _seconds(line, "--retry-delay", least=0),
        "max_time": _seconds(line, "--retry-max-time", least=0),
    }
    return RetryOptions(**{name: value for name, value in given.items() if value is not None})


def _stop_at(text: str) -> float:
    match = _TIME_OF_DAY.fullmatch(text)
    if match is None:
        raise invalid_value("--stop-at", text)
    return next_time_of_day(int(match[1]), int(match[2]), time.time())


def _count(line: CommandLine, option: str, limits: Limits) -> int | None:
    text = line.value(option)
    return None if text is None else parse_limited(option, text, limits)


def _seconds(line: CommandLine, option: str, least: int = 1) -> float | None:
    text = line.value(option)
    if text is None:
        return None
    seconds = parse_duration(option, text)
    if seconds < least:
        raise invalid_value(option, text, fault="underflow")
    return float(seconds)
