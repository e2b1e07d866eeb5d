"""Sets up ``logging`` from a log configuration file of DCMTK: appenders, loggers with their levels, additivity."""

from __future__ import annotations

import logging
from typing import Final

from dcmsend.errors import UsageError

from .line_handler import LineHandler
from .log_appenders import Appender, make_appender
from .log_properties import LogTrouble, as_bool, expand_variables, read_properties, subset
from .log_words import LOG_LEVELS, dcmtk_logger_name
from .terminal import ErrorStream

__all__ = ["LogConfiguration"]

_OUR_LOGGERS: Final = ("dcmsend", "dcmsend.app", "dcmsend.data", "dcmsend.index", "dcmsend.network")

_ROOT: Final = ""
"""Our name for the root logger, whose setting has a key of its own; a logger *named* root is ordinary."""


class _LoggerSetting:
    """The settings in the file for one of DCMTK's loggers."""

    __slots__ = ("appenders", "is_additive", "level")

    def __init__(self) -> None:
        self.appenders: list[logging.Handler] = []
        self.is_additive = True
        self.level: int | None = None


class LogConfiguration:
    """A log configuration file that has been applied.

    Attributes:
        root_level: level of the root logger.
    """

    def __init__(self, path: str, program: str, errors: ErrorStream) -> None:
        """Read the file and set up all loggers of this package.

        Raises:
            UsageError: the file is not usable at all.  Other faults are reported on standard error.
        """
        self._trouble = LogTrouble(errors)
        properties = subset(expand_variables(read_properties(path), program, self._trouble), "log4cplus.")
        self._appenders = self._make_appenders(subset(properties, "appender."))
        root = _LoggerSetting()
        root.level, root.appenders = logging.INFO, [LineHandler(errors)]  # used if the file's setting is invalid
        self._settings = {_ROOT: root}
        self._set_logger(root, "root", properties.get("rootLogger", ""))
        if root.level is None:
            raise UsageError("Specified --log-config file sets an invalid log level for log4cplus.rootLogger")
        self.root_level = root.level
        for name, value in sorted(subset(properties, "logger.").items()):
            self._set_logger(self._settings.setdefault(name, _LoggerSetting()), name, value)
        additivity = subset(properties, "additivity.")
        for name in additivity:
            self._settings.setdefault(name, _LoggerSetting()).is_additive = as_bool(additivity, name, True)
        for name in _OUR_LOGGERS:
            self._apply(logging.getLogger(name), dcmtk_logger_name(name))
        self._trouble.is_quiet = self.root_level > logging.ERROR

    def log_always(self, record: logging.LogRecord) -> None:
        """Log a record of the root logger, whatever its level."""
        handlers = self._handlers([_ROOT]) or [_NoAppender(self._trouble)]
        for handler in handlers:
            handler.handle(record)

    def close(self) -> None:
        """Close all files."""
        for appender in self._appenders.values():
            appender.close()

    def _make_appenders(self, properties: dict[str, str]) -> dict[str, Appender]:
        appenders = {}
        for name, kind in sorted(properties.items()):
            if "." not in name:
                appender = make_appender(name, kind, subset(properties, f"{name}."), self._trouble)
                if appender is not None:
                    appenders[name] = appender
        return appenders

    def _set_logger(self, setting: _LoggerSetting, name: str, value: str) -> None:
        """Apply ``LEVEL, appender, ...``."""
        words = value.replace(" ", "").split(",")
        if words == [""]:
            self._trouble.error(
                f'PropertyConfigurator::configureLogger()- Invalid config string(Logger = {name}): "{value}"'
            )
            return
        setting.appenders = []
        setting.level = LOG_LEVELS.get(words[0].upper())
        for word in filter(None, words[1:]):
            appender = self._appenders.get(word)
            if appender is None:
                self._trouble.error(f"PropertyConfigurator::configureLogger()- Invalid appender: {word}")
            elif appender not in setting.appenders:
                setting.appenders.append(appender)

    def _apply(self, logger: logging.Logger, name: str) -> None:
        """Give one of our loggers the level and the appenders of DCMTK's logger, inherited ones included."""
        parts = name.split(".")
        chain = [".".join(parts[:length]) for length in range(len(parts), 0, -1)] + [_ROOT]
        levels = (self._settings[ancestor].level for ancestor in chain if ancestor in self._settings)
        logger.setLevel(next((level for level in levels if level is not None), self.root_level))
        logger.handlers[:] = self._handlers(chain) or [_NoAppender(self._trouble)]
        logger.propagate = False

    def _handlers(self, chain: list[str]) -> list[logging.Handler]:
        handlers: list[logging.Handler] = []
        for ancestor in chain:
            setting = self._settings.get(ancestor)
            if setting is not None:
                handlers += setting.appenders
                if not setting.is_additive:
                    break
        return handlers


class _NoAppender(logging.Handler):
    """Reports once that a message has no destination."""

    has_told = False

    def __init__(self, trouble: LogTrouble) -> None:
        super().__init__()
        self._trouble = trouble

    def emit(self, record: logging.LogRecord) -> None:
        if not _NoAppender.has_told:
            _NoAppender.has_told = True
            self._trouble.error(f"No appenders could be found for logger ({dcmtk_logger_name(record.name)}).")
            self._trouble.error("Please initialize the log4cplus system properly.")
