"""A usage error names the allowed form, the parameter that is wrong, and where more is to be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.corpus import DATA
from support.ports import free_port
from support.run import run

CT = str(DATA / "pydicom" / "CT_small.dcm")
HELP = "--help shows all options"

VALUES = {
    "7hours": (["--max-duration", "7hours"], "--max-duration takes a duration: 90, 90s, 15m, 7h"),
    "fraction": (["--min-age", "1.5"], "--min-age takes a duration: 90, 90s, 15m, 7h"),
    "25:00": (["--stop-at", "25:00"], "--stop-at takes a time: HH:MM, 00:00 to 23:59"),
    "2MB/s": (["--max-rate", "2MB/s"], 'write 2M (bytes a second), or a timetable in local time: "08:00,2M 18:00,off"'),
    "warning": (["-ll", "warning"], "--log-level takes a level: fatal, error, warn, info, debug, trace"),
    "group": (["--keep-together", "patient"], "--keep-together takes a group: none, directory, series, study"),
    "count": (["--retry", "many"], "--retry takes a number: integer (default: 0), 0 to 1000"),
    "underflow": (["-to", "0"], "--timeout takes seconds: integer (default: unlimited), 1 or more"),
    "range": (["-pdu", "5"], "--max-pdu takes a number of bytes: integer (4096..131072)"),
    "shard": (["--shard", "3"], "--shard takes a shard: i/n or env/n, i from 1 to n"),
    "no value": (["-ta"], "--acse-timeout takes seconds: integer (default: 30), 1 or more"),
}
PARAMETERS = {
    "port in the host, no port": (["10.1.2.3:104", CT], "put the port after a space: 10.1.2.3 104"),
    "port in the host, two files": (["pacs:104", CT, CT], "put the port after a space: pacs 104"),
    "port in an address": (["[::1]:104", CT], "put the port after a space: ::1 104"),
    "no port": (["localhost", CT], "the second parameter is the port, a number from 1 to 65535"),
    "port by name": (["localhost", "dicom", CT], "the second parameter is the port, a number from 1 to 65535"),
    "port too large": (["localhost", "65536", CT], "the second parameter is the port, a number from 1 to 65535"),
    "files first": ([CT, "localhost", "104"], "but the first one is the name of a file"),
}


def hints_of(dcmsend: str, arguments: list[str]) -> list[str]:
    done = run(dcmsend, *arguments)
    assert done.exit_code == 1
    _, *lines = done.stderr.partition("error: ")[2].splitlines()
    assert all(line.startswith(" " * 7) for line in lines)
    return [line.strip() for line in lines]


@pytest.mark.parametrize("case", VALUES)
def test_value_of_another_form(case: str, dcmsend: str) -> None:
    option, form = VALUES[case]
    assert hints_of(dcmsend, ["localhost", "104", CT, *option]) == [f"{form} ({HELP})"]


@pytest.mark.parametrize("case", PARAMETERS)
def test_parameter_that_is_wrong(case: str, dcmsend: str) -> None:
    arguments, hint = PARAMETERS[case]
    (shown,) = hints_of(dcmsend, arguments)
    assert hint in shown
    assert HELP in shown


@pytest.mark.parametrize("arguments", [["localhost"], ["localhost", "104", CT, "+r"], ["localhost", "104", "--bogus"]])
def test_every_usage_error_names_the_help(arguments: list[str], dcmsend: str) -> None:
    assert hints_of(dcmsend, arguments) == [HELP]


def test_port_in_the_host_beside_the_port(dcmsend: str) -> None:
    """It is a host name like any other, so that only the system can say that there is no such host."""
    port = free_port()
    done = run(dcmsend, f"127.0.0.1:{port}", port, CT)
    assert done.exit_code == 61
    assert done.lines("F")[-1] == f"put the port after a space: 127.0.0.1 {port}"


def test_quiet_usage_error_stays_quiet(dcmsend: str, tmp_path: Path) -> None:
    assert run(dcmsend, "-q", "localhost", "104", CT, "--stop-at", "25:00").stderr == ""
