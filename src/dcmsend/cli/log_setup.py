"""Sets up ``logging`` for a run of the command line: who gets which messages, in DCMTK's form."""

from __future__ import annotations

import logging
from collections.abc import Callable

from .arguments import LogChoice
from .command_line import CommandLine
from .terminal import ErrorStream

__all__ = ["LineHandler", "app_log", "level_letter", "set_up_logging"]

app_log = logging.getLogger("dcmsend.app")


class LineHandler(logging.Handler):
    """Writes every line of a message as ``X: text``, also an empty one, X being the level's letter."""

    def __init__(self, stream: ErrorStream) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message; a message that cannot be put together is shown as it was written in the program."""
        try:
            message = record.getMessage()
        except Exception:
            message = str(record.msg)
        letter = level_letter(record.levelno)
        self._stream.write("".join(f"{letter}: {line}\n" for line in message.split("\n")))


def level_letter(level: int) -> str:
    """DCMTK's letter for a ``logging`` level."""
    for lowest, letter in ((logging.CRITICAL, "F"), (logging.ERROR, "E"), (logging.WARNING, "W"), (logging.INFO, "I"),
                           (logging.DEBUG, "D")):
        if level >= lowest:
            return letter
    return "T"


def set_up_logging(choice: LogChoice, line: CommandLine, program: str, errors: ErrorStream) -> None:
    """Send the messages of this package where the command line wants them, and log the arguments if asked to.

    Raises:
        UsageError: the log configuration file is not usable.
    """
    logging.raiseExceptions = False  # no traceback for a message that cannot be written
    root = logging.getLogger("dcmsend")
    root.propagate = False
    log_always: Callable[[logging.LogRecord], object]
    if choice.config_file is None:
        handler = LineHandler(errors)
        root.handlers[:] = [handler]
        root.setLevel(choice.level)
        log_always = handler.handle
    else:
        from .log_config import configure_from_file

        log_always = configure_from_file(choice.config_file, errors)
    if choice.show_arguments:
        log_always(logging.LogRecord("root", logging.INFO, "", 0, _describe(line, program), None, None))


def _describe(line: CommandLine, program: str) -> str:
    """The expanded command line as DCMTK words it: empty arguments are counted, but not shown."""
    shown = "".join(f"'{argument}' " for argument in line.arguments if argument)
    return f"calling '{program}' with {len(line.arguments)} arguments: {shown}\n"
