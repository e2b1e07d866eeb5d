"""The loggers do what those of ``logging`` do, and load it only when there is something to say."""

from __future__ import annotations

import logging
import os
import sys
import textwrap
from pathlib import Path

import pytest

from dcmsend.loggers import CRITICAL, DEBUG, ERROR, INFO, WARNING, Logger, get_logger
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

NAME = "dcmsend.tests"
LEVELS = {"debug": DEBUG, "info": INFO, "warning": WARNING, "error": ERROR, "critical": CRITICAL}


def _run_alone(code: str) -> list[str]:
    """What a new interpreter prints that has nothing loaded."""
    start = "import sys\nfrom dcmsend.loggers import *\nassert 'logging' not in sys.modules\nlog = get_logger('a')\n"
    done = run(sys.executable, "-c", start + textwrap.dedent(code))
    assert done.exit_code == 0, done.stderr
    return done.stdout.splitlines() + done.stderr.splitlines()


@pytest.mark.parametrize("level", LEVELS.values())
def test_levels_are_those_of_logging(level: int) -> None:
    names = {number: name for name, number in logging.getLevelNamesMapping().items() if name.lower() in LEVELS}
    assert LEVELS[names[level].lower()] == level


@pytest.mark.parametrize("name", LEVELS)
def test_a_message_is_the_same_at_the_first_call_and_later(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(DEBUG, NAME)
    log = Logger(NAME)
    for _ in range(2):
        getattr(log, name)("%s of %d", "one", 2)
        log.log(LEVELS[name], "%s of %d", "one", 2)
    logging.getLogger(NAME).log(LEVELS[name], "%s of %d", "one", 2)
    facts = {(record.name, record.levelno, record.getMessage(), record.pathname) for record in caplog.records}
    assert len(caplog.records) == 5
    assert facts == {(NAME, LEVELS[name], "one of 2", __file__)}


def test_a_message_comes_from_the_line_of_its_caller(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(DEBUG, NAME)
    for name in LEVELS:
        log = Logger(NAME)
        getattr(log, name)("first"), getattr(log, name)("second")
        Logger(NAME).log(LEVELS[name], "third")
    functions = {(record.filename, record.funcName) for record in caplog.records}
    assert functions == {(os.path.basename(__file__), test_a_message_comes_from_the_line_of_its_caller.__name__)}
    lines = [record.lineno for record in caplog.records]
    assert lines == [lines[0], lines[0], lines[0] + 1] * len(LEVELS)


def test_a_change_of_the_level_counts_at_once(caplog: pytest.LogCaptureFixture) -> None:
    log = Logger(NAME)
    for level in (ERROR, DEBUG, INFO):
        caplog.set_level(level, NAME)
        enabled = [each for each in LEVELS.values() if log.isEnabledFor(each)]
        assert enabled == [each for each in LEVELS.values() if each >= level]


def test_a_name_has_one_logger() -> None:
    assert get_logger(NAME) is get_logger(NAME)
    assert get_logger(NAME) is not get_logger(f"{NAME}.other")


def test_what_nobody_can_have_asked_for_loads_nothing() -> None:
    assert _run_alone("""
        log.debug("text")
        log.info("text")
        log.log(INFO, "text")
        print(log.isEnabledFor(INFO), is_loaded())
    """) == ["False False"]  # fmt: skip


FIRST_CALLS = ("log.warning('one')", "log.log(30, 'one')", "log.isEnabledFor(30) and log.warning('one')")


@pytest.mark.parametrize("call", FIRST_CALLS)
def test_logging_is_configured_before_the_first_message_and_once(call: str) -> None:
    assert _run_alone(f"""
        def first():
            print("never")

        def configure():
            import logging
            print("configured")
            logging.basicConfig(stream=sys.stdout, format="%(name)s %(lineno)d %(message)s")

        configure_later(first)
        configure_later(configure)
        {call}
        get_logger("b").warning("two")
        log.debug("three")
    """) == ["configured", "a 16 one", "b 17 two"]


@pytest.mark.parametrize("name", ["debug", "info"])
def test_what_is_less_than_a_warning_is_said_once_somebody_else_has_loaded_logging(name: str) -> None:
    assert _run_alone(f"""
        log.{name}("lost")
        import logging
        logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.DEBUG)
        log.{name}("one")
        print(log.isEnabledFor(DEBUG))
        get_logger("b").log(DEBUG, "two")
    """) == ["one", "True", "two"]


def test_what_a_run_has_put_off_does_not_undo_what_the_next_one_does(tmp_path: Path) -> None:
    (path,) = write_instances(tmp_path, 1)
    with ScriptedPeer() as peer:
        told = _run_alone(f"""
            from dcmsend.cli.main import main
            call = ["127.0.0.1", {str(peer.port)!r}, {str(path)!r}]
            assert main(call) == main(["-v", *call]) == 0
        """)
    assert [line for line in told if line.startswith("I: ")]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit of descriptors")
def test_a_first_message_needs_no_descriptor_where_few_files_may_be_open() -> None:
    told = _run_alone("""
        import os, resource
        from importlib import import_module
        from dcmsend.run.late_modules import load_late_modules
        configure_later(lambda: import_module("dcmsend.cli.line_handler"))
        load_late_modules()
        lowest_free = os.dup(0)
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        log.warning("one")
    """)
    assert told == ["one"]
