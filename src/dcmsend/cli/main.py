"""The command: arguments in, exit code out."""

from __future__ import annotations

import os
import sys

from dcmsend.errors import UsageError

from .command_line import CommandLine, scan_command_line
from .terminal import ErrorStream, write_output

TYPE_CHECKING = False  # type checkers take it for true; importing `typing` would cost a third of --version
if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcmsend.interrupt import Interrupt
    from dcmsend.report import RunRecord
    from dcmsend.run import CarrierMaker
    from dcmsend.settings import Settings

    from .exit_code import ExitCode
    from .progress_display import ProgressDisplay

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; ``argv`` is without the program's name, None stands for the arguments of the process.

    Returns the exit code (``ExitCode``).  No exception leaves this function: an internal error is reported in one line
    with the exit code 70; its traceback is shown with ``--debug``.
    """
    errors = ErrorStream.of_process()
    try:
        return _run_command(sys.argv[1:] if argv is None else list(argv), errors)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        _tell_internal_error(error, errors)
        return 70


def _run_command(argv: list[str], errors: ErrorStream) -> int:
    try:
        line = scan_command_line(argv)
    except UsageError as error:
        return _usage_error(error, errors)
    if line.arguments and line.exclusive is None:
        return _send(line, errors)
    write_output(_text_about_the_program(line.exclusive))
    return 0


def _text_about_the_program(option: str | None) -> str:
    from .help_text import decoder_list_text, usage_text, version_text

    if option == "--version":
        return version_text()
    if option == "--list-decoders":
        return decoder_list_text()
    return usage_text(shows_all=option == "--help-all")


def _send(line: CommandLine, errors: ErrorStream) -> int:
    from dcmsend.loggers import DEBUG, INFO

    from .arguments import build_settings, choose_logging
    from .log_setup import LogSetup, app_log
    from .progress_display import ProgressDisplay

    # Decoding never uses the linear algebra of numpy, whose threads would cost as much as the rest of loading it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        choice = choose_logging(line)
        log_setup = LogSetup(choice, line, sys.argv[0], errors)
    except UsageError as error:
        return _usage_error(error, errors)
    try:
        settings, names = build_settings(line, is_verbose=app_log.isEnabledFor(INFO))
        if app_log.isEnabledFor(DEBUG):
            from .help_text import IDENTIFICATION

            app_log.debug("%s\n", IDENTIFICATION)
        carrier = _cluster(line, settings) if line.rightmost("--cluster", "--cluster-tls") else None
        return _transfer(settings, names, ProgressDisplay(line, choice, settings, errors), carrier)
    except UsageError as error:
        return 1 if log_setup.is_quiet else _usage_error(error, errors)
    except Exception as error:
        if choice.config_file is not None:  # a log file may be all that anybody reads
            app_log.critical("internal error: %s", _in_one_line(error))
        raise
    finally:
        log_setup.close()


def _cluster(line: CommandLine, settings: Settings) -> CarrierMaker:
    from .cluster_arguments import cluster_carrier

    return cluster_carrier(line, settings)


def _transfer(
    settings: Settings, names: list[str], display: ProgressDisplay, make_carrier: CarrierMaker | None = None
) -> int:
    import gc

    from dcmsend.interrupt import Interrupt
    from dcmsend.run import Run

    from .exit_code import exit_code_of_run
    from .signals import signals_stop

    def judge(record: RunRecord) -> ExitCode:
        return exit_code_of_run(record, require_stored=settings.require_stored)

    gc.freeze()  # imported objects stay, so the collector need not examine them
    gc.enable()
    interrupt = Interrupt(settings.transfer.drain_seconds)
    with signals_stop(interrupt, display.tell) as end_telling:
        if settings.preview is not None:
            return judge(_preview(settings, names, interrupt))
        run = Run(settings, interrupt) if make_carrier is None else Run(settings, interrupt, make_carrier=make_carrier)
        run.send_names(names, observer=display.watch(run.record), judge=judge)
        end_telling()
        display.close(run.record)
        return judge(run.record)


def _preview(settings: Settings, names: list[str], interrupt: Interrupt) -> RunRecord:
    from dcmsend.loggers import get_logger
    from dcmsend.preview import preview
    from dcmsend.settings import Preview

    if settings.report.text_report or settings.report.for_programs:
        get_logger("dcmsend.app").warning("no report is written, because nothing is sent")
    ask_peer = settings.preview is Preview.PROBE_PEER
    return preview(settings, names, write_output, interrupt=interrupt, ask_peer=ask_peer)


def _usage_error(error: UsageError, errors: ErrorStream) -> int:
    from .help_text import HEADER

    all_options = "--help shows all options"
    hint = f"{error.hint} ({all_options})" if error.hint else all_options
    below = "" if error.hint is None else f"       {hint}\n"
    errors.write(f"{HEADER}error: {error}\n{below}")
    return 1


def _tell_internal_error(error: Exception, errors: ErrorStream) -> None:
    logging = sys.modules.get("logging")  # not loaded means that logging was not set up
    if logging is not None and logging.getLogger("dcmsend.app").isEnabledFor(logging.DEBUG):
        import traceback

        errors.write("".join(f"D: {line}\n" for line in "".join(traceback.format_exception(error)).splitlines()))
    errors.write(f"F: internal error: {_in_one_line(error)}\n")


def _in_one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
