"""The filters of log4cplus, which decide what messages an appender takes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from .log_properties import LogTrouble, as_bool, subset
from .log_words import LOG_LEVELS, message_of

__all__ = ["Filter", "is_accepted", "make_filters"]

Filter = Callable[[logging.LogRecord], bool | None]
"""True accepts a message, False rejects it, None leaves it to the next filter."""


def make_filters(properties: dict[str, str], trouble: LogTrouble) -> list[Filter]:
    """The filters ``filters.1``, ``filters.2``, ... of an appender, up to the first missing number."""
    own = subset(properties, "filters.")
    filters: list[Filter] = []
    number = 1
    while (name := own.get(str(number))) is not None:
        make = _FILTERS.get(name)
        if make is None:
            trouble.error(f"Appender::ctor()- Cannot find FilterFactory: {name}")
        else:
            filters.append(make(subset(own, f"{number}.")))
        number += 1
    return filters


def is_accepted(filters: list[Filter], record: logging.LogRecord) -> bool:
    """Whether the first filter that decides accepts the message; if none decides it is accepted."""
    for decide in filters:
        decision = decide(record)
        if decision is not None:
            return decision
    return True


def _deny_all(properties: dict[str, str]) -> Filter:
    return lambda record: False


def _level_match(properties: dict[str, str]) -> Filter:
    level = _level(properties, "LogLevelToMatch")
    accept = as_bool(properties, "AcceptOnMatch", False)
    return lambda record: accept if record.levelno == level else None


def _level_range(properties: dict[str, str]) -> Filter:
    lowest, highest = _level(properties, "LogLevelMin"), _level(properties, "LogLevelMax")
    accept = as_bool(properties, "AcceptOnMatch", False)

    def decide(record: logging.LogRecord) -> bool | None:
        if (lowest is not None and record.levelno < lowest) or (highest is not None and record.levelno > highest):
            return False
        return True if accept else None

    return decide


def _string_match(properties: dict[str, str]) -> Filter:
    wanted = properties.get("StringToMatch", "")
    accept = as_bool(properties, "AcceptOnMatch", False)
    return lambda record: accept if wanted and wanted in message_of(record) else None


def _level(properties: dict[str, str], key: str) -> int | None:
    return LOG_LEVELS.get(properties.get(key, "").upper())


_FILTERS: Final[dict[str, Callable[[dict[str, str]], Filter]]] = {
    "log4cplus::spi::DenyAllFilter": _deny_all,
    "log4cplus::spi::LogLevelMatchFilter": _level_match,
    "log4cplus::spi::LogLevelRangeFilter": _level_range,
    "log4cplus::spi::StringMatchFilter": _string_match,
}
