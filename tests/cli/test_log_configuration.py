"""Log configuration files do the same in both programs: output, log files, complaints, exit code.

Masked are only time, thread, process and what says which program it is.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import re
import socket
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from dcmsend.cli import log_files
from dcmsend.cli.log_appenders import make_appender
from dcmsend.cli.log_properties import host_name
from support.corpus import DATA
from support.programs import dcmtk_program, installed_dcmsend

from .both_programs import masked, raw_run

pytestmark = pytest.mark.peer("dcmtk-dcmsend")

CT = DATA / "pydicom" / "CT_small.dcm"

CONSOLE = "log4cplus.rootLogger = INFO, c\nlog4cplus.appender.c = log4cplus::ConsoleAppender\n"
PATTERN = (
    CONSOLE + "log4cplus.appender.c.layout = log4cplus::PatternLayout\nlog4cplus.appender.c.layout.ConversionPattern = "
)
NAMES = PATTERN + "%c %m%n\n"
TTCC = CONSOLE + "log4cplus.appender.c.layout = log4cplus::TTCCLayout\n"
FILTER = PATTERN + "%p %m%n\nlog4cplus.appender.c.filters.1 = log4cplus::spi::"
FILE = "log4cplus.rootLogger = INFO, f\nlog4cplus.appender.f.File = x.log\nlog4cplus.appender.f = log4cplus::"

CONFIGURATIONS = {
    "simple layout by default": CONSOLE,
    "unknown layout": CONSOLE + "log4cplus.appender.c.layout = log4cplus::FooLayout\n",
    "letter and word": PATTERN + "%P|%p|%-10p|%10p|%m%n\n",
    "cut from the left": PATTERN + "%.2m %.20m %10.4p%n\n",
    "logger names": PATTERN + "%c %c{1} %c{2} %c{3} %c{9} %c{0} %c{x} %c{}%n\n",
    "host and empty contexts": PATTERN + "%h|%H|%x|%X{a}|%X|%%|%n\n",
    "date formats": PATTERN + "%D{%Y-%m-%d}|%d{%Y}|%D{|%%q|%}|%D{x}%n\n",
    "unknown directives": PATTERN + "%y %5y %.m %m%n\n",
    "widths that are none": PATTERN + "%-5.3.2p%--3p%05p%m%n\n",
    "percent at the end": PATTERN + "%m%\n",
    "width at the end": PATTERN + "%m%n%5\n",
    "widths at the end": PATTERN + "%m%n%5.3\n",
    "option without end": PATTERN + "%m%n%c{abc %m%n\n",
    "empty pattern": PATTERN + "\n",
    "no pattern": CONSOLE + "log4cplus.appender.c.layout = log4cplus::PatternLayout\n",
    "old name of the pattern":
        CONSOLE + "log4cplus.appender.c.layout = log4cplus::PatternLayout\nlog4cplus.appender.c.layout.Pattern=%m!%n\n",
    "message as a whole": PATTERN + "[%p] %m%n\nlog4cplus.appender.c.layout.FormatEachLine = false\n",
    "message by lines": PATTERN + "[%p] %m%n\nlog4cplus.appender.c.layout.FormatEachLine = no\n",
    "message as a whole, by number": PATTERN + "[%p] %m%n\nlog4cplus.appender.c.layout.FormatEachLine = 0\n",
    "ttcc with a date": TTCC + "log4cplus.appender.c.layout.DateFormat = %Y\n",
    "ttcc in UTC":
        TTCC + "log4cplus.appender.c.layout.DateFormat = %Y\nlog4cplus.appender.c.layout.Use_gmtime = true\n",
    "standard error": CONSOLE + "log4cplus.appender.c.logToStdErr = TRUE\n",
    "standard error by number": CONSOLE + "log4cplus.appender.c.logToStdErr = 1\n",
    "standard error, misspelt": CONSOLE + "log4cplus.appender.c.logToStderr = true\n",
    "no immediate flush": CONSOLE + "log4cplus.appender.c.ImmediateFlush = false\n",
    "threshold": CONSOLE + "log4cplus.appender.c.Threshold = error\n",
    "unknown threshold": CONSOLE + "log4cplus.appender.c.Threshold = bogus\n",
    "threshold off": CONSOLE + "log4cplus.appender.c.Threshold = OFF\n",
    "level match": FILTER + "LogLevelMatchFilter\nlog4cplus.appender.c.filters.1.LogLevelToMatch = ERROR\n",
    "level match, then nothing":
        FILTER + "LogLevelMatchFilter\nlog4cplus.appender.c.filters.1.LogLevelToMatch = error\n"
        "log4cplus.appender.c.filters.1.AcceptOnMatch = true\n"
        "log4cplus.appender.c.filters.2 = log4cplus::spi::DenyAllFilter\n",
    "level match of nothing": FILTER + "LogLevelMatchFilter\nlog4cplus.appender.c.filters.1.LogLevelToMatch = bogus\n",
    "level range":
        FILTER + "LogLevelRangeFilter\nlog4cplus.appender.c.filters.1.LogLevelMin = ERROR\n"
        "log4cplus.appender.c.filters.1.LogLevelMax = ERROR\n",
    "half a level range":
        FILTER + "LogLevelRangeFilter\nlog4cplus.appender.c.filters.1.LogLevelMin = bogus\n"
        "log4cplus.appender.c.filters.1.LogLevelMax = INFO\nlog4cplus.appender.c.filters.1.AcceptOnMatch = true\n"
        "log4cplus.appender.c.filters.2 = log4cplus::spi::DenyAllFilter\n",
    "string match": FILTER + "StringMatchFilter\nlog4cplus.appender.c.filters.1.StringToMatch = bad\n",
    "string match with odd truth":
        FILTER + "StringMatchFilter\nlog4cplus.appender.c.filters.1.StringToMatch = bad\n"
        "log4cplus.appender.c.filters.1.AcceptOnMatch = bogus\n",
    "string match of nothing": FILTER + "StringMatchFilter\nlog4cplus.appender.c.filters.1.StringToMatch =\n",
    "unknown filter": FILTER + "NoFilter\nlog4cplus.appender.c.filters.2 = log4cplus::spi::DenyAllFilter\n",
    "second filter without a first": CONSOLE + "log4cplus.appender.c.filters.2 = log4cplus::spi::DenyAllFilter\n",
    "empty appender names": "log4cplus.rootLogger = INFO,,c,c,\nlog4cplus.appender.c = log4cplus::ConsoleAppender\n",
    "tab before the appender": "log4cplus.rootLogger = INFO,\tc\nlog4cplus.appender.c = log4cplus::ConsoleAppender\n",
    "root off": "log4cplus.rootLogger = OFF, c\nlog4cplus.appender.c = log4cplus::ConsoleAppender\n",
    "root trace": "log4cplus.rootLogger = ERROR, c\nlog4cplus.appender.c = log4cplus::ConsoleAppender\n",
    "root without appender": "log4cplus.rootLogger = INFO\n",
    "root with an unknown appender": "log4cplus.rootLogger = INFO, x\n",
    "root empty": "log4cplus.rootLogger =\nlog4cplus.appender.c = log4cplus::ConsoleAppender\n",
    "null appender": "log4cplus.rootLogger = INFO, n\nlog4cplus.appender.n = log4cplus::NullAppender\n",
    "unknown appender": CONSOLE + "log4cplus.appender.d = log4cplus::NoAppender\n",
    "one appender at two loggers": NAMES + "log4cplus.logger.dcmtk = INHERITED, c\n",
    "without additivity": NAMES + "log4cplus.logger.dcmtk = INHERITED, c\nlog4cplus.additivity.dcmtk = FALSE\n",
    "logger off": NAMES + "log4cplus.logger.dcmtk.dcmnet = OFF\n",
    "logger with an unknown level": NAMES + "log4cplus.logger.dcmtk.dcmnet = bogus\n",
    "logger with an empty setting": NAMES + "log4cplus.logger.dcmtk.dcmnet =\n",
    "logger above the root":
        NAMES + "log4cplus.logger.dcmtk.apps = ERROR\nlog4cplus.logger.dcmtk.apps.dcmsend = INFO\n",
    "logger cut off": NAMES + "log4cplus.additivity.dcmtk.dcmnet = false\n",
    "odd additivity": NAMES + "log4cplus.additivity.dcmtk.dcmnet = nope\n",
    "a logger named root": NAMES + "log4cplus.additivity.root = false\nlog4cplus.logger.root = OFF\n",
    "variables": PATTERN + "${x} ${y} ${z} ${log4cplus.rootLogger} %m%n\nx=a${q}b\nq=Q\ny=${HOME}\n",
    "predefined variables": PATTERN + "${appname} ${hostname} ${date} %m%n\nhostname=foo\n",
    "variable without end": PATTERN + "${x %m%n\n",
    "variable in a key": "log4cplus.rootLogger = OFF\n${k} = INFO, c\nk=log4cplus.rootLogger\n"
        "log4cplus.appender.c = log4cplus::ConsoleAppender\n",
    "comments and blanks": "  # x\n\t" + CONSOLE + "=v\nnokey\n",
    "last of equal keys": CONSOLE + "log4cplus.rootLogger=WARN, c=d\n",
    "lines of Windows": CONSOLE.replace("\n", " \r\n"),
    "file": FILE + "FileAppender\n",
    "file without a name": "log4cplus.rootLogger = INFO, f\nlog4cplus.appender.f = log4cplus::FileAppender\n",
    "file that cannot be": FILE.replace("x.log", "missing/x.log") + "FileAppender\n",
    "nothing in it": "# nothing\n",
    "nothing for us": "a = b\n",
    "no root": "log4cplus.x = y\n",
    "root only by a variable": "${k} = INFO\nk=log4cplus.rootLogger\nlog4cplus.x = y\n",
}


def run_both(configuration: str, folder: Path, *arguments: str, runs: int = 1) -> tuple[list[object], list[object]]:
    """What both programs leave behind, each in a folder of its own: exit code, output, files with their content."""
    left = []
    for name, program in (("theirs", dcmtk_program("dcmsend")), ("ours", installed_dcmsend())):
        assert program is not None
        own = folder / name
        own.mkdir(exist_ok=True)
        (own / "log.cfg").write_bytes(os.fsencode(configuration))
        for _ in range(runs):
            done = raw_run(program, [*arguments, "-lc", "log.cfg", "localhost", "1", "nofile"], own, TZ="Europe/Berlin")
        files = {path.name: path.read_bytes() for path in own.iterdir()}
        left.append([done.returncode, _mask(done.stdout), _mask(done.stderr), files])
    return left[0], left[1]


def _mask(text: bytes) -> bytes:
    return re.sub(rb"\[\d{6,}\]", b"[THREAD]", masked(text))


@pytest.mark.parametrize("configuration", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
def test_configuration(configuration: str, tmp_path: Path) -> None:
    theirs, ours = run_both(configuration, tmp_path)
    assert ours == theirs


@pytest.mark.parametrize(
    "name", ["letter and word", "simple layout by default", "threshold", "root off", "null appender"],
)
def test_arguments_are_logged_by_the_root_logger(name: str, tmp_path: Path) -> None:
    theirs, ours = run_both(CONFIGURATIONS[name] + "log4cplus.logger.dcmtk = OFF\n", tmp_path, "--arguments")
    assert ours == theirs


@pytest.mark.parametrize("level", ["OFF", "FATAL", "ERROR", "INFO"])
@pytest.mark.parametrize("arguments", [["-ta", "0"], ["+v"]])
def test_errors_of_the_command_line(level: str, arguments: list[str], tmp_path: Path) -> None:
    """They are silent when the root logger does not even show errors; ``+v`` asks the program's own logger."""
    console = CONSOLE.replace("INFO", level)
    for extra in ("", "log4cplus.logger.dcmtk.apps = INFO\n", "log4cplus.logger.dcmtk.apps = ERROR\n"):
        theirs, ours = run_both(console + extra, tmp_path, *arguments)
        assert ours == theirs


