"""DCMTK's ordinary log: lines that begin with a letter for the level."""

from __future__ import annotations

import logging

from .log_words import level_word, message_of
from .terminal import ErrorStream

__all__ = ["LineHandler"]


class LineHandler(logging.Handler):
    """Writes every line of a message, even an empty one, as ``X: text``, where X is the level's letter."""

    def __init__(self, stream: ErrorStream) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        letter = level_word(record.levelno)[0]
        self._stream.write("".join(f"{letter}: {line}\n" for line in message_of(record).split("\n")))
