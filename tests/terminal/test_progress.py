"""The progress display on a real pseudo-terminal, seen through a terminal emulator."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
import pytest

from support.corpus import DATA
from support.peer_script import Respond, Script, Silence
from support.processes import wait_until
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances
from support.terminal import Terminal, masked

SCREENS = Path(__file__).parent / "screens"
TROUBLE = Script(stores={3: Respond(0xA700), 5: Respond(0xA900), 7: Respond(0xB000)})
COUNT = 150
NO_HEADER = "bad.dcm: File meta information header missing"


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
    patterns = (
        (r"[#-]{10,} +\d+%", "BAR N%"), (r"\d+ / ", "N / "), (r"stored \d+", "stored N"),
        (r"^[\d.]+ k?B of ", "N kB of "),
    )  # fmt: skip
    for pattern, word in patterns:
        lines = [re.sub(pattern, word, line) for line in lines]
    return lines


@pytest.mark.slow
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
        lines = terminal.wait_for(lambda lines: is_shown(lines) and len(lines) == 4 and len(lines[1]) <= 60)
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
    assert lines[0].startswith("148 of 150 instances stored, ")


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
    assert lines[-1].startswith("Exit 130: ended by SIGINT, ")


def test_no_progress(dcmsend: str, tmp_path: Path) -> None:
    with slow_run(dcmsend, tmp_path, "--no-progress") as terminal:
        code, lines = terminal.finish()
    assert code == 0
    assert b"\x1b" not in terminal.written
    assert lines[-1].startswith("Exit 0: ")  # the other options are ours
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
    assert last == "Exit 0: everything is stored."


def test_piped_with_an_option_of_ours(dcmsend: str, tmp_path: Path) -> None:
    write_instances(tmp_path / "study", 3)
    with ScriptedPeer() as peer:
        done = run(dcmsend, "--require-stored", "+sd", "127.0.0.1", peer.port, tmp_path / "study")
        quiet = run(dcmsend, "-q", "--require-stored", "+sd", "127.0.0.1", peer.port, tmp_path / "study")
    assert done.stderr.splitlines()[1:] == ["Exit 0: everything is stored."]
    assert quiet.stderr == ""


def write_large(folder: Path, name: str, megabytes: int, study: str) -> None:
    """An instance whose pixels are zeros."""
    data_set = pydicom.dcmread(DATA / "pydicom" / "CT_small.dcm")
    data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID = f"{study}.1"
    data_set.StudyInstanceUID = study
    data_set.Rows, data_set.Columns = megabytes * 512, 1024
    data_set.PixelData = bytes(megabytes * 512 * 1024 * 2)
    folder.mkdir(exist_ok=True)
    data_set.save_as(folder / name)


def shares_in(lines: list[str]) -> set[int]:
    return {int(share) for line in lines for share in re.findall(r"(\d+)%", line)}


def test_a_large_object_moves_the_bar(dcmsend: str, tmp_path: Path) -> None:
    """Bytes are counted as they leave, and the study of the instance that is sent is named."""
    write_large(tmp_path / "in", "1.dcm", 1, "1.2.826.0.1.3680043.10.1")
    write_large(tmp_path / "in", "2.dcm", 31, "1.2.826.0.1.3680043.10.2")
    with ScriptedPeer() as peer, Terminal(
        [dcmsend, "--max-rate", "4M", "127.0.0.1", peer.port, tmp_path / "in" / "1.dcm", tmp_path / "in" / "2.dcm"],
        columns=160,
    ) as terminal:
        terminal.wait_for(lambda lines: any(" 1 / 2" in line for line in lines))
        shares: set[int] = set()
        for _ in range(3):
            lines = terminal.wait_for(lambda lines: bool(shares_in(lines) - shares))
            shares.update(shares_in(lines))
        amount = r"[\d.]+ [kM]B of 34 MB  study 1\.2\.826\.0\.1\.3680043\.10\.2"
        assert any(re.fullmatch(amount, line) for line in lines)
        assert all(len(line) <= 100 for line in lines)
        terminal.interrupt()
        terminal.interrupt()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("option", ["--progress", "--no-progress"])
def test_the_first_signal_is_answered_at_once(
    dcmsend: str, tmp_path: Path, number: signal.Signals, option: str
) -> None:
    write_instances(tmp_path / "study", 5)
    with ScriptedPeer(Script(stores={2: Silence()})) as peer:
        argv = [dcmsend, "+sd", option, "127.0.0.1", peer.port, tmp_path / "study"]
        with Terminal(argv, columns=120) as terminal:
            wait_until(lambda: any(len(each.stores) == 2 for each in peer.connections), 60.0, "the second request")
            terminal.process.send_signal(number)
            line = "stopping: waiting for 1 answer, at most 10 s; press again to abort"
            terminal.wait_for(lambda lines: line in lines)
            assert terminal.process.poll() is None
            terminal.process.send_signal(number)
            assert terminal.finish()[0] in (130, 143)


def test_a_signal_with_nothing_in_flight(dcmsend: str, tmp_path: Path) -> None:
    with ScriptedPeer(Script(associate=Silence())) as peer:
        process = subprocess.Popen(
            [dcmsend, "127.0.0.1", str(peer.port), str(DATA / "pydicom" / "CT_small.dcm")], stderr=subprocess.PIPE
        )
        wait_until(lambda: bool(peer.connections), 60.0, "a connection")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert b"stopping; press again to abort" in errors.splitlines()


def test_each_loss_is_told_once(dcmsend: str, tmp_path: Path) -> None:
    """With closing lines the log has no totals of its own; statuses are spelt in one way."""
    write_instances(tmp_path / "study", 8)
    with ScriptedPeer(TROUBLE) as peer:
        done = run(dcmsend, "-nh", "--require-stored", "+sd", "127.0.0.1", peer.port, tmp_path / "study")
    with ScriptedPeer(TROUBLE) as peer:
        old = run(dcmsend, "-nh", "+sd", "127.0.0.1", peer.port, tmp_path / "study")
    assert done.stderr.splitlines()[1:] == [
        "  NOT stored 2   (stored with a warning from the peer: 1)",
        "    refused       1 0xA700 OutOfResources -> try again",
        "      The archive is out of resources (disk, database). Send again later;",
        "      --retry N does so up to N times.",
        "    refused       1 0xA900 DataSetDoesNotMatchSOPClass -> manual action",
        "      The archive says that the data set does not fit its SOP Class. Ask the",
        "      administrator to check its log.",
        "  (--report-csv FILE lists them one by one)",
        "Exit 101: 1 may succeed when run again, 1 needs manual action.",
    ]
    assert [line[:24] for line in old.lines("E")] == [
        "2 of 8 SOP instances wer", "  1 with 0xA700 (Refused", "  1 with 0xA900 (Error: ",
    ]


@pytest.mark.parametrize(("options", "told"), [
    (["-nh", "--require-stored"], f"E: cannot add DICOM file to the transfer list: {NO_HEADER}"),
    (["--require-stored"], f"F: bad DICOM file: {NO_HEADER}"),
])
def test_a_bad_file_is_told_once(dcmsend: str, tmp_path: Path, options: list[str], told: str) -> None:
    (tmp_path / "bad.dcm").write_bytes(b"no DICOM" * 100)
    write_instances(tmp_path, 1)
    with ScriptedPeer() as peer:
        done = run(dcmsend, *options, "127.0.0.1", peer.port, "bad.dcm", "000001.dcm", cwd=tmp_path)
        old = run(dcmsend, "-nh", "127.0.0.1", peer.port, "bad.dcm", "000001.dcm", cwd=tmp_path)
    assert next(line for line in done.stderr.splitlines() if "bad.dcm" in line) == told
    assert sum("bad.dcm" in line for line in done.stderr.splitlines() if not line.startswith("Exit")) == 1
    assert sum("bad.dcm" in line for line in old.stderr.splitlines()) == 2  # as in DCMTK
