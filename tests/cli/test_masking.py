"""Secrets stay out of messages also when somebody mistypes their option."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcmsend.cli.masking import mask_option
from support.programs import installed_dcmsend
from support.run import run

SECRET = "Hunter2"


@pytest.mark.parametrize(
    "written",
    [
        "-pwd{}", "-PWD{}", "-pwd={}", "-pwd:{}", "--password={}", "--password{}", "--Password={}", "--pasword={}",
        "--passwort={}", "--passwd={}", "-password{}", "-passwd{}", "+pw{}", "+pw={}", "-pw{}", "--pw={}", "-psw={}",
        "--use-passwd={}", "--use-pasword={}", "--user-password={}", "--passphrase={}", "--key-password={}",
        "--jwt={}", "--jwt{}", "--saml={}", "--kerberos={}", "--token={}", "--bearer={}", "--secret={}", "-pwda={}",
        "--empty-password={}", "--empty-password{}", "-epw{}", "-epw={}", "--null-passwd={}", "+ps{}", "--pasword{}",
        "-psw{}", "-pswd{}", "-upw{}==", "--user-passwd{}", "--keypass{}", "--tls-key-password={}", "--my-password={}",
        "--apikey={}", "--auth={}", "--credentials={}", "--key:{}", "-k{}", "-p={}", "--pasword,{}", "-pwd\u00a0{}",
        "\u2014pwd{}", "\u2013\u2013password={}", "\u2212pwd{}", "\u2014\u2014pasword={}",
    ],
)  # fmt: skip
def test_what_is_stuck_to_an_option_is_not_shown(tmp_path: Path, written: str) -> None:
    """Nor from a command file, nor in a suggestion."""
    word = written.format(SECRET)
    (tmp_path / "words").write_text(word)
    for argument in (word, f"@{tmp_path}/words"):
        done = run(installed_dcmsend(), "--arguments", "-d", "peer", "104", "file", argument)
        assert done.exit_code == 1
        assert SECRET.lower() not in (done.stdout + done.stderr).lower()
        assert "Unknown option" in done.stderr
        assert "***" in done.stderr


@pytest.mark.parametrize(
    "written",
    [
        "--pasword", "--verbos", "--call=PACS", "-aecPACS", "--parallel=4", "--password-fil", "-usrNAME", "--xyz",
        "-p=1", "--AETITLE", "--empty-passwrd", "--pass_ord", "-i7", "--profile-bcp196", "--files-from=list",
    ],
)
def test_the_rest_is_shown(written: str) -> None:
    assert mask_option(written) == written


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("-phunter", "-p***"), ("-phunter2", "-p***"), ("-khunter", "-k***"), ("--keyhunter", "--key***"),
        ("-p104", "-p104"), ("--polish", "--polish"), ("-x", "-x"), ("-p", "-p"),
    ],
)  # fmt: skip
def test_small_letters_that_are_stuck_to_p(written: str, shown: str) -> None:
    assert mask_option(written) == shown


@pytest.mark.parametrize("option", ["\u2014pwd", "\u2013\u2013password", "\u2212epw", "\u2014\u2014Key-Password"])
def test_an_option_with_a_dash_of_a_word_processor(option: str) -> None:
    """The secret is the next word."""
    done = run(installed_dcmsend(), "--arguments", "-d", "peer", "104", "file", option, SECRET)
    assert done.exit_code == 1
    assert f"Unknown option {option}: it begins with another dash than '-'" in done.stderr
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "name", ["\u2014", "\u2014 image.dcm", "\u2013verbose", "\u2014photo.dcm", "\u2014IMG001x.dcm", "\u00e9.dcm"]
)
def test_a_file_whose_name_begins_with_a_dash_of_a_word_processor(tmp_path: Path, name: str) -> None:
    done = run(installed_dcmsend(), "127.0.0.1", "104", name, cwd=tmp_path)
    assert "No such file or directory" in done.stderr


@pytest.mark.parametrize("option", ["--jwt", "--saml", "--kerberos"])
@pytest.mark.parametrize("ticket", ["eyJhbGciOiJIUzI1NiJ9.Hunter2.x", "<saml:Assertion>Hunter2", "a\nHunter2"])
def test_a_ticket_in_place_of_its_file(tmp_path: Path, option: str, ticket: str) -> None:
    done = run(installed_dcmsend(), "--arguments", "-d", "peer", "104", "file", option, ticket)
    assert done.exit_code == 1
    assert "Unable to open Kerberos, SAML or JWT file '***'" in done.stderr
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize("words", [
    ["pacs:104", f"https://store/a?X-Amz-Signature={SECRET}", "https://store/b"],
    ["pacs", f"s3://key:{SECRET}@bucket/a", "b"],
    [f"https://me:{SECRET}@pacs/rs", "443", "file"],
    [f"https://me:{SECRET}@pacs/rs", f"https://store/a?{SECRET}", "file"],
    ["-usr", "me", "-pwd", f"@{SECRET}", "pacs", "104", "file"], ["--use-passwd", f"@{SECRET}", "pacs", "104", "file"],
    ["--stow", "https://pacs.example/rs", "--user", f"me:{SECRET}", "--password-file", __file__, "file"],
], ids=["port and signature", "port and password", "host", "host and port", "password", "key's password", "user"])
def test_what_is_at_a_wrong_place_is_not_shown(words: list[str]) -> None:
    """An address where a port or a host belongs, a password that is taken for a command file, one behind a colon."""
    done = run(installed_dcmsend(), "--arguments", "-d", *words)
    assert done.exit_code == 1
    assert SECRET not in done.stdout + done.stderr
    assert "error: " in done.stderr


ADDRESS = f"https://me:{SECRET}@store.example/list?X-Amz-Signature={SECRET}"


@pytest.mark.parametrize("words", [
    ["--verify", "--verify-peer", ADDRESS], ["--files-from", ADDRESS], ["--files-from0", ADDRESS],
    ["--journal", "none/j", "--cluster", f"tls://me:{SECRET}@scheduler:8786"],
    ["--journal", "none/j", "--cluster", ADDRESS],
    ["-usr", "me", "--password-file", ADDRESS], ["-usr", "me", "--jwt", ADDRESS], ["--retry", ADDRESS],
], ids=["peer of --verify", "list", "list of NUL", "scheduler", "no scheduler", "password", "ticket", "number"])
def test_an_address_as_the_value_of_an_option(tmp_path: Path, words: list[str]) -> None:
    """Neither in the message nor in what is told of the command line."""
    report = tmp_path / "report"
    done = run(installed_dcmsend(), "--arguments", "-d", "--report-json", report, *words, "127.0.0.1", "104", "file")
    assert done.exit_code != 0
    assert SECRET not in done.stdout + done.stderr
    assert "store.example/list" in done.stderr or "scheduler:8786" in done.stderr
    assert not report.exists() or SECRET not in report.read_text()


def test_an_address_is_no_host() -> None:
    done = run(installed_dcmsend(), "https://pacs.example/rs", "443", "file")
    *_, error, hint = done.stderr.splitlines()
    assert error == "error: Invalid parameter value https://pacs.example/rs"
    assert "--stow sends to the address of a web service" in hint
