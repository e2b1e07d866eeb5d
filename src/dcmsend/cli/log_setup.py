"""Sets up ``logging`` for a run of the command: level, destination and DCMTK's format."""

from __future__ import annotations

import sys

from dcmsend.loggers import ERROR, INFO, WARNING, configure_later, get_logger, is_loaded

from .arguments import LogChoice
from .command_line import CommandLine
from .terminal import ErrorStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import Handler, LogRecord

    from .log_config import LogConfiguration

__all__ = ["LogSetup", "app_log"]

app_log = get_logger("dcmsend.app")


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
        if not sys.warnoptions:
            _ignore_warnings()
        self._configuration: LogConfiguration | None = None
        self.is_quiet = choice.level > ERROR
        configure_later(None)  # what an earlier run of this process has put off
        if choice.config_file is None:
            if _may_wait(choice, line):
                configure_later(lambda: _show_lines(choice.level, errors))
                return
            log_always: Callable[[LogRecord], object] = _show_lines(choice.level, errors).handle
        else:
            from .log_config import LogConfiguration

            _silence_other_packages()
            self._configuration = LogConfiguration(choice.config_file, program, errors)
            self.is_quiet = self._configuration.root_level > ERROR
            log_always = self._configuration.log_always
        if choice.show_arguments:
            log_always(_record_of_arguments(line, program))

    def close(self) -> None:
        """Close log files."""
        if self._configuration is not None:
            self._configuration.close()

def _may_wait(choice: LogChoice, line: CommandLine) -> bool:
    """Whether ``logging`` need not be loaded before somebody has a message.

    It is loaded for an option that DCMTK lacks, and for an address, because then packages may be needed that have
    messages of their own, which are not to be shown.
    """
    needs_packages = line.uses_ours_beside(()) or any("://" in name for name in line.parameters)
    return choice.level >= WARNING and not (choice.show_arguments or needs_packages or is_loaded())


def _show_lines(level: int, errors: ErrorStream) -> Handler:
    """Send our messages from ``level`` on to standard error."""
    import logging

    from .line_handler import LineHandler

    _silence_other_packages()
    handler = LineHandler(errors)
    root = logging.getLogger("dcmsend")
    root.handlers[:] = [handler]
    root.propagate = False
    root.setLevel(level)
    return handler


def _silence_other_packages() -> None:
    """Keep what other packages log from standard error; what matters of it is told in words of ours."""
    import logging

    logging.raiseExceptions = False  # print no traceback for a message that cannot be written
    logging.lastResort = None


def _record_of_arguments(line: CommandLine, program: str) -> LogRecord:
    from logging import LogRecord

    return LogRecord("root", INFO, __file__, 0, _describe(line, program), None, None)


def _describe(line: CommandLine, program: str) -> str:
    """The expanded command line as DCMTK logs it: empty arguments are counted, but not shown."""
    shown = "".join(f"'{argument}' " for argument in line.arguments if argument)
    return f"calling '{program}' with {len(line.arguments)} arguments: {shown}\n"


def _ignore_warnings() -> None:
    """What matters of what other packages warn of is told in words of ours."""
    if "warnings" in sys.modules:
        import warnings

        warnings.simplefilter("ignore")
    else:  # most runs never load it, and when it is loaded it reads these
        sys.warnoptions.append("ignore")
