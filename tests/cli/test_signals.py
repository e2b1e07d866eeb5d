"""What SIGINT and SIGTERM do to a run; the whole way to a peer is in the system tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dcmsend.cli import signals
from dcmsend.cli.signals import signals_stop
from dcmsend.errors import Cancelled
from dcmsend.interrupt import Interrupt
from support.processes import wait_until
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_asks_second_aborts(number: signal.Signals) -> None:
    interrupt = Interrupt()
    before = signal.getsignal(number)
    with signals_stop(interrupt):
        assert not interrupt.requested
        signal.raise_signal(number)
        assert interrupt.requested
        assert not interrupt.aborted
        signal.raise_signal(number)
        assert interrupt.aborted
        assert interrupt.by == number.name
        assert {signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)} == {signal.SIG_DFL}
    assert signal.getsignal(number) is before


def test_reason_is_the_first_signal() -> None:
    interrupt = Interrupt()
    with signals_stop(interrupt):
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert interrupt.aborted
    assert interrupt.by == "SIGTERM"


def test_the_last_lines_come_after_what_a_signal_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the thread that tells it is late, as on a machine with much to do."""
    monkeypatch.setattr(signals, "_PATIENCE", 60.0)
    lines: list[str] = []

    def tell(line: str) -> None:
        time.sleep(0.3)
        lines.append(line)

    with signals_stop(Interrupt(), tell) as end_telling:
        signal.raise_signal(signal.SIGINT)
        end_telling()
        lines.append("the last one")
    assert lines == ["stopping; press again to abort", "the last one"]


def test_a_signal_that_comes_after_the_last_lines_says_nothing() -> None:
    interrupt, lines = Interrupt(), list[str]()
    with signals_stop(interrupt, lines.append) as end_telling:
        end_telling()
        signal.raise_signal(signal.SIGINT)
    assert interrupt.requested
    assert lines == []


def test_a_late_line_stands_above_the_closing_ones(tmp_path: Path) -> None:
    """The thread that tells it gets its turn half a second after the signal; the run ends before."""
    write_instances(tmp_path / "study", 200)
    code = (
        "import sys, time\n"
        "from dcmsend.cli import signals\n"
        "from dcmsend.cli.main import main\n"
        "from dcmsend.cli.progress_display import ProgressDisplay\n"
        "signals._PATIENCE = 60.0\n"
        "tell = ProgressDisplay.tell\n"
        "ProgressDisplay.tell = lambda self, line: (time.sleep(0.5), tell(self, line))\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    with ScriptedPeer() as peer:
        options = ["-nh", "+sd", "--max-instances-rate", "20", "127.0.0.1", str(peer.port)]
        process = subprocess.Popen(
            [sys.executable, "-c", code, *options, str(tmp_path / "study")], stderr=subprocess.PIPE, text=True
        )
        wait_until(lambda: len(peer.stores) > 2, 60, "the first answers")
        process.send_signal(signal.SIGINT)
        stderr = process.communicate(timeout=60)[1].splitlines()
    assert process.returncode == 130
    assert [line[:8] for line in stderr if line.startswith(("stopping", "Exit"))] == ["stopping", "Exit 130"]


@pytest.mark.parametrize("by", [Cancelled.TIME_WINDOW, Cancelled.JOURNAL])
def test_the_first_signal_to_a_run_that_ends_already_lets_it_end_in_order(by: str) -> None:
    """The end was not asked for by a signal, so nobody has said that it is to be at once."""
    interrupt = Interrupt()
    told: list[str] = []
    with signals_stop(interrupt, told.append):
        interrupt.request(by)
        signal.raise_signal(signal.SIGTERM)
        assert not interrupt.aborted
        signal.raise_signal(signal.SIGTERM)
        assert interrupt.aborted
    assert interrupt.by == by
    assert told == ["stopping; press again to abort"]


def test_ignored_signal_stays_ignored() -> None:
    """As for a program started with nohup or in the background of a script."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        interrupt = Interrupt()
        with signals_stop(interrupt):
            signal.raise_signal(signal.SIGINT)
            assert not interrupt.requested
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_may_run_the_command() -> None:
    errors: list[BaseException] = []

    def enter() -> None:
        try:
            with signals_stop(Interrupt()):
                pass
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert errors == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a pipe with a name")
def test_interrupt_before_the_run_is_no_traceback(tmp_path: object) -> None:
    """While the command line is still being read: here it waits for a command file that nobody writes."""
    fifo = os.path.join(str(tmp_path), "arguments")
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [sys.executable, "-m", "dcmsend", f"@{fifo}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    writer = os.open(fifo, os.O_WRONLY)  # comes back when the program has opened it
    try:
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
    finally:
        os.close(writer)
        process.kill()
    assert (process.returncode, stdout, stderr) == (-signal.SIGINT, b"", b"")  # for a shell that is 130, too


def test_signal_before_the_run_ends_it_without_a_word() -> None:
    """Python would show a traceback of what is being imported at that time."""
    code = "import os, signal, dcmsend.cli.console; os.kill(os.getpid(), signal.SIGINT); print('still here')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


def test_signal_ignored_by_the_parent_is_ignored_from_the_beginning() -> None:
    code = "import os, signal, dcmsend.cli.console; os.kill(os.getpid(), signal.SIGINT); print('still here')"
    done = subprocess.run(
        ["sh", "-c", "trap '' INT; exec \"$0\" -c \"$1\"", sys.executable, code],
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"still here\n", b"")