@pytest.mark.parametrize(
    ("settings", "runs"),
    [
        (["FileAppender", "Append = true", "ImmediateFlush = false"], 3),
        (["RollingFileAppender", "MaxFileSize = 1KB", "MaxBackupIndex = 2"], 3),
        (["RollingFileAppender", "MaxFileSize = 300 kb", "MaxBackupIndex = 0"], 2),
        (["RollingFileAppender", "MaxFileSize = bad", "Append = false"], 2),
        (["DailyRollingFileAppender", "Schedule = DAILY", "MaxBackupIndex = 2"], 4),
        (["DailyRollingFileAppender", "Schedule = Weekly"], 2),
        (["DailyRollingFileAppender", "Schedule = MONTHLY"], 2),
        (["DailyRollingFileAppender", "Schedule = TWICE_DAILY"], 2),
        (["DailyRollingFileAppender", "Schedule = bogus"], 1),
    ],
)
def test_files_that_roll_over(settings: list[str], runs: int, tmp_path: Path) -> None:
    """Both start with a nearly full log file and three old ones."""
    for name in ("theirs", "ours"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "x.log").write_bytes(b"." * 204_790 + b"\n")
        for number in (1, 2, 3):
            (folder / f"x.log.{number}").write_text(f"old {number}\n")
    theirs, ours = run_both(FILE + "\nlog4cplus.appender.f.".join(settings), tmp_path, runs=runs)
    assert ours == theirs


