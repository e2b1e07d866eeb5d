"""Sets up ``logging`` for a run of the command: level, destination and DCMTK's format."""

from __future__ import annotations

import logging
import sys
import warnings
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
        _silence_other_packages()
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


def _silence_other_packages() -> None:
    """Keep what other packages log and warn of from standard error; what matters of it is told in words of ours."""
    logging.lastResort = None
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def _describe(line: CommandLine, program: str) -> str:
    """The expanded command line as DCMTK logs it: empty arguments are counted, but not shown."""
    shown = "".join(f"'{argument}' " for argument in line.arguments if argument)
    return f"calling '{program}' with {len(line.arguments)} arguments: {shown}\n"
