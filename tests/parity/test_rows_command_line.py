"""Rows 1 to 24: the command line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from parity.comparison import IDENTIFICATION, Pair
from parity.conftest import HOST, Duel
from parity.rows import row
from support.fixture_files import FixtureFiles

pytestmark = pytest.mark.peer("dcmtk-dcmsend")


def usage_error(pair: Pair, text: str) -> None:
    """Both end with exit 1 and this error, on stderr, and connect to nobody."""
    pair.assert_same(1)
    for run in pair:
        assert f"error: {text}" in run.stderr.splitlines()[-3:]  # ours may suggest something below it (D24)
        assert IDENTIFICATION.fullmatch(run.stderr.splitlines()[0])
        assert not run.peer.connections


def assert_help(pair: Pair) -> None:
    """Ours holds every option of DCMTK's help in the same order, with the same value names, under the same heading."""
    theirs, ours = (run.stdout.splitlines() for run in pair)
    assert IDENTIFICATION.fullmatch(ours[0])
    position = 0
    for line in theirs[1:]:
        option = re.match(r" +(\S\S* +)?--[a-z-]+", line)
        wanted = option[0] if option else line if line.endswith(":") or line.startswith("usage: ") else ""
        found = [
            number
            for number, each in enumerate(ours)
            if number >= position and re.match(re.escape(wanted) + r"( |$)", each)
        ]
        assert found, line
        position = found[0] + 1 if wanted else position


@row(1)
def test_no_arguments_print_the_usage(duel: Duel) -> None:
    pair = duel.verbatim()
    pair.assert_same(0, but={"stdout": "D20"})
    assert_help(pair)


@row(2)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(duel: Duel, option: str) -> None:
    pair = duel.verbatim(option)
    pair.assert_same(0, but={"stdout": "D20"})
    assert_help(pair)


@row(2)
def test_version(duel: Duel) -> None:
    pair = duel.verbatim("--version")
    pair.assert_same(0, but={"stdout": "D19"})
    theirs, ours = (run.stdout.splitlines() for run in pair)
    assert ours[1:3] == theirs[1:3]
    assert [line.partition(":")[0] for line in ours if ":" in line and line[0].isalpha()] == [
        line.partition(":")[0] for line in theirs if ":" in line and line[0].isalpha()
    ]


@row(2)
def test_list_decoders(duel: Duel) -> None:
    pair = duel.verbatim("--list-decoders")
    pair.assert_same(0, but={"stdout": "D11"})
    theirs, ours = (run.stdout.splitlines() for run in pair)
    assert [line for line in ours[1:] if line in theirs] == theirs[1:]


@row(2)
def test_help_wins_over_version_and_both_over_other_options(duel: Duel) -> None:
    pair = duel.verbatim("--version", "--help", "-ta", "0")
    pair.assert_same(0, but={"stdout": "D20"})
    assert_help(pair)


@row(3)
def test_unknown_option_beside_help(duel: Duel) -> None:
    usage_error(duel.verbatim("--help", "--bogus"), "Unknown option --bogus")


@row(4)
@pytest.mark.parametrize(
    ("words", "missing"), [(["host"], "port"), (["host", "104"], "dcmfile-in"), (["-v"], "peer")], ids=str
)
def test_missing_parameters(duel: Duel, words: list[str], missing: str) -> None:
    usage_error(duel.verbatim(*words), f"Missing parameter {missing}")


@row(5)
@pytest.mark.parametrize(
    ("port", "verdict"),
    [
        ("abc", " abc"),
        ("0", " 0 (underflow)"),
        ("65536", " 65536 (overflow)"),
        ("-5", " -5 (overflow)"),
        ("0x50", " 0x50 (underflow)"),
        ("", ""),
        ("99999999999999999999999", " 99999999999999999999999 (overflow)"),
    ],
)
def test_bad_port(duel: Duel, port: str, verdict: str) -> None:
    pair = duel.verbatim(HOST, port, "x")
    pair.assert_same(1)
    for run in pair:
        lines = [line.rstrip() for line in run.stderr.splitlines()]
        assert f"error: Invalid parameter value{verdict}" in lines[-2:]  # ours may say more below it (D24)


@row(6)
@pytest.mark.parametrize("port", [" 1", "+1", "1abc"])
def test_port_read_like_scanf(duel: Duel, files: FixtureFiles, port: str) -> None:
    pair = duel.verbatim(HOST, port, files("CT"))
    pair.assert_same(61)
    for run in pair:
        assert "TCP Initialization Error: Connection refused" in run.stderr