SCHEDULES = ("MONTHLY", "WEEKLY", "DAILY", "TWICE_DAILY", "HOURLY", "MINUTELY")


@pytest.mark.slow
@pytest.mark.peer("faketime")
def test_files_that_roll_over_while_the_program_runs(tmp_path: Path) -> None:
    """A run of nine seconds over the end of a month, for each schedule; the week goes on.

    One starts after the other, because the month of each ends eight seconds after its start.
    """
    files: dict[tuple[str, str], dict[str, str]] = {}
    with contextlib.ExitStack() as stack:
        silent_peer = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        silent_peer.settimeout(60)
        runs = {}
        for schedule in SCHEDULES:
            for name, program in (("theirs", dcmtk_program("dcmsend")), ("ours", installed_dcmsend())):
                folder = tmp_path / schedule / name
                folder.mkdir(parents=True)
                (folder / "x.log").write_text("of the period before\n")
                settings = f"DailyRollingFileAppender\nlog4cplus.appender.f.Schedule = {schedule}\n"
                (folder / "log.cfg").write_text(FILE + settings)
                words = [dcmtk_program("faketime"), "-f", "@2026-03-31 23:59:52", program]
                words += ["-lc", "log.cfg", "-ta", "9", "127.0.0.1", silent_peer.getsockname()[1], CT]
                runs[schedule, name] = subprocess.Popen(
                    list(map(str, words)), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    env={**os.environ, "TZ": "UTC"},
                )  # fmt: skip
                stack.enter_context(silent_peer.accept()[0])
        for (schedule, name), process in runs.items():
            output = process.communicate(timeout=60)
            assert (process.returncode, *output) == (61, b"", b"")
            folder = tmp_path / schedule / name
            files[schedule, name] = {path.name: path.read_text() for path in folder.iterdir() if path.name != "log.cfg"}
    shown = ("FATAL - ", "of ")  # without lines that only ours has
    for schedule in SCHEDULES:
        theirs, ours = (
            {name: [line for line in text.splitlines() if line.startswith(shown)] for name, text in found.items()}
            for found in (files[schedule, "theirs"], files[schedule, "ours"])
        )
        assert ours == theirs
        assert len(theirs) == (2 if schedule == "WEEKLY" else 3)


