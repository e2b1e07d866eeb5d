"""Loggers that load ``logging`` when there is something to say, and not before.

A run in which all goes well says nothing, and loading ``logging`` would be a tenth of it.  As long as nobody has loaded
it, nobody can have asked for less than warnings, or for a message to be handed on: what is less is dropped.  From then
on the loggers of ``logging`` do the work, under the same names.
"""

from __future__ import annotations

from sys import modules

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from typing import Final

__all__ = ["CRITICAL", "DEBUG", "ERROR", "INFO", "WARNING", "Logger", "configure_later", "get_logger", "is_loaded"]

CRITICAL: Final = 50
ERROR: Final = 40
WARNING: Final = 30
INFO: Final = 20
DEBUG: Final = 10

_METHODS: Final = ("debug", "info", "warning", "error", "critical", "log", "isEnabledFor")

_loggers: dict[str, Logger] = {}
_pending: Callable[[], object] | None = None


class Logger:
    """Has those methods of the logger of ``logging`` with this name that we use.

    Each does as that logger does.  Once ``logging`` is loaded, that logger's own take their place at the first call: so
    no call costs more than it would there, and a message is known to come from its caller's line.
    """

    def __init__(self, name: str) -> None:
        self._name: Final = name

    def debug(self, message: object, *args: object) -> None:
        if is_loaded():
            self._awake().debug(message, *args, stacklevel=2)

    def info(self, message: object, *args: object) -> None:
        if is_loaded():
            self._awake().info(message, *args, stacklevel=2)

    def warning(self, message: object, *args: object) -> None:
        self._awake().warning(message, *args, stacklevel=2)

    def error(self, message: object, *args: object) -> None:
        self._awake().error(message, *args, stacklevel=2)

    def critical(self, message: object, *args: object) -> None:
        self._awake().critical(message, *args, stacklevel=2)

    def log(self, level: int, message: object, *args: object) -> None:
        if level >= WARNING or is_loaded():
            self._awake().log(level, message, *args, stacklevel=2)

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802  (the name that logging has for it)
        return (level >= WARNING or is_loaded()) and self._awake().isEnabledFor(level)

    def _awake(self) -> logging.Logger:
        """The logger of ``logging``, configured; its methods take the place of ours."""
        global _pending
        import logging

        configure = _pending
        if configure is not None:
            configure()
            _pending = None  # not before: what another thread has to say waits for nothing
        logger = logging.getLogger(self._name)
        vars(self).update({name: getattr(logger, name) for name in _METHODS})
        return logger


def get_logger(name: str) -> Logger:
    """The logger with this name; there is one for each name."""
    return _loggers.setdefault(name, Logger(name))


def is_loaded() -> bool:
    """Whether anybody has loaded ``logging``."""
    return "logging" in modules


def configure_later(configure: Callable[[], object] | None) -> None:
    """Have ``logging`` configured before the first message: by this alone, whatever was to be done until now.

    None if nothing is to be done.

    ``configure`` may be called more than once, by threads that have something to say at the same time.
    """
    global _pending
    _pending = configure