@row(7)
@pytest.mark.parametrize("word", ["--verb", "--call=A", "-aecA", "--", "-V"])
def test_names_match_completely(duel: Duel, word: str) -> None:
    usage_error(duel.verbatim(HOST, "104", "x", word), f"Unknown option {word}")


@row(8)
def test_a_lone_minus_is_a_parameter(duel: Duel, files: FixtureFiles) -> None:
    duel.verbatim("-", "1", files("CT")).assert_same(61)


@row(9)
@pytest.mark.parametrize("option", ["--aetitle", "-aet"])
def test_missing_value(duel: Duel, option: str) -> None:
    usage_error(duel.verbatim(HOST, "104", "x", option), "Missing value for option --aetitle")


@row(10)
def test_a_value_may_look_like_an_option(duel: Duel, files: FixtureFiles) -> None:
    pair = duel("-aet", "-v", files("CT"))
    pair.assert_same(0)
    for run in pair:
        request = run.peer.connections[0].request
        assert request is not None
        assert request.calling == b"-v".ljust(16)
        assert not run.lines("I")


@row(11)
@pytest.mark.parametrize(
    ("option", "value", "verdict"),
    [
        ("-ta", "0", "--acse-timeout (underflow: 0)"),
        ("-ta", "-1", "--acse-timeout (-1)"),
        ("-ta", "abc", "--acse-timeout (abc)"),
        ("-ta", "", "--acse-timeout"),
        ("-td", "0", "--dimse-timeout (underflow: 0)"),
        ("-to", "0", "--timeout (underflow: 0)"),
    ],
)
def test_bad_timeouts(duel: Duel, option: str, value: str, verdict: str) -> None:
    usage_error(duel.verbatim(HOST, "104", "x", option, value), f"Invalid value for option {verdict}")


@row(12)
@pytest.mark.parametrize("words", [["-ta", "5x"], ["-td", "1.5"], ["-ta", "3000000000"], ["-to", " 7"]])
def test_numbers_read_like_scanf(duel: Duel, files: FixtureFiles, words: list[str]) -> None:
    duel(*words, files("CT")).assert_same(0)


@row(13)
def test_the_rightmost_of_a_repeated_option_counts(duel: Duel, files: FixtureFiles) -> None:
    duel("-ta", "0", "-ta", "5", files("CT")).assert_same(0)
    usage_error(duel("-ta", "5", "-ta", "0", files("CT")), "Invalid value for option --acse-timeout (underflow: 0)")


@row(14)
@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        (["-pdu", "4095"], "--max-pdu (underflow: 4095)"),
        (["-pdu", "131073"], "--max-pdu (overflow: 131073)"),
        (["--max-send-pdu", "100"], "--max-send-pdu (underflow: 100)"),
        (["+cl", "10"], "--compression-level (overflow: 10)"),
        (["+cl", "-1"], "--compression-level (-1)"),
    ],
    ids=str,
)
def test_numbers_out_of_range(duel: Duel, words: list[str], verdict: str) -> None:
    usage_error(duel.verbatim(HOST, "104", "x", *words), f"Invalid value for option {verdict}")


@row(15)
def test_odd_max_pdu_is_lowered(duel: Duel, files: FixtureFiles) -> None:
    pair = duel("-pdu", "4097", files("CT"))
    pair.assert_same(0)
    for run in pair:
        request = run.peer.connections[0].request
        assert request is not None
        assert request.max_pdu_length == 4096
        assert len(run.lines("W")) == 1


@row(16)
@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["+r"], "--recurse only allowed with --scan-directories"),
        (["-r", "+r"], "--recurse only allowed with --scan-directories"),
        (["+sp", "x"], "--scan-pattern only allowed with --scan-directories"),
    ],
    ids=str,
)
def test_options_that_need_another(duel: Duel, files: FixtureFiles, words: list[str], text: str) -> None:
    usage_error(duel(*words, files("CT")), text)


@row(17)
def test_a_group_is_checked_for_its_winner_only(duel: Duel, files: FixtureFiles) -> None:
    duel("+r", "-r", files("CT")).assert_same(0)


@row(18)
def test_verbose_pc_needs_verbose_mode(duel: Duel, files: FixtureFiles) -> None:
    usage_error(duel("+v", files("CT")), "--verbose-pc only allowed with verbose mode")
    pair = duel("+v", "-ll", "info", files("CT"))
    pair.assert_same(0)
    for run in pair:
        shown = "\n".join(run.lines("I"))
        assert "BEGIN A-ASSOCIATE-RQ" in shown
        assert "END A-ASSOCIATE-AC" in shown


