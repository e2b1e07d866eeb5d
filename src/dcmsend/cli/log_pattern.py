"""Conversion patterns of log4cplus: ``%-5p: %m%n``."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final

from .log_properties import LogTrouble, host_name
from .log_words import dcmtk_logger_name, level_word, message_of

__all__ = ["PatternLayout", "format_time"]

_Converter = Callable[[logging.LogRecord, str], str]
"""One part of a pattern: makes text from a record and its message (or one line of it)."""


class PatternLayout:
    """A text with directives such as ``%m``; each line of a message is formatted separately unless told otherwise."""

    def __init__(self, pattern: str, format_each_line: bool, trouble: LogTrouble) -> None:
        self._each_line = format_each_line
        self._parts = _PatternParser(pattern, trouble).parse()
        if not self._parts:
            trouble.warn("PatternLayout pattern is empty.  Using default...")
            self._parts = [_CONVERTERS["m"]]

    def __call__(self, record: logging.LogRecord) -> str:
        message = message_of(record)
        lines = message.split("\n") if self._each_line else [message]
        return "".join(part(record, line) for line in lines for part in self._parts)


class _PatternParser:
    """Splits a conversion pattern into text and ``%[-][min][.max]letter[{option}]``."""

    def __init__(self, pattern: str, trouble: LogTrouble) -> None:
        self._pattern = pattern
        self._position = 0
        self._trouble = trouble

    def parse(self) -> list[_Converter]:
        parts: list[_Converter] = []
        pattern, text = self._pattern, ""
        while self._position < len(pattern):
            start, char = self._position, pattern[self._position]
            self._position += 1
            if char != "%" or self._position == len(pattern):
                text += char
            elif pattern[self._position] == "%":
                text += char
                self._position += 1
            else:
                directive = self._directive(start)
                if isinstance(directive, str):
                    text += directive
                else:
                    parts += [_literal(text), directive] if text else [directive]
                    text = ""
        return [*parts, _literal(text)] if text else parts

    def _directive(self, start: int) -> _Converter | str:
        """The directive after the percent sign at ``start``, or text if it is not a directive."""
        left = False
        while self._peek() == "-":
            left = True
            self._position += 1
        least = self._digits()
        most = ""
        if self._peek() == ".":
            self._position += 1
            most = self._digits()
            if not most and self._peek():
                self._position += 1
                self._trouble.error(
                    f"Error occurred in position {self._position}.\n Was expecting digit, instead got char "
                    f'"{self._pattern[self._position - 1]}".'
                )
                return self._pattern[start : self._position]
        letter = self._peek()
        if not letter:
            return self._pattern[start:]
        self._position += 1
        converter = self._converter(letter)
        if converter is None:
            self._trouble.error(f"Unexpected char [{letter}] at position {self._position} in conversion pattern.")
            return self._pattern[start : self._position]
        return _with_width(converter, int(least or 0), int(most) if most else None, left)

    def _peek(self) -> str:
        return self._pattern[self._position : self._position + 1]

    def _digits(self) -> str:
        start = self._position
        while self._peek() and self._peek() in "0123456789":
            self._position += 1
        return self._pattern[start : self._position][-4:]  # no field is wider than 9999 characters

    def _converter(self, letter: str) -> _Converter | None:
        if letter == "c":
            return _logger_name(self._option())
        if letter in "dD":
            return _date(self._option() or "%Y-%m-%d %H:%M:%S", utc=letter == "d")
        if letter in "hH":
            return _host(qualified=letter == "H")
        if letter == "X":
            self._option()
        return _CONVERTERS.get(letter)

    def _option(self) -> str:
        if self._peek() != "{":
            return ""
        end = self._pattern.find("}", self._position)
        if end < 0:
            self._trouble.error(f"No matching '}}' found in conversion pattern string \"{self._pattern}\"")
            self._position = len(self._pattern)
            return ""
        option = self._pattern[self._position + 1 : end]
        self._position = end + 1
        return option


def _with_width(converter: _Converter, least: int, most: int | None, left: bool) -> _Converter:
    if not least and most is None:
        return converter

    def convert(record: logging.LogRecord, message: str) -> str:
        text = converter(record, message)
        if most is not None and len(text) > most:
            return text[len(text) - most :]
        return text.ljust(least) if left else text.rjust(least)

    return convert


def _literal(text: str) -> _Converter:
    return lambda record, message: text


def _logger_name(option: str) -> _Converter:
    last = int(option) if option.isascii() and option.isdigit() else 0
    if not last:
        return lambda record, message: dcmtk_logger_name(record.name)
    return lambda record, message: ".".join(dcmtk_logger_name(record.name).split(".")[-last:])


def _date(pattern: str, *, utc: bool) -> _Converter:
    return lambda record, message: format_time(pattern, record.created, utc=utc)


def _host(*, qualified: bool) -> _Converter:
    name = host_name(qualified=qualified)
    return lambda record, message: name


def _location(record: logging.LogRecord) -> str:
    """The path of the source file relative to the directory of the package."""
    return record.pathname.rpartition(f"{os.sep}dcmsend{os.sep}")[2]


_CONVERTERS: Final[dict[str, _Converter]] = {
    "b": lambda record, message: record.filename,
    "F": lambda record, message: _location(record),
    "i": lambda record, message: str(os.getpid()),
    "l": lambda record, message: f"{_location(record)}:{record.lineno}",
    "L": lambda record, message: str(record.lineno),
    "m": lambda record, message: message,
    "M": lambda record, message: record.funcName or "",
    "n": lambda record, message: "\n",
    "p": lambda record, message: level_word(record.levelno),
    "P": lambda record, message: level_word(record.levelno)[0],
    "r": lambda record, message: f"{record.relativeCreated:.0f}",
    "t": lambda record, message: str(record.thread),
    "T": lambda record, message: str(threading.get_native_id()),
    "x": lambda record, message: "",  # this program has no diagnostic contexts
    "X": lambda record, message: "",
}


def format_time(pattern: str, seconds: float, *, utc: bool) -> str:
    """Format by ``strftime``, with ``%q`` for milliseconds and ``%Q`` for milliseconds and three more digits."""
    microseconds = int(seconds % 1 * 1_000_000)
    milliseconds = f"{microseconds // 1000:03d}"
    fractions = {"q": milliseconds, "Q": f"{milliseconds}.{microseconds % 1000:03d}"}
    parts = iter(pattern)
    text = ""
    for char in parts:
        if char == "%":
            letter = next(parts, "")
            text += fractions.get(letter, char + letter if letter else "")
        else:
            text += char
    try:
        return time.strftime(text, time.gmtime(seconds) if utc else time.localtime(seconds))
    except ValueError:
        return text