def test_directives_for_place_and_time(tmp_path: Path) -> None:
    """Their values differ between two programs; their kinds do not."""
    directives = {
        "F": r".*", "b": r"\w+\.\w+", "L": r"\d+", "l": r".*:\d+", "M": r".+", "t": r"\d+", "T": r"\d+", "r": r"\d+",
        "i": r"\d+", "D": r"\d{4}(-\d\d){2} \d\d(:\d\d){2}", "d{%H%q|%Q}": r"\d{5}\|\d{3}\.\d{3}",
    }
    configuration = PATTERN + "|".join(f"%{name}" for name in directives) + "|%m%n\n"
    kind = "[|]".join(directives.values()) + r"[|](checking|cannot|bad) .*"
    for program in (dcmtk_program("dcmsend"), installed_dcmsend()):
        (tmp_path / "log.cfg").write_text(configuration)
        done = raw_run(str(program), ["-lc", "log.cfg", "localhost", "1", "nofile"], tmp_path)
        lines = done.stdout.decode().splitlines()
        assert len(lines) == 3
        assert all(re.fullmatch(kind, line) for line in lines), lines


@pytest.mark.parametrize("facility", ["", "LOCAL3", "x"])
def test_syslog_server(facility: str, tmp_path: Path) -> None:
    configuration = (
        "log4cplus.rootLogger = INFO, s\nlog4cplus.appender.s = log4cplus::SysLogAppender\n"
        "log4cplus.appender.s.host = 127.0.0.1\nlog4cplus.appender.s.ident = me\nlog4cplus.appender.s.port = {port}\n"
        f"log4cplus.appender.s.facility = {facility}\n"
    )
    received = []
    for program in (dcmtk_program("dcmsend"), installed_dcmsend()):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            server.settimeout(10)
            (tmp_path / "log.cfg").write_text(configuration.format(port=server.getsockname()[1]))
            done = raw_run(str(program), ["-lc", "log.cfg", "localhost", "1", "nofile"], tmp_path)
            packets = [server.recv(4096) for _ in range(3)]
        received.append([re.sub(rb" \S+T\S+Z (\S+) me \d+ ", rb" WHEN \1 me PID ", packet) for packet in packets])
        received[-1].append(done.stderr)
    assert received[1] == received[0]
    assert b" WHEN " in received[1][0]


