"""Command lines that DCMTK's dcmsend accepts or refuses are accepted or refused by ours, with the same words.

Nothing is sent: the files do not exist, or nobody listens on the port.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcmsend.cli.option_table import OPTIONS, OptionRow
from support.corpus import DATA
from support.examples import examples
from support.ports import free_port
from support.programs import dcmtk_program, installed_dcmsend

from .both_programs import ending_of_dcmtk, ending_of_ours, masked, raw_run

pytestmark = pytest.mark.peer("dcmtk-dcmsend")

CT = str(DATA / "pydicom" / "CT_small.dcm")
IN_DCMTK_367 = [row for row in OPTIONS if not row.is_ours and row.subgroup != "IP protocol version"]
NUMBERS = [
    "", " ", "0", "1", "9", "10", "+1", "+-1", "- 1", "-0", "-1", " -5", "\t7", "\n", "1abc", "1.5", "0x50", "x", "1e3",
    "4095", "4096", "4097", "131072", "131073", "65535", "65536", "2147483648", "4294967297", "9223372036854775808",
    "18446744073709551615", "18446744073709551616", "99999999999999999999999", "-99999999999999999999999", "٣", "00012",
]
WORDS = [
    "", "-", "+", "@", "--", "-5", "+7", "-v", "--help", "--verb", "--call=A", "-aecA", "-V", "-i7", "info", "OFF",
    "All", "FATAL", "warning", "a b", "it's", 'say "x"', "-nh", "x" * 70, "é", "*.dcm",
]

ROWS = {
    "no arguments": [],
    "help": ["--help"],
    "short help": ["-h"],
    "version": ["--version"],
    "decoders": ["--list-decoders"],
    "help is stronger": ["--list-decoders", "--version", "-h"],
    "version is stronger": ["--list-decoders", "--version", "x"],
    "help with bad values": ["--help", "-ta", "0", "-v", "-ll", "x"],
    "help and an unknown option": ["--help", "--bogus"],
    "help without its last value": ["--help", "-ta"],
    "no parameter": ["-v"],
    "host only": ["localhost"],
    "host and port": ["localhost", "104"],
    "options only": ["+sd", "-nh"],
    "abbreviation": ["--verb", "a", "1", "x"],
    "equals": ["--call=A", "a", "1", "x"],
    "glued": ["-aecA", "a", "1", "x"],
    "double dash": ["--", "a", "1", "x"],
    "upper case": ["-V", "a", "1", "x"],
    "missing value": ["a", "1", "x", "--aetitle"],
    "missing value, short": ["a", "1", "x", "-ll"],
    "value that looks like an option": ["-aet", "-v", "localhost", "1", "nofile", "+v"],
    "first value not looked at": ["-ta", "0", "-ta", "5", "localhost", "1", "nofile"],
    "last value bad": ["-ta", "5", "-ta", "0", "localhost", "1", "nofile"],
    "recurse alone": ["+r", "localhost", "1", "nofile"],
    "recurse wins": ["-r", "+r", "localhost", "1", "nofile"],
    "recurse loses": ["+r", "-r", "localhost", "1", "nofile"],
    "pattern alone": ["+sp", "x", "localhost", "1", "nofile"],
    "pattern empty": ["+sd", "+sp", "", "localhost", "1", "nofile"],
    "verbose contexts alone": ["+v", "localhost", "1", "nofile"],
    "verbose contexts and info": ["+v", "-ll", "info", "localhost", "1", "nofile"],
    "verbose contexts and warn": ["+v", "-ll", "warn", "localhost", "1", "nofile"],
    "two levels": ["-v", "-ll", "info", "localhost", "1", "nofile"],
    "two levels, quiet": ["-q", "-ll", "info", "localhost", "1", "nofile"],
    "unknown level": ["-ll", "x", "localhost", "1", "nofile"],
    "empty level": ["-ll", "", "localhost", "1", "nofile"],
    "configuration and mode": ["-lc", "nofile", "-v", "localhost", "1", "nofile"],
    "configuration and level": ["-lc", "nofile", "-ll", "info", "localhost", "1", "nofile"],
    "no configuration": ["-lc", "nofile", "localhost", "1", "nofile"],
    "configuration is a directory": ["-lc", ".", "localhost", "1", "nofile"],
    "quiet error": ["-q", "-ta", "0", "localhost", "1", "nofile"],
    "quiet by level": ["-ll", "fatal", "-ta", "0", "localhost", "1", "nofile"],
    "not quiet in the end": ["-q", "-v", "-ta", "0", "localhost", "1", "nofile"],
    "quiet, but not for this": ["-q", "--bogus", "localhost", "1", "nofile"],
    "no command file": ["@missing"],
    "help, no command file": ["--help", "@missing"],
    "quiet, no command file": ["-q", "@missing"],
    "value is a command file": ["-aet", "@missing", "localhost", "1", "nofile"],
    "directory as command file": ["@."],
    "lone at": ["@", "1", "nofile"],
    "port before host": ["104", "localhost", "nofile"],
    "no input": ["localhost", "1", "."],
}


@pytest.mark.parametrize("arguments", ROWS.values(), ids=ROWS.keys())
def test_row(arguments: list[str], tmp_path: Path) -> None:
    assert ending_of_ours(arguments, tmp_path) == ending_of_dcmtk(arguments, tmp_path)


@pytest.mark.parametrize("number", NUMBERS)
def test_port(number: str, tmp_path: Path) -> None:
    arguments = ["localhost", number, "nofile"]
    assert ending_of_ours(arguments, tmp_path) == ending_of_dcmtk(arguments, tmp_path)


@settings(max_examples=examples(40), deadline=None)
@given(option=st.sampled_from([row for row in IN_DCMTK_367 if row.limits]), number=st.sampled_from(NUMBERS))
def test_number_of_option(option: OptionRow, number: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    arguments = [option.long, number, "localhost", "1", "nofile"]
    folder = tmp_path_factory.mktemp("line")  # empty: what other tests have left may be a pipe
    assert ending_of_ours(arguments, folder) == ending_of_dcmtk(arguments, folder)


@pytest.mark.parametrize(
    "content",
    [
        b"localhost 1 nofile",
        b"localhost\t1\r\nnofile\n",
        b"'localhost' \"1\" nofile -aet ''",
        b"localhost 1 nofile -aet \"\"",
        b'lo"calhost"1 1 nofile',
        b"localhost 1 nofile -ta '0'x",
        b"localhost 1 nofile -ta ' 5",
        b"localhost 1 nofile \"-ta 'x\" ",
        b"localhost 1 nofile @missing",
        b"localhost 1 @missing -ta",
        b"# -v\nlocalhost 1 nofile",
        b"localhost 1 no\\ file -ta 0",
        b"localhost 1 \xff\xfe -ta \xff",
        b"localhost 1 no\0file -ta\0 5",
        b"",
        b" \n",
        b"\xef\xbb\xbflocalhost 1",
        b"''",
    ],
)
def test_command_file(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(content)
    for arguments in (["@f"], ["--arguments", "@f"], ["-q", "@f", "-ta", "5"]):
        assert ending_of_ours(arguments, tmp_path) == ending_of_dcmtk(arguments, tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--arguments", "-q", "localhost", "1", "", "-aec", "it's", "-ta", "5x", "+sd", "-aet", "é", "nofile"],
        ["--arguments", "localhost", "1", "-ta", "0", "nofile"],
        ["--arguments", "localhost", "1", "+v", "nofile"],
        ["--arguments", "localhost", "1", "-ll", "off", "nofile"],
        ["--arguments", "localhost", "1", "-ll", "bad", "nofile"],
        ["--arguments", "localhost", "1", b"no\xfffile", "a\nb"],
        ["nofile", "1", "nofile"],
        ["-v", "nofile", "1", "nofile"],
        ["-q", "nofile", "1", "nofile"],
        ["-nh", "nofile", "1", "nofile", b"\x01\x1b[31m\xff"],
    ],
)
def test_whole_log(arguments: list[str | bytes], tmp_path: Path) -> None:
    """Not only the error line: everything on standard error is the same, byte for byte."""
    theirs = raw_run(str(dcmtk_program("dcmsend")), arguments, tmp_path)
    ours = raw_run(installed_dcmsend(), arguments, tmp_path)
    assert masked(ours.stderr) == masked(theirs.stderr)
    assert ours.returncode == theirs.returncode


VALUES = st.one_of(st.sampled_from(NUMBERS), st.sampled_from(WORDS))
SOUND = ["localhost", "1", "nofile"]


def _with_value(row: OptionRow) -> st.SearchStrategy[list[str]]:
    names = st.sampled_from([name for name in (row.long, row.short) if name])
    if not row.value:
        return names.map(lambda name: [name])
    values = {"--log-level": st.sampled_from(WORDS), "--create-report-file": st.sampled_from(["", "report.txt"])}
    return st.tuples(names, values.get(row.long, VALUES)).map(list)


def _command_lines() -> st.SearchStrategy[list[str]]:
    """Argument vectors of real option names, values that fit or do not, parameters, and junk."""
    ordinary = st.sampled_from([row for row in IN_DCMTK_367 if not row.is_exclusive]).flatmap(_with_value)
    exclusive = st.sampled_from([row for row in IN_DCMTK_367 if row.is_exclusive]).flatmap(_with_value)
    junk = VALUES.map(lambda word: [word])
    parts = st.lists(st.one_of(ordinary, ordinary, ordinary, ordinary, junk, exclusive), max_size=6)
    parameters = st.sampled_from([SOUND, SOUND, SOUND, [*SOUND[:2], "."], SOUND[:2], SOUND[:1], []])
    return st.builds(lambda options, names: [*options, names], parts, parameters).flatmap(
        lambda groups: st.permutations(groups).map(lambda order: [word for group in order for word in group])
    )


@settings(max_examples=examples(120), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(arguments=_command_lines())
def test_any_command_line(arguments: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("line")  # empty: what other tests have left may be a pipe
    assert ending_of_ours(arguments, folder) == ending_of_dcmtk(arguments, folder)


@pytest.mark.parametrize("port", [" {}", "+{}", "{}abc", "0{}"])
def test_forgiving_port_is_used(port: str, tmp_path: Path) -> None:
    """A number that C's scanf accepts is a port, where nobody listens."""
    arguments = ["localhost", port.format(free_port()), CT]
    ours = ending_of_ours(arguments, tmp_path)
    assert ours.exit_code == 61
    assert ours == ending_of_dcmtk(arguments, tmp_path)


def test_dash_is_a_host(tmp_path: Path) -> None:
    arguments = ["-", "1", CT]
    ours = ending_of_ours(arguments, tmp_path)
    assert ours.exit_code == 61
    assert ours == ending_of_dcmtk(arguments, tmp_path)