@row(19)
@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-v", "-ll", "info"], "--log-level not allowed with --verbose, --debug or --quiet"),
        (["-ll", "x"], "Invalid log level for --log-level option"),
        (["-lc", "log.cfg", "-v"], "--log-config not allowed with --verbose, --debug or --quiet"),
        (["-lc", "log.cfg", "-ll", "info"], "--log-config not allowed with --log-level"),
        (["-lc", "nofile"], "Specified --log-config file does not exist"),
    ],
    ids=str,
)
def test_conflicting_log_options(duel: Duel, files: FixtureFiles, words: list[str], text: str) -> None:
    usage_error(duel(*words, files("CT")), text)


@row(19)
@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "Specified --log-config file does not contain any settings"),
        ("# only a comment\n", "Specified --log-config file does not contain any settings"),
        ("colour = red\n", "Specified --log-config file does not contain any valid settings"),
        ("log4cplus.logger.x = INFO\n", "Specified --log-config file does not set up log4cplus.rootLogger"),
    ],
)
def test_bad_log_configuration(duel: Duel, files: FixtureFiles, tmp_path: Path, content: str, text: str) -> None:
    (tmp_path / "log.cfg").write_text(content)
    usage_error(duel("-lc", str(tmp_path / "log.cfg"), files("CT")), text)


@row(20)
@pytest.mark.parametrize("quiet", [["-q"], ["-ll", "fatal"], ["-ll", "off"]], ids=str)
def test_quiet_hides_late_usage_errors(duel: Duel, files: FixtureFiles, quiet: list[str]) -> None:
    pair = duel(*quiet, "-ta", "0", files("CT"))
    pair.assert_same(1)
    for run in pair:
        assert not run.stderr


@row(21)
@pytest.mark.parametrize("words", ["-q -ll info", "-ll info -q", "-v -q -ll bogus", "-q -lc missing"])
def test_quiet_does_not_hide_errors_of_the_log(duel: Duel, files: FixtureFiles, words: str) -> None:
    pair = duel(*words.split(), files("CT"))
    pair.assert_same(1)
    for run in pair:
        assert "not allowed with --verbose, --debug or --quiet" in run.stderr


@row(21)
def test_quiet_does_not_hide_unknown_options(duel: Duel) -> None:
    usage_error(duel.verbatim("-q", "--bogus"), "Unknown option --bogus")


@row(22)
@pytest.mark.parametrize("words", [["@missing"], ["--help", "@missing"], ["-q", "@missing"]], ids=str)
def test_unreadable_command_file(duel: Duel, words: list[str]) -> None:
    usage_error(duel.verbatim(*words), "Cannot open command file 'missing'")


@row(23)
@pytest.mark.parametrize(
    "content",
    [
        'ab"cd ef"gh',
        '"" nofile',
        "'it is' \"a 'b' c\"",
        '-aet "unterminated title',
        "@nested plain",
        "# comment\r\n\tword\n",
        "back\\ slash",
        "a\"b'c\"d'e f'g",
    ],
)
def test_command_file_tokens(duel: Duel, tmp_path: Path, content: str) -> None:
    (tmp_path / "arguments").write_text(content)
    pair = duel.verbatim("--arguments", HOST, "1", "nofile", f"@{tmp_path / 'arguments'}")
    pair.assert_same(22, but={})
    theirs, ours = (run.lines("I")[0].partition(" with ") for run in pair)
    assert theirs[2] == ours[2]
    assert theirs[0] == "I: calling 'dcmsend'"


@row(23)
@pytest.mark.parametrize("content", ["", " \n"])
def test_empty_command_file_alone_prints_the_usage(duel: Duel, tmp_path: Path, content: str) -> None:
    (tmp_path / "arguments").write_text(content)
    pair = duel.verbatim(f"@{tmp_path / 'arguments'}")
    pair.assert_same(0, but={"stdout": "D20"})
    assert_help(pair)


@row(24)
def test_arguments_are_printed_even_when_quiet(duel: Duel) -> None:
    pair = duel.verbatim("--arguments", "-q", HOST, "{port}", "nofile", "")
    pair.assert_same(22)
    for run in pair:
        assert run.lines("I")[1] == "I: "
        words = "with 6 arguments: '--arguments' '--quiet' '127.0.0.1' 'PORT' 'nofile' "
        assert run.lines("I")[0].endswith(words)
