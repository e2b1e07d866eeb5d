"""Decides whether and how a run shows its progress and its closing lines."""

from __future__ import annotations

import sys

from dcmsend.loggers import ERROR, WARNING

from .option_table import PROGRESS
from .terminal import ErrorStream, is_terminal, make_harmless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.report import LineView, RunRecord, TerminalView
    from dcmsend.settings import Settings
    from dcmsend.transfer import Observer

    from .arguments import LogChoice
    from .command_line import CommandLine

__all__ = ["ProgressDisplay"]


class ProgressDisplay:
    """The progress and the closing lines that a person at the terminal sees beside the messages."""

    def __init__(self, line: CommandLine, choice: LogChoice, settings: Settings, errors: ErrorStream) -> None:
        wish = line.rightmost(*PROGRESS)
        self._errors = errors
        self._settings = settings
        self._on_terminal = is_terminal(sys.stderr)
        self._has_log_file = choice.config_file is not None
        self._is_quiet = choice.config_file is None and choice.level > ERROR
        self._is_wanted = wish == "--progress" or (
            wish is None and self._on_terminal and _leaves_the_terminal_alone(choice, settings)
        )
        self._closes = line.uses_ours_beside(PROGRESS) or wish == "--progress"
        is_limited = settings.transfer.max_rate or settings.transfer.max_instances_rate
        self._advises_auto = (
            self._closes
            and not line.has("--parallel-associations")
            and settings.plan.multiple_associations
            and not is_limited
        )
        self._view: LineView | TerminalView | None = None

    def watch(self, record: RunRecord) -> Observer | None:
        """Begin to show a run, if a person may be watching."""
        if not self._has_log_file:  # else the log goes elsewhere, and the closing lines do not
            record.has_closing_lines = self._will_close
        if not self._is_wanted:
            return None
        from dcmsend.report import LineView, Progress, TerminalView

        progress = Progress(record, self._settings.peer.facts, self._settings.transfer.most_associations)
        lines = LineView(progress, self._errors.write)
        if self._on_terminal and sys.stderr is not None:
            view = TerminalView(progress, sys.stderr, lines, make_harmless)
            self._errors.print_above = view.print_above
            self._view = view
        else:
            self._view = lines
        self._view.start()
        return progress

    def tell(self, line: str) -> None:
        """Write a line at once, above the progress if it is shown; nothing with ``--quiet``."""
        if not self._is_quiet:
            self._errors.write(f"{line}\n")

    def close(self, record: RunRecord) -> None:
        """End the display; write closing lines if it was shown, or if an option of ours was used."""
        if self._view is not None:
            self._view.stop()
            self._errors.print_above = None
        if record.listed and self._will_close():
            from dcmsend.report import closing_lines

            reports = self._settings.report if self._closes else None  # an old command line is told no more
            lines = closing_lines(record, advises_auto=self._advises_auto, reports=reports)
            self._errors.write("".join(f"{line}\n" for line in lines))

    def _will_close(self) -> bool:
        was_shown = self._view is not None and self._view.was_shown
        return not self._is_quiet and (was_shown or self._closes)


def _leaves_the_terminal_alone(choice: LogChoice, settings: Settings) -> bool:
    """Whether only warnings and errors will be written to the terminal."""
    report = settings.report
    to_output = "-" in (report.json_report, report.jsonl_report, report.csv_report, report.html_report)
    return choice.config_file is None and choice.level in (WARNING, ERROR) and not to_output
