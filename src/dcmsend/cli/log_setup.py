"""Sets up ``logging`` for a run of the command: level, destination and DCMTK's format."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from .arguments import LogChoice
from .command_line import CommandLine
from .line_handler import LineHandler
from .terminal import ErrorStream

if TYPE_CHECKING:
    from .log_config import LogConfiguration

__all__ = ["LogSetup", "app_log"]

app_log = logging.getLogger("dcmsend.app")


class LogSetup:
    """The logging of one run.

    Attributes:
        is_quiet: whether not even errors are shown, those of the command line included.
    """

    def __init__(self, choice: LogChoice, line: CommandLine, program: str, errors: ErrorStream) -> None:
        """Send the messages of this package to their destination, and log the arguments if asked to.

        Raises:
            UsageError: the log configuration file is not usable.
        """
        logging.raiseExceptions = False  # print no traceback for a message that cannot be written
        self._configuration: LogConfiguration | None = None
        if choice.config_file is None:
            level = choice.level
            handler = LineHandler(errors)
            root = logging.getLogger("dcmsend")
            root.handlers[:] = [handler]
            root.propagate = False
            root.setLevel(level)
            log_always: Callable[[logging.LogRecord], object] = handler.handle
        else:
            from .log_config import LogConfiguration

            self._configuration = LogConfiguration(choice.config_file, program, errors)
            level = self._configuration.root_level
            log_always = self._configuration.log_always
        self.is_quiet = level > logging.ERROR
        if choice.show_arguments:
            log_always(logging.LogRecord("root", logging.INFO, __file__, 0, _describe(line, program), None, None))

    def close(self) -> None:
        """Close log files."""
        if self._configuration is not None:
            self._configuration.close()


def _describe(line: CommandLine, program: str) -> str:
    """The expanded command line as DCMTK logs it: empty arguments are counted, but not shown."""
    shown = "".join(f"'{argument}' " for argument in line.arguments if argument)
    return f"calling '{program}' with {len(line.arguments)} arguments: {shown}\n"
