"""Reads a log configuration file in the property format of log4cplus, which DCMTK's programs use."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from typing import Final

from dcmsend.errors import UsageError

from .terminal import ErrorStream

__all__ = [
    "LogTrouble", "as_bool", "as_integer", "expand_variables", "host_name", "parse_properties", "read_properties",
    "subset",
]

_BLANKS: Final = " \t\n\v\f\r"
_MOST_EXPANSIONS: Final = 1000
_LONGEST_VALUE: Final = 65536


class LogTrouble:
    """Reports faults in the configuration, or in logging itself, on standard error, as log4cplus does.

    Attributes:
        is_quiet: whether faults are not reported.
    """

    __slots__ = ("_stream", "is_quiet")

    def __init__(self, stream: ErrorStream) -> None:
        self._stream = stream
        self.is_quiet = False

    def error(self, text: str) -> None:
        """Report that something does not work."""
        self._tell("ERROR", text)

    def warn(self, text: str) -> None:
        """Report an oddity."""
        self._tell("WARN", text)

    def _tell(self, kind: str, text: str) -> None:
        if not self.is_quiet:
            self._stream.write(f"log4cplus:{kind} {text}\n")


def read_properties(path: str) -> dict[str, str]:
    """All ``key = value`` lines of a file; the last of equal keys counts, other lines are ignored.

    Raises:
        UsageError: there is no such file, it cannot be read, or nothing in it sets up the root logger.
    """
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):
            raise UsageError("Specified --log-config file does not exist")
    except (OSError, ValueError) as error:
        raise UsageError("Specified --log-config file does not exist") from error
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise UsageError("Specified --log-config file cannot be read") from error
    return parse_properties(content)


def parse_properties(content: bytes) -> dict[str, str]:
    """The properties in the content of a file.  Raises UsageError when nothing in it sets up the root logger."""
    properties = {}
    for line in os.fsdecode(content).split("\n"):
        text = line.lstrip(_BLANKS)
        key, equals, value = text.partition("=")
        if equals and not text.startswith("#"):
            properties[key.rstrip(_BLANKS)] = value.strip(_BLANKS)
    if not properties:
        raise UsageError("Specified --log-config file does not contain any settings")
    if not subset(properties, "log4cplus."):
        raise UsageError("Specified --log-config file does not contain any valid settings")
    if "log4cplus.rootLogger" not in properties:
        raise UsageError("Specified --log-config file does not set up log4cplus.rootLogger")
    return properties


def expand_variables(properties: dict[str, str], program: str, trouble: LogTrouble) -> dict[str, str]:
    """Replace every ``${name}`` in keys and values by a property or, if there is none, by the environment's value.

    ``appname``, ``hostname``, ``pid``, ``date`` and ``time`` are properties too.  Unknown variables stay as they are.

    Raises:
        UsageError: a variable refers to itself.
    """
    now = time.localtime()
    expanded = properties | {
        "appname": os.path.basename(program),
        "hostname": host_name(qualified=False),
        "pid": str(os.getpid()),
        "date": time.strftime("%Y%m%d", now),
        "time": time.strftime("%H%M%S", now),
    }
    for key in sorted(expanded):
        value = expanded.pop(key)
        new_key = _expand(key, expanded | {key: value}, trouble)
        expanded[new_key] = _expand(value, expanded | {key: value}, trouble)
    return expanded


def _expand(text: str, properties: dict[str, str], trouble: LogTrouble) -> str:
    position = 0
    for _ in range(_MOST_EXPANSIONS):
        start = text.find("${", position)
        if start < 0:
            return text
        end = text.find("}", start)
        if end < 0:
            trouble.error(f'"{text}" has no closing brace. Opening brace at position {start}.')
            return text
        name = text[start + 2 : end]
        value = properties.get(name) or os.environ.get(name, "")
        if value:
            text = text[:start] + value + text[end + 1 :]  # the value may contain variables itself
        else:
            position = end + 1
        if len(text) > _LONGEST_VALUE:
            break
    raise UsageError("Specified --log-config file contains a variable that refers to itself")


def host_name(*, qualified: bool) -> str:
    """The name of this machine; with ``qualified`` as the resolver completes it."""
    import socket

    name = socket.gethostname()
    if qualified:
        with contextlib.suppress(OSError, UnicodeError):  # a name that no name server can be asked for
            return socket.gethostbyname_ex(name)[0]
    return name


def subset(properties: dict[str, str], prefix: str) -> dict[str, str]:
    """The properties whose keys begin with a prefix; the prefix is removed."""
    return {key[len(prefix) :]: value for key, value in properties.items() if key.startswith(prefix)}


def as_bool(properties: dict[str, str], key: str, default: bool) -> bool:
    """A truth value: ``true``, ``false`` in any case, or a number."""
    text = properties.get(key, "").lower()
    if text in ("true", "false"):
        return text == "true"
    return as_integer(properties, key, int(default)) != 0


def as_integer(properties: dict[str, str], key: str, default: int) -> int:
    """A whole number; the default for anything else."""
    text = properties.get(key, "")
    digits = text[1:] if text[:1] in "+-" else text
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 10 else default