@pytest.mark.skipif(os.path.exists("/dev/log") or not os.access("/dev", os.W_OK), reason="needs the place of the log")
def test_log_of_the_system(tmp_path: Path) -> None:
    received = []
    held = os.open("/dev", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)  # another suite may want the same place
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind("/dev/log")
        try:
            log.settimeout(10)
            (tmp_path / "log.cfg").write_text(
                "log4cplus.rootLogger = INFO, s\nlog4cplus.appender.s = log4cplus::SysLogAppender\n"
                "log4cplus.appender.s.ident = me\nlog4cplus.appender.s.facility = LOCAL3\n"
            )
            for program in (dcmtk_program("dcmsend"), installed_dcmsend()):
                done = raw_run(str(program), ["-lc", "log.cfg", "localhost", "1", "nofile"], tmp_path)
                packets = [log.recv(4096) for _ in range(3)]
                received.append([re.sub(rb"> ?\w+ +\d+ [\d:]+ ", b"> WHEN ", packet) for packet in packets])
                received[-1].append(done.stderr)
        finally:
            os.unlink("/dev/log")
            os.close(held)
    assert received[1] == received[0]
    assert received[0][0].startswith(b"<158> WHEN me: ")  # facility 19, severity 6


@pytest.mark.parametrize(("address", "told"), [
    ("127.0.0.1\nlog4cplus.appender.s.port = 99999", b""),
    ("\xe9..x", b"log4cplus:ERROR SysLogAppender- no address of the log server: "),
    ("nowhere.invalid", b"log4cplus:ERROR SysLogAppender- no address of the log server: "),
])
def test_syslog_server_that_cannot_be(address: str, told: bytes, tmp_path: Path) -> None:
    (tmp_path / "log.cfg").write_text(
        "log4cplus.rootLogger = INFO, s\nlog4cplus.appender.s = log4cplus::SysLogAppender\n"
        f"log4cplus.appender.s.host = {address}\n"
    )
    done = raw_run(installed_dcmsend(), ["-lc", "log.cfg", "localhost", "1", "nofile"], tmp_path)
    assert done.returncode == 22
    assert done.stderr.startswith(told)
    assert done.stderr.count(b"\n") == bool(told)


def test_the_name_of_a_log_server_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(name: str) -> str:
        asked.append(name)
        return "127.0.0.1"

    asked: list[str] = []
    monkeypatch.setattr(socket, "gethostbyname", look_up)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        properties = {"host": "loghost.invalid", "port": str(server.getsockname()[1])}
        appender = make_appender("s", "log4cplus::SysLogAppender", properties, SimpleNamespace())  # type: ignore[arg-type]
        assert appender is not None
        for text in ("first", "second"):
            appender.handle(logging.makeLogRecord({"msg": text, "levelno": logging.ERROR}))
            assert server.recv(4096).endswith(f"{text}\n".encode())
        appender.close()
    assert asked == ["loghost.invalid"]


@pytest.mark.parametrize("ident", [b"R\xf6ntgen", b"a\0b", b"\0b"])
def test_log_of_the_system_under_a_name_that_is_no_text(ident: bytes, tmp_path: Path) -> None:
    (tmp_path / "log.cfg").write_bytes(
        b"log4cplus.rootLogger = INFO, s\nlog4cplus.appender.s = log4cplus::SysLogAppender\n"
        b"log4cplus.appender.s.ident = " + ident + b"\n"
    )
    done = raw_run(installed_dcmsend(), ["-lc", "log.cfg", "localhost", "1", "nofile"], tmp_path)
    assert (done.returncode, done.stderr) == (22, b"")


