"""The progress display on a real pseudo-terminal, seen through a terminal emulator."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.peer_script import Respond, Script
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances
from support.terminal import Terminal, masked

SCREENS = Path(__file__).parent / "screens"
TROUBLE = Script(stores={3: Respond(0xA700), 5: Respond(0xA900), 7: Respond(0xB000)})
COUNT = 150


@contextmanager
def slow_run(
    dcmsend: str, folder: Path, *options: str, columns: int = 80, count: int = COUNT, **environment: str
) -> Iterator[Terminal]:
    """A run of about five seconds, of which three have a display."""
    write_instances(folder / "study", count)
    with ScriptedPeer(TROUBLE) as peer:
        argv = [dcmsend, "-nh", "+sd", "--max-instances-rate", "30", "-aec", "VNA01", *options, "127.0.0.1", peer.port]
        with Terminal([*argv, folder / "study"], columns=columns, environment=environment) as terminal:
            yield terminal


def is_shown(lines: list[str]) -> bool:
    return any(line.startswith("sending to ") for line in lines) and any("refused 2" in line for line in lines)


def stored_screen(name: str, lines: list[str]) -> None:
    """Compare with a stored screen; with the environment variable ``STORE_SCREENS`` store it."""
    path = SCREENS / f"{name}.txt"
    text = "\n".join(masked(lines)) + "\n"
    if os.environ.get("STORE_SCREENS"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def without_counts(lines: list[str]) -> list[str]:
    """A screen at any moment: the numbers that move are masked."""
    patterns = ((r"[#-]{10,} +\d+%", "BAR N%"), (r"\d+ / ", "N / "), (r"stored \d+", "stored N"))
    for pattern, word in patterns:
        lines = [re.sub(pattern, word, line) for line in lines]
    return lines


@pytest.mark.parametrize("columns", [80, 200])
def test_screen_and_closing_lines(dcmsend: str, tmp_path: Path, columns: int) -> None:
    with slow_run(dcmsend, tmp_path, columns=columns) as terminal:
        lines = terminal.wait_for(is_shown)
        assert all(len(line) <= columns for line in lines)
        stored_screen(f"running-{columns}", without_counts(lines))
        assert not terminal.cursor_is_hidden
        code, lines = terminal.finish()
    assert code == 0
    begin = next(number for number, line in enumerate(lines) if line.startswith("  NOT stored"))
    assert lines[begin - 1].startswith(f"{COUNT - 2} of {COUNT} instances stored, ")
    stored_screen("ended", lines[begin:])


def test_window_that_becomes_narrow(dcmsend: str, tmp_path: Path) -> None:
    with slow_run(dcmsend, tmp_path, columns=120) as terminal:
        terminal.wait_for(is_shown)
        terminal.resize(60)
        lines = terminal.wait_for(lambda lines: is_shown(lines) and len(lines) == 3 and len(lines[1]) <= 60)
        assert lines[0].startswith("sending to VNA01@127.0.0.1:")
        code, lines = terminal.finish()
    assert code == 0
    assert "sending to" not in "".join(lines[-6:])


@pytest.mark.parametrize(
    "environment", [{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"NO_COLOR": "1"}], ids=str
)
def test_simple_terminals(dcmsend: str, tmp_path: Path, environment: dict[str, str]) -> None:
    """Nothing but ASCII is drawn, and no colours."""
    with slow_run(dcmsend, tmp_path, **environment) as terminal:
        stored_screen("running-80", without_counts(terminal.wait_for(is_shown)))
        assert terminal.finish()[0] == 0
    assert terminal.written.isascii()
    assert b"\x1b[3" not in terminal.written  # a colour


def test_dumb_terminal(dcmsend: str, tmp_path: Path) -> None:
    """It gets a line a minute, and this run is shorter."""
    with slow_run(dcmsend, tmp_path, TERM="dumb") as terminal:
        code, lines = terminal.finish()
    assert code == 0
    assert b"\x1b" not in terminal.written
    assert lines[0].startswith("E: 2 of 150 SOP instances were not stored")


def test_messages_stand_above_the_display(dcmsend: str, tmp_path: Path) -> None:
    """The peer's trouble is told while the display is there, and neither tears the other."""
    hostile = "\x1b[31mred\x07"
    write_instances(tmp_path / "more", 100)
    (tmp_path / "more" / "000001.dcm").rename(tmp_path / "more" / f"{hostile}.dcm")
    broken = tmp_path / "more" / f"{hostile}.dcm"
    broken.write_bytes(broken.read_bytes()[:-3])
    with ScriptedPeer() as peer:
        argv = [dcmsend, "-nh", "+sd", "--max-instances-rate", "20", "127.0.0.1", peer.port, tmp_path / "more"]
        with Terminal(argv, columns=150) as terminal:
            code, lines = terminal.finish()
    assert code == 0
    assert b"\x07" not in terminal.written
    assert b"\x1b[31m" not in terminal.written
    told = [line for line in lines if line.startswith("E: cannot send SOP instance from file: ")]
    assert len(told) == 1
    assert "\\x1b[31mred\\x07.dcm" in told[0]


