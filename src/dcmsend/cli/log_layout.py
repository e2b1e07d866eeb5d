"""The layouts of log4cplus, which format a message."""

from __future__ import annotations

import logging
from collections.abc import Callable

from .log_pattern import PatternLayout, format_time
from .log_properties import LogTrouble, as_bool, subset
from .log_words import dcmtk_logger_name, level_word, message_of

__all__ = ["Layout", "make_layout"]

Layout = Callable[[logging.LogRecord], str]
"""The text of a record, line ends included."""

def make_layout(properties: dict[str, str], trouble: LogTrouble) -> Layout:
    """The layout that the properties of an appender ask for; a faulty one is reported, and replaced by a simple one."""
    name = properties.get("layout")
    own = subset(properties, "layout.")
    if name is None or name == "log4cplus::SimpleLayout":
        return _simple_layout
    if name == "log4cplus::TTCCLayout":
        return _TtccLayout(own)
    if name == "log4cplus::PatternLayout":
        return _pattern_layout(own, trouble)
    trouble.error(f'Cannot find LayoutFactory: "{name}"')
    return _simple_layout


def _simple_layout(record: logging.LogRecord) -> str:
    return f"{level_word(record.levelno)} - {message_of(record)}\n"


class _TtccLayout:
    """Time, thread, level, logger, context (always empty), message."""

    def __init__(self, properties: dict[str, str]) -> None:
        self._date_format = properties.get("DateFormat", "")
        self._use_utc = as_bool(properties, "Use_gmtime", False)

    def __call__(self, record: logging.LogRecord) -> str:
        when = (
            format_time(self._date_format, record.created, utc=self._use_utc)
            if self._date_format
            else f"{record.relativeCreated:.0f}"
        )
        name, level = dcmtk_logger_name(record.name), level_word(record.levelno)
        return f"{when} [{record.thread}] {level} {name} <> - {message_of(record)}\n"


def _pattern_layout(properties: dict[str, str], trouble: LogTrouble) -> Layout:
    if "Pattern" in properties:
        trouble.warn(
            'PatternLayout- the "Pattern" property has been deprecated.  Use "ConversionPattern" instead.'
        )
    pattern = properties.get("ConversionPattern", properties.get("Pattern"))
    if pattern is None:
        trouble.error("ConversionPattern not specified in properties")
        trouble.error("Error while creating Layout: ConversionPattern not specified in properties")
        return _simple_layout
    return PatternLayout(pattern, as_bool(properties, "FormatEachLine", True), trouble)