@pytest.mark.parametrize("name", ["x" * 64, "a..b"])
def test_host_name_that_nobody_can_look_up(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux permits 64 characters, a name server 63 between dots."""
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    assert host_name(qualified=True) == name


def test_log_server_for_which_there_is_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_socket(*_: object) -> socket.socket:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    told: list[str] = []
    trouble = SimpleNamespace(error=told.append)
    monkeypatch.setattr(socket, "socket", no_socket)
    appender = make_appender("s", "log4cplus::SysLogAppender", {"host": "127.0.0.1"}, trouble)  # type: ignore[arg-type]
    assert appender is not None
    appender.handle(logging.makeLogRecord({"msg": "text", "levelno": logging.ERROR}))
    appender.close()
    assert told == ["SysLogAppender- no socket for the log server: Too many open files"]


@pytest.mark.parametrize("kind", ["SocketAppender", "NTEventLogAppender", "AsyncAppender", "Log4jUdpAppender"])
def test_unsupported_appenders_are_told(kind: str, tmp_path: Path) -> None:
    (tmp_path / "log.cfg").write_text(CONSOLE + f"log4cplus.appender.d = log4cplus::{kind}\n")
    done = raw_run(installed_dcmsend(), ["-lc", "log.cfg", "localhost", "1", "nofile"], tmp_path)
    assert done.returncode == 22
    assert f"log4cplus::{kind} is not supported by this program".encode() in done.stderr
    assert b"FATAL - bad DICOM file" in done.stdout


@pytest.mark.parametrize("level", ["bogus", "INHERITED", ""])
def test_root_logger_without_a_level_is_an_error(level: str, tmp_path: Path) -> None:
    """DCMTK's program crashes."""
    (tmp_path / "log.cfg").write_text(CONSOLE.replace("INFO", level))
    done = raw_run(installed_dcmsend(), ["-lc", "log.cfg", "localhost", "1", "nofile"], tmp_path)
    assert done.returncode == 1
    assert b"error: Specified --log-config file sets an invalid log level for log4cplus.rootLogger" in done.stderr


@pytest.mark.parametrize("values", ["a=${a}\n", "a=${b}\nb=x${a}\n", "a=${b}${b}\nb=${c}${c}\nc=${a}\n"])
def test_variable_that_refers_to_itself_is_an_error(values: str, tmp_path: Path) -> None:
    """DCMTK's program never comes back from it."""
    (tmp_path / "log.cfg").write_text(CONSOLE + values)
    done = raw_run(installed_dcmsend(), ["-lc", "log.cfg", "localhost", "1", "nofile"], tmp_path)
    assert done.returncode == 1
    assert b"error: Specified --log-config file contains a variable that refers to itself" in done.stderr


def test_full_disk_does_not_end_the_run(tmp_path: Path) -> None:
    (tmp_path / "x.log").symlink_to("/dev/full")
    (tmp_path / "log.cfg").write_text(FILE + "FileAppender\nlog4cplus.appender.f.Append = true\n")
    done = raw_run(installed_dcmsend(), ["-lc", "log.cfg", "localhost", "1", "nofile"], tmp_path)
    assert done.returncode == 22
    assert done.stderr == b"log4cplus:ERROR Unable to write to file: x.log\n"


def test_a_pipe_has_no_size_and_is_never_rolled_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.log")
    collector = os.open(tmp_path / "x.log", os.O_RDWR | os.O_NONBLOCK)
    try:
        (tmp_path / "log.cfg").write_text(FILE + "RollingFileAppender\n")
        done = raw_run(installed_dcmsend(), ["-lc", "log.cfg", "localhost", "1", "nofile"], tmp_path)
        assert (done.returncode, done.stderr) == (22, b"")
        lines = os.read(collector, 1 << 16).splitlines()
    finally:
        os.close(collector)
    assert lines[0] == b"INFO - checking input files ..."
    assert len(lines) == 3


def test_a_pipe_that_nobody_reads_does_not_keep_the_run_from_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, told = str(tmp_path / "x.log"), []
    os.mkfifo(path)
    monkeypatch.setattr(log_files, "_PIPE_SECONDS", 0.1)
    log = log_files.LogFile({"File": path}, SimpleNamespace(error=told.append))  # type: ignore[arg-type]
    log.write("text\n", 0)
    log.close()
    assert told == [f"Unable to open file: {path}"]


def test_a_pipe_may_be_read_a_moment_after_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, read = tmp_path / "x.log", []
    os.mkfifo(path)
    monkeypatch.setattr(log_files, "_PIPE_SECONDS", 60)
    reader = threading.Timer(0.2, lambda: read.append(path.read_text()))
    reader.start()
    log = log_files.LogFile({"File": str(path)}, SimpleNamespace())  # type: ignore[arg-type]
    log.write("text\n", 0)
    log.close()
    reader.join(60)
    assert read == ["text\n"]


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="no file that may be opened and cannot be read")
def test_unreadable_configuration(tmp_path: Path) -> None:
    done = raw_run(installed_dcmsend(), ["-lc", "/proc/self/mem", "localhost", "1", "nofile"], tmp_path)
    assert done.returncode == 1
    assert b"error: Specified --log-config file cannot be read" in done.stderr
