"""DCMTK's names for the levels and the loggers of ``logging``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from typing import Final

__all__ = ["LOG_LEVELS", "dcmtk_logger_name", "level_word", "message_of"]

LOG_LEVELS: Final = {
    "OFF": 100, "FATAL": 50, "ERROR": 40, "WARN": 30, "INFO": 20, "DEBUG": 10, "TRACE": 5, "ALL": 1,
}
"""Level words and their ``logging`` levels; OFF is above and ALL below every message."""

_LOGGERS: Final = {
    "root": "root",
    "dcmsend": "dcmtk",
    "dcmsend.app": "dcmtk.apps.dcmsend",
    "dcmsend.data": "dcmtk.dcmdata",
}
"""Our loggers and the DCMTK loggers with the same messages; the others belong to ``dcmtk.dcmnet``."""

_WORDS: Final = tuple((level, word) for word, level in LOG_LEVELS.items() if 5 <= level <= 50)


def level_word(level: int) -> str:
    """The word for the level of a message, ``FATAL`` to ``TRACE``; its first letter is the prefix of a line."""
    return next((word for lowest, word in _WORDS if level >= lowest), "TRACE")


def dcmtk_logger_name(name: str) -> str:
    """The name of the DCMTK logger with the same messages as our logger ``name``."""
    return _LOGGERS.get(name, "dcmtk.dcmnet")


def message_of(record: logging.LogRecord) -> str:
    """The message; if its arguments do not fit, the format string itself."""
    try:
        return record.getMessage()
    except Exception:
        return str(record.msg)