def test_interrupt_leaves_a_clean_terminal(dcmsend: str, tmp_path: Path) -> None:
    with slow_run(dcmsend, tmp_path) as terminal:
        terminal.wait_for(is_shown)
        terminal.interrupt()
        code, lines = terminal.finish()
    assert code == 130
    assert not terminal.cursor_is_hidden
    assert not any(line.startswith("sending to") for line in lines)
    assert lines[-1].startswith("Result 130: ended by SIGINT, ")


def test_no_progress(dcmsend: str, tmp_path: Path) -> None:
    with slow_run(dcmsend, tmp_path, "--no-progress") as terminal:
        code, lines = terminal.finish()
    assert code == 0
    assert b"\x1b" not in terminal.written
    assert lines[-1].startswith("Result 0: ")  # the other options are ours
    with ScriptedPeer() as peer, Terminal(
        [dcmsend, "--no-progress", "127.0.0.1", peer.port, tmp_path / "study" / "000001.dcm"]
    ) as terminal:
        assert terminal.finish() == (0, [])


def test_short_run_on_a_terminal(dcmsend: str, tmp_path: Path) -> None:
    """An old command line shows nothing before two seconds have passed, and loads nothing for it."""
    write_instances(tmp_path, 1)
    code = "import sys; from dcmsend.cli.main import main; main(sys.argv[1:]); print('rich' in sys.modules)"
    with ScriptedPeer() as peer, Terminal(
        [sys.executable, "-c", code, "127.0.0.1", peer.port, tmp_path / "000001.dcm"]
    ) as terminal:
        assert terminal.finish() == (0, ["False"])


def test_piped_old_command_line(dcmsend: str, tmp_path: Path) -> None:
    write_instances(tmp_path / "study", 90)
    with ScriptedPeer() as peer:
        done = run(dcmsend, "+sd", "127.0.0.1", peer.port, tmp_path / "study")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")


def test_piped_with_progress(dcmsend: str, tmp_path: Path) -> None:
    """A line a minute; this run is shorter, and has its closing lines all the same."""
    write_instances(tmp_path / "study", 3)
    with ScriptedPeer() as peer:
        done = run(dcmsend, "--progress", "+sd", "127.0.0.1", peer.port, tmp_path / "study")
    assert (done.exit_code, done.stdout) == (0, "")
    first, last = done.stderr.splitlines()
    assert first.startswith("3 of 3 instances stored, ")
    assert last == "Result 0: everything is stored."


def test_piped_with_an_option_of_ours(dcmsend: str, tmp_path: Path) -> None:
    write_instances(tmp_path / "study", 3)
    with ScriptedPeer() as peer:
        done = run(dcmsend, "--require-stored", "+sd", "127.0.0.1", peer.port, tmp_path / "study")
        quiet = run(dcmsend, "-q", "--require-stored", "+sd", "127.0.0.1", peer.port, tmp_path / "study")
    assert done.stderr.splitlines()[1:] == ["Result 0: everything is stored."]
    assert quiet.stderr == ""
