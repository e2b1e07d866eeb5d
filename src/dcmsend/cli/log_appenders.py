"""The destinations of messages: log4cplus's appenders as handlers of ``logging``."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable
from typing import Final

from .log_files import DailyRollingLogFile, LogFile, RollingLogFile
from .log_filters import is_accepted, make_filters
from .log_layout import make_layout
from .log_pattern import format_time
from .log_properties import LogTrouble, as_bool, as_integer, host_name
from .log_words import LOG_LEVELS, dcmtk_logger_name
from .terminal import ErrorStream, make_harmless, to_bytes

__all__ = ["Appender", "make_appender"]

_FACILITIES: Final = {
    name: number << 3
    for number, name in enumerate((
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    ))
} | {f"local{number}": (16 + number) << 3 for number in range(8)}
"""Facilities of syslog by their number.  Source: RFC 5424 Table 1."""

_UNSUPPORTED: Final = frozenset((
    "log4cplus::SocketAppender", "log4cplus::Log4jUdpAppender", "log4cplus::AsyncAppender",
    "log4cplus::NTEventLogAppender", "log4cplus::Win32ConsoleAppender", "log4cplus::Win32DebugAppender",
))


class Appender(logging.Handler):
    """Formats the messages that its threshold and its filters let through."""

    def __init__(self, properties: dict[str, str], trouble: LogTrouble) -> None:
        super().__init__(LOG_LEVELS.get(properties.get("Threshold", "").upper(), 0))
        self._layout = make_layout(properties, trouble)
        self._filters = make_filters(properties, trouble)
        if as_bool(properties, "UseLockFile", False):
            trouble.error("UseLockFile is not supported by this program")

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        if record.levelno >= self.level and is_accepted(self._filters, record):
            self.append(self._layout(record), record)

    def append(self, text: str, record: logging.LogRecord) -> None:
        """Write the formatted text of a message; this base class writes nothing (NullAppender)."""


class _ConsoleAppender(Appender):
    """Standard output, or standard error with ``logToStdErr``; every message is written at once."""

    def __init__(self, properties: dict[str, str], trouble: LogTrouble) -> None:
        super().__init__(properties, trouble)
        self._stream = ErrorStream(sys.stderr if as_bool(properties, "logToStdErr", False) else sys.stdout)

    def append(self, text: str, record: logging.LogRecord) -> None:
        self._stream.write(text)


class _FileAppender(Appender):
    """A log file of one of three kinds."""

    def __init__(self, properties: dict[str, str], trouble: LogTrouble, kind: type[LogFile]) -> None:
        super().__init__(properties, trouble)
        self._log_file = kind(properties, trouble)

    def append(self, text: str, record: logging.LogRecord) -> None:
        self._log_file.write(text, record.created)

    def close(self) -> None:
        self._log_file.close()
        super().close()


class _SysLogAppender(Appender):
    """The system's log, or with ``host`` a syslog server by UDP.  Source: RFC 5424, RFC 5426."""

    def __init__(self, properties: dict[str, str], trouble: LogTrouble) -> None:
        super().__init__(properties, trouble)
        self._ident = properties.get("ident", "")
        self._facility = self._find_facility(properties.get("facility", "").lower(), trouble)
        self._send: Callable[[int, str, logging.LogRecord], None]
        if properties.get("host"):
            self._host_name = host_name(qualified=True)
            self._send = self._sender_to_server(properties["host"], as_integer(properties, "port", 514), trouble)
        else:
            self._send = self._sender_to_system(trouble)

    def _sender_to_server(
        self, host: str, port: int, trouble: LogTrouble
    ) -> Callable[[int, str, logging.LogRecord], None]:
        import socket

        try:  # once: a name server that does not answer would stop the transfer at each message
            self._address = socket.gethostbyname(host), port
        except (OSError, TypeError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            trouble.error(f"SysLogAppender- no address of the log server: {reason}")
            return lambda priority, text, record: None
        try:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        except OSError as error:  # it must not stop a transfer either
            trouble.error(f"SysLogAppender- no socket for the log server: {error.strerror or error}")
            return lambda priority, text, record: None
        return self._send_to_server

    def _sender_to_system(self, trouble: LogTrouble) -> Callable[[int, str, logging.LogRecord], None]:
        if sys.platform == "win32":
            trouble.error("SysLogAppender- local syslog not available")
            return lambda priority, text, record: None
        import syslog

        # Python passes on text alone, so bytes that are none are escaped, as in messages.  A string of C ends at a NUL.
        ident = self._ident.partition("\0")[0] or os.path.basename(sys.argv[0]) or "dcmsend"
        syslog.openlog(make_harmless(ident), 0, 0)
        return lambda priority, text, record: syslog.syslog(priority, text)

    @staticmethod
    def _find_facility(name: str, trouble: LogTrouble) -> int:
        if name and name not in _FACILITIES:
            trouble.error(f"Unknown syslog facility: {name}")
        return _FACILITIES.get(name, _FACILITIES["user"])

    def append(self, text: str, record: logging.LogRecord) -> None:
        self._send(self._facility | _severity(record.levelno), make_harmless(text), record)

    def _send_to_server(self, priority: int, text: str, record: logging.LogRecord) -> None:
        when = format_time("%Y-%m-%dT%H:%M:%S.%qZ", record.created, utc=True)
        head = f"<{priority}>1 {when} {self._host_name} {self._ident} {os.getpid()} {dcmtk_logger_name(record.name)} - "
        # A log server that cannot be reached, or whose port is invalid, must not stop a transfer.
        with contextlib.suppress(OSError, OverflowError):
            self._socket.sendto(to_bytes(head + text), self._address)

    def close(self) -> None:
        if hasattr(self, "_socket"):
            self._socket.close()
        super().close()


def _severity(level: int) -> int:
    """The severity for a level.  Source: RFC 5424 Table 2."""
    return next((number for lowest, number in ((50, 2), (40, 3), (30, 4), (20, 6)) if level >= lowest), 7)


_APPENDERS: Final[dict[str, Callable[[dict[str, str], LogTrouble], Appender]]] = {
    "log4cplus::ConsoleAppender": _ConsoleAppender,
    "log4cplus::NullAppender": Appender,
    "log4cplus::FileAppender": lambda properties, trouble: _FileAppender(properties, trouble, LogFile),
    "log4cplus::RollingFileAppender": lambda properties, trouble: _FileAppender(properties, trouble, RollingLogFile),
    "log4cplus::DailyRollingFileAppender":
        lambda properties, trouble: _FileAppender(properties, trouble, DailyRollingLogFile),
    "log4cplus::SysLogAppender": _SysLogAppender,
}


def make_appender(name: str, kind: str, properties: dict[str, str], trouble: LogTrouble) -> Appender | None:
    """The appender of this kind (a class name of log4cplus); logs an error and returns None for an unknown kind."""
    make = _APPENDERS.get(kind)
    if make is not None:
        return make(properties, trouble)
    if kind in _UNSUPPORTED:
        trouble.error(
            f"PropertyConfigurator::configureAppenders()- Failed to create appender: {name} "
            f"({kind} is not supported by this program)"
        )
    else:
        trouble.error(f"PropertyConfigurator::configureAppenders()- Cannot find AppenderFactory: {kind}")
    return None
