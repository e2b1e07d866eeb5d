"""The command as a function: what becomes of bugs, and what is loaded for the simple answers."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dcmsend.run
from dcmsend.cli.main import main
from support.run import run


@pytest.fixture(autouse=True)
def _keep_logging() -> Iterator[None]:
    """The command sets up the logging of the whole process."""
    logger = logging.getLogger("dcmsend")
    before = logger.handlers[:], logger.level, logger.propagate, logging.raiseExceptions
    last_resort = logging.lastResort
    yield
    logger.handlers[:], logger.level, logger.propagate, logging.raiseExceptions = before
    logger.setLevel(before[1])
    logging.lastResort = last_resort


def _break(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*arguments: object, **more: object) -> None:
        raise error

    monkeypatch.setattr(dcmsend.run.Run, "send_names", fail)


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("one\ntwo"), MemoryError(), RecursionError("deep"), OSError(5, "x")],
)
def test_bug_is_one_line(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _break(monkeypatch, error)
    assert main(["host", "104", "file"]) == 70
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"F: internal error: {type(error).__name__}:")
    assert err.count("\n") == 1


def test_bug_has_a_traceback_with_debug(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    _break(monkeypatch, ZeroDivisionError("x"))
    assert main(["-d", "host", "104", "file"]) == 70
    lines = capfd.readouterr().err.splitlines()
    assert "D: Traceback (most recent call last):" in lines
    assert lines[-1] == "F: internal error: ZeroDivisionError: x"
    assert all(line[:3] in ("D: ", "F: ") for line in lines)


def test_keyboard_interrupt_is_an_exit_code(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    _break(monkeypatch, KeyboardInterrupt())
    assert main(["host", "104", "file"]) == 130
    assert capfd.readouterr().err == ""


def test_message_that_cannot_be_put_together_is_shown_as_it_stands(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def run_badly(*arguments: object, **more: object) -> None:
        logging.getLogger("dcmsend.app").error("%d files", "many")
        raise ZeroDivisionError

    monkeypatch.setattr(dcmsend.run.Run, "send_names", run_badly)
    main(["host", "104", "file"])
    assert capfd.readouterr().err.splitlines()[0] == "E: %d files"


@pytest.mark.parametrize("option", ["-q", "-d"])
def test_what_other_packages_say_is_not_shown(option: str) -> None:
    """Such lines have no level, and nobody escapes them: those of stores tell what credentials they have tried."""
    program = (
        "import logging, sys, warnings, dcmsend.run\n"
        "from dcmsend.cli.main import main\n"
        "def send_names(*words, **more):\n"
        "    logging.getLogger('azure.identity').error('other\\33[2J')\n"
        "    warnings.warn('other\\33[2J')\n"
        "dcmsend.run.Run.send_names = send_names\n"
        "main(sys.argv[1:])\n"
    )
    assert "other" not in run(sys.executable, "-c", program, option, "host", "104", "file").stderr


def test_a_bug_is_in_the_log_file_too(tmp_path: Path) -> None:
    (tmp_path / "log.cfg").write_text(
        "log4cplus.rootLogger = INFO, f\nlog4cplus.appender.f = log4cplus::FileAppender\n"
        "log4cplus.appender.f.File = x.log\n"
    )
    program = (
        "import sys, dcmsend.run\n"
        "from dcmsend.cli.main import main\n"
        "dcmsend.run.Run.send_names = lambda *words, **more: {}['one\\ntwo']\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    done = run(sys.executable, "-c", program, "-lc", "log.cfg", "host", "104", "file", cwd=tmp_path)
    assert (done.exit_code, done.stderr) == (70, "F: internal error: KeyError: 'one\\ntwo'\n")
    assert (tmp_path / "x.log").read_text() == "FATAL - internal error: KeyError: 'one\\ntwo'\n"


@pytest.mark.parametrize("option", ["--version", "--help", "--bogus"])
def test_simple_answers_load_almost_nothing(option: str) -> None:
    done = run(sys.executable, "-X", "importtime", "-m", "dcmsend", option)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert loaded.isdisjoint({
        "logging", "dataclasses", "socket", "threading", "dcmsend.settings", "dcmsend.run", "dcmsend.transfer",
        "dcmsend.dicom", "dcmsend.cli.arguments", "dcmsend.cli.log_setup",
    })


def test_plain_command_line_loads_no_log_configuration() -> None:
    done = run(sys.executable, "-X", "importtime", "-m", "dcmsend", "localhost", "1", "nofile")
    assert done.exit_code == 22
    assert "dcmsend.cli.log_setup" in done.stderr
    assert "dcmsend.cli.log_config" not in done.stderr
    assert "dcmsend.cli.log_pattern" not in done.stderr
