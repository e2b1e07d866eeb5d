"""Shows progress during a run: at the bottom of a terminal, or as a line now and then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TextIO

from dcmsend.threads import is_started

from .progress import Progress
from .progress_text import progress_line, progress_screen

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

__all__ = ["LineView", "TerminalView"]

_DELAY: Final = 2.0
"""Seconds before progress is shown; a short run needs none."""
_INTERVAL: Final = 0.25
_LINE_INTERVAL: Final = 60.0


class LineView:
    """Writes a line a minute, for logs and for simple terminals.

    Attributes:
        was_shown: whether the run lasted long enough to show progress.
    """

    def __init__(
        self, progress: Progress, write: Callable[[str], None], interval: float = _LINE_INTERVAL
    ) -> None:
        self._progress = progress
        self._write = write
        self._interval = interval
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self.was_shown = False

    def start(self) -> None:
        """Show progress from now on."""
        is_started(self._thread)  # the run goes on without

    def stop(self) -> None:
        """Stop showing progress; written lines stay, drawn ones are removed."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._interval):
            self.was_shown = True
            self._write(progress_line(self._progress.state()) + "\n")


class TerminalView:
    """Keeps some lines at the bottom of a terminal up to date."""

    def __init__(
        self,
        progress: Progress,
        stream: TextIO,
        fallback: LineView,
        make_harmless: Callable[[str], str] = str,
        delay: float = _DELAY,
    ) -> None:
        """Show ``progress`` on the terminal behind ``stream``.

        ``fallback`` is used if rich is not installed, or if the terminal is a dumb one.  ``make_harmless`` replaces
        control characters in texts of the peer.
        """
        self._progress = progress
        self._stream = stream
        self._fallback = fallback
        self._make_harmless = make_harmless
        self._delay = delay
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self._live: Live | None = None
        self._lock = threading.Lock()
        self._shown = False
        self._fallback_runs = False

    @property
    def was_shown(self) -> bool:
        """Whether the run lasted long enough to show progress."""
        return self._shown or self._fallback.was_shown

    def start(self) -> None:
        """Show progress from now on."""
        is_started(self._thread)  # the run goes on without

    def stop(self) -> None:
        """Stop showing progress; written lines stay, drawn ones are removed."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._fallback_runs:
            self._fallback.stop()

    def print_above(self, text: str) -> bool:
        """Write whole lines above the progress; return False, without writing, while no progress is shown."""
        with self._lock:
            if self._live is None:
                return False
            from rich.text import Text

            self._live.console.print(Text(text.removesuffix("\n")), soft_wrap=True)
            return True

    def _run(self) -> None:
        if self._ended.wait(self._delay):
            return
        console = self._console()
        if console is None:
            self._fallback_runs = True
            self._fallback.start()
            return
        try:
            self._show(console)
        except OSError:
            pass  # the terminal was closed, but the run goes on
        finally:
            with self._lock:
                self._live = None

    def _console(self) -> Console | None:
        try:
            from rich.console import Console
        except ImportError:
            return None
        class PlainConsole(Console):
            def show_cursor(self, show: bool = True) -> bool:
                return False  # the cursor is never hidden, so a kill leaves a usable terminal

        console = PlainConsole(file=self._stream, highlight=False, markup=False, emoji=False)
        return None if console.is_dumb_terminal or not console.is_terminal else console

    def _show(self, console: Console) -> None:
        from rich.live import Live
        from rich.text import Text

        def lines() -> Text:
            shown = progress_screen(self._progress.state(), console.width)
            return Text("\n".join(map(self._make_harmless, shown)), no_wrap=True)

        live = Live(
            lines(), console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        # Who writes beside the drawing asks whether it is there: both the drawing and the answer change at once.
        with self._lock:
            live.start(refresh=True)
            self._live, self._shown = live, True
        try:
            while not self._ended.wait(_INTERVAL):
                with self._lock:
                    live.update(lines(), refresh=True)
        finally:
            with self._lock:
                self._live = None
                live.stop()
