"""The options of a web service: what they mean, what does not go with them, and what is never shown."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from dcmsend.association import Peer
from dcmsend.cli.arguments import build_settings
from dcmsend.cli.command_line import scan_command_line
from dcmsend.cli.masking import mask_url
from dcmsend.cli.option_table import DIMSE_ONLY, OPTIONS, TLS_OPTIONS, find_option
from dcmsend.errors import UsageError
from dcmsend.plan import Decompression
from dcmsend.settings import Settings
from dcmsend.stow import BasicCredentials, BearerCommand, BearerFile, WebPeer
from dcmsend.transport import TlsClient
from support.certificates import Certificates
from support.corpus import DATA
from support.programs import installed_dcmsend
from support.run import run

CT = DATA / "pydicom" / "CT_small.dcm"
HTTP, HTTPS = "http://localhost:8042/dicom-web", "https://archive.example/dicom-web"


def settings_for(*arguments: str | Path) -> tuple[Settings, list[str]]:
    return build_settings(scan_command_line([str(argument) for argument in arguments]), is_verbose=True)


def peer_for(*arguments: str | Path) -> WebPeer:
    peer = settings_for(*arguments, "file")[0].peer
    assert isinstance(peer, WebPeer)
    return peer


def refusal(*arguments: str | Path) -> str:
    with pytest.raises(UsageError) as raised:
        settings_for(*arguments, "file")
    (line,) = str(raised.value).splitlines()
    return line


# --- what they mean


def test_a_url_stands_for_peer_and_port() -> None:
    settings, names = settings_for("--stow", HTTP, "one", "104", "two")
    assert names == ["one", "104", "two"]
    assert settings.peer == WebPeer(HTTP)
    assert settings.peer.facts.url == HTTP
    with pytest.raises(UsageError, match=r"^Missing parameter dcmfile-in$"):
        scan_command_line(["--stow", HTTP])
    scan_command_line(["--stow", HTTP, "--files-from", "list"])
    scan_command_line(["--stow", HTTP, "--journal", "j", "--resume", "--verify"])


def test_it_is_no_command_line_of_dcmtk() -> None:
    """So a run goes on after trouble, and its exit code is truthful; halting is possible all the same."""
    settings, _ = settings_for("--stow", HTTP, "file")
    assert settings.require_stored
    halts = (settings.index.halt_on_invalid, settings.plan.halt_on_refusal, settings.transfer.halt_on_failure)
    assert halts == (False, False, False)
    assert settings_for("--stow", HTTP, "--halt", "file")[0].transfer.halt_on_failure


@pytest.mark.parametrize(
    ("option", "decompression"),
    [((), Decompression.NEVER), (("-dn",), Decompression.NEVER), (("+dls",), Decompression.LOSSLESS),
     (("+dly",), Decompression.LOSSY)],
)  # fmt: skip
def test_only_what_is_written_decompresses(option: tuple[str, ...], decompression: Decompression) -> None:
    settings, _ = settings_for("--stow", HTTP, *option, "file")
    assert settings.plan.decompression is decompression
    assert settings.transfer.convert is (decompression is not Decompression.NEVER)


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        ([], {"batch": 50, "batch_bytes": 64 << 20}),
        (["--stow-batch", "1"], {"batch": 1}),
        (["--stow-batch", "10k"], {"batch": 10_000}),
        (["--stow-batch-bytes", "3M"], {"batch_bytes": 3_000_000}),
    ],
)
def test_batches(words: list[str], fields: dict[str, int]) -> None:
    peer = peer_for("--stow", HTTP, *words)
    assert {name: getattr(peer, name) for name in fields} == fields


@pytest.mark.parametrize(
    "words",
    [("--stow-batch", "0"), ("--stow-batch", "10001"), ("--stow-batch", "x"), ("--stow-batch-bytes", "-1"),
     ("--stow-batch-bytes", "0")],
)  # fmt: skip
def test_batches_that_are_none(words: tuple[str, str]) -> None:
    assert refusal("--stow", HTTP, *words).startswith(f"Invalid value for option {words[0]}")


def test_credentials(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("token\n")
    assert peer_for("--stow", HTTP, "--bearer-file", secret).credentials == BearerFile(str(secret))
    command = "printf --for 'the archive' \"a b\" $HOME;x"
    words = ("printf", "--for", "the archive", "a b", "$HOME;x")  # no shell
    assert peer_for("--stow", HTTP, "--bearer-command", command).credentials == BearerCommand(words)
    basic = peer_for("--stow", HTTP, "-usr", "alice", "--password-file", secret).credentials
    assert basic == BasicCredentials("alice", str(secret))
    assert peer_for("--stow", HTTP).credentials is None


def test_tls(certificates: Certificates) -> None:
    """``https`` is enough; the options are those of DIMSE, and ask for nothing more."""
    plain = peer_for("--stow", HTTPS).tls
    assert isinstance(plain, TlsClient)
    assert plain.options.verify
    own = peer_for("--stow", HTTPS, "+cf", certificates.ca, "--tls-server-name", "other", "+py").tls
    assert own is not None
    assert (own.options.ca_files, own.options.server_name) == ((str(certificates.ca),), "other")
    mutual = peer_for("--stow", HTTPS, "+tls", certificates.client_key, certificates.client).tls
    assert mutual is not None
    assert mutual.options.key_file == str(certificates.client_key)
    assert peer_for("--stow", HTTP).tls is None


# --- what does not go together


def values_for(option: str) -> list[str]:
    row = find_option(option)
    assert row is not None
    value = "host:104" if option == "--verify-peer" else "5000"
    return [option, *[value] * row.value_count]


@pytest.mark.parametrize("option", DIMSE_ONLY)
def test_what_means_nothing_to_a_web_service(option: str) -> None:
    assert refusal("--stow", HTTP, *values_for(option)) == f"{option} not allowed with --stow"


@pytest.mark.parametrize("option", ["--stow-batch", "--stow-batch-bytes", "--bearer-file", "--bearer-command"])
def test_what_means_nothing_without_one(option: str) -> None:
    assert refusal(option, "5", "host", "104") == f"{option} only allowed with --stow"


@pytest.mark.parametrize("option", TLS_OPTIONS)
def test_tls_without_https(option: str) -> None:
    assert refusal("--stow", HTTP, *values_for(option)) == f"{option} only allowed with a URL that begins with https"


def test_https_without_tls() -> None:
    assert refusal("--stow", HTTPS, "-tls") == "--disable-tls not allowed with a URL that begins with https"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--bearer-file", "f", "--bearer-command", "c"], "--bearer-command not allowed with --bearer-file"),
        (["--bearer-file", "f", "-usr", "u", "--password-file", "p"], "--user not allowed with --bearer-file"),
        (["-usr", "u"], "with --stow --user only allowed with --password-file"),
        (["--password-file", "p"], "with --stow --password-file only allowed with --user"),
        (["--bearer-command", "  "], "Invalid value for option --bearer-command"),
        (["--bearer-command", "a 's3cret"],
         "Invalid value for option --bearer-command: a quotation mark is not closed"),
        (["--bearer-file", "missing"], "Unable to open bearer token file 'missing': No such file or directory"),
        (["--bearer-file", "/dev/null"], "bearer token file '/dev/null' is empty"),
        (["-usr", "u", "--password-file", "missing"],
         "Unable to open password file 'missing': No such file or directory"),
        (["-usr", "u:v", "--password-file", "/dev/null"], "Invalid value for option --user (u:***)"),
        (["-usr", "u\udcff", "--password-file", "/dev/null"], "Invalid value for option --user (u\udcff)"),
    ],
)  # fmt: skip
def test_credentials_that_cannot_be_used(words: list[str], message: str) -> None:
    assert refusal("--stow", HTTP, *words) == message


@pytest.mark.timeout(60)
def test_a_pipe_gives_a_secret_only_once(tmp_path: Path) -> None:
    """And a wait for its writer has no end."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for words, what in ((["--bearer-file"], "bearer token"), (["-usr", "u", "--password-file"], "password")):
        told = refusal("--stow", HTTP, *words, pipe)
        assert told == f"{what} file '{pipe}' is read more than once, so it must be a regular file"


def test_credentials_do_not_go_in_the_clear() -> None:
    for credentials in (["--bearer-command", "printf t"], ["-usr", "u", "--password-file", "/dev/null"]):
        told = refusal("--stow", "http://archive.example/dicom-web", *credentials)
        assert told == "credentials are sent over https only: everybody on the way could read them"


@pytest.mark.parametrize("url", ["", "archive", "ftp://archive/", "https://", "file:///etc/passwd"])
def test_what_is_no_url(url: str) -> None:
    assert refusal("--stow", url).startswith(f"Invalid value for option --stow ({url}): ")


# --- what is never shown

SECRETS = ("s3cret", "t0ken")
URLS = {
    "https://s3cret:t0ken@host/path": "https://***@host/path",
    "https://s3cret@host": "https://***@host",
    "//s3cret:t0ken@host": "//***@host",
    "s3cret:t0ken@host": "***@host",
    "https:s3cret@host": "***@host",
    "https://a:s3c/r?t0ken@host/x": "https://***@host/x",
    "https://host/x?key=s3cret": "https://host/x?***",
    "https://host/x#t0ken": "https://host/x#***",
    "https://host/x\n?s3cret": "https://host/x\n?***",
    HTTPS: HTTPS,
    HTTP: HTTP,
}


@pytest.mark.parametrize(("url", "shown"), URLS.items())
def test_urls_are_shown_without_secrets(url: str, shown: str) -> None:
    assert mask_url(url) == shown


@pytest.mark.parametrize(
    "words",
    [
        ["--stow", "http://alice:s3cret@localhost:1/dicom-web"],
        ["--stow", "http://localhost:1/dicom-web?t0ken"],
        ["--stow=http://alice:s3cret@localhost:1/dicom-web"],
        ["--stow", HTTP, "--bearer-command", "curl -d secret=s3cret"],
        ["--stow", HTTP, "--bearer-command", "curl 't0ken"],
        ["--stow", HTTP, "--bearer-file", "eyJs3cret.t0ken"],
        ["--stow", HTTP, "--bearer-file", "ya29.s3cret"],
        ["--stow", HTTP, "--bearer-file", "{token}"],
        ["--stow", HTTP, "-usr", "alice", "--password-file", "{token}"],
        ["--stow", HTTP, "--bearer", "s3cret"],
        ["--stow", HTTP, "--bearer=t0ken"],
        ["--stow", HTTP, "--token=t0ken"],
    ],
)
def test_secrets_are_not_shown(words: list[str], tmp_path: Path) -> None:
    """Neither in messages nor in a report; in a dry run that is possible, and in errors."""
    (tmp_path / "file").write_text("s3cret\n")
    words = [word.replace("{token}", str(tmp_path / "file")) for word in words]
    done = run(installed_dcmsend(), "-d", "--arguments", "--dry-run", *words, CT)
    assert done.exit_code in (0, 1), done.stderr
    assert not [secret for secret in SECRETS if secret in done.stdout + done.stderr]


def test_a_peer_does_not_show_its_credentials() -> None:
    peer = WebPeer(HTTPS, credentials=BearerCommand(("curl", "s3cret")))
    assert "s3cret" not in repr(peer)
    assert "s3cret" not in repr(Settings(peer=peer))
    assert "s3cret" not in repr(peer.facts)


# --- a missing package, and a plain run


def test_a_missing_package(tmp_path: Path) -> None:
    """One line that says what to install, before anything is read."""
    script = "import sys; sys.modules['urllib3'] = None; from dcmsend.cli.main import main; sys.exit(main())"
    journal = tmp_path / "journal"
    done = run(sys.executable, "-c", script, "--stow", HTTP, "--journal", journal, tmp_path / "missing.dcm")
    assert done.exit_code == 1
    line = done.stderr.splitlines()[-1]
    assert line == (
        "error: a web service needs the Python package urllib3, version 2 or later: pip install 'urllib3>=2'"
    )
    assert not journal.exists()


@pytest.mark.parametrize(("installed", "is_enough"), [("1.26.20", False), ("2.0.0", True), ("10.0", True)])
def test_an_old_package(installed: str, is_enough: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcmsend.run.web_package.version", lambda name: installed)
    if is_enough:
        peer_for("--stow", HTTP)
    else:
        assert refusal("--stow", HTTP).endswith(f"pip install 'urllib3>=2' (there is {installed})")


def test_a_plain_command_line_knows_nothing_of_it() -> None:
    script = (
        "import sys\nfrom dcmsend.cli.main import main\ncode = main(sys.argv[1:])\n"
        "print(sorted(name for name in sys.modules if name.startswith(('dcmsend.stow', 'dcmsend.dicomweb', 'urllib3',"
        " 'dcmsend.run.web', 'dcmsend.cli.web'))))\nsys.exit(code)"
    )
    words: list[Any] = ["--dry-run", "-aec", "VNA", "--retry", "1", "127.0.0.1", "104", CT]
    done = run(sys.executable, "-c", script, *words)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert isinstance(settings_for("host", "104", "file")[0].peer, Peer)


# --- previews


def test_dry_run() -> None:
    done = run(
        installed_dcmsend(), "--dry-run", "--stow", HTTPS, "--stow-batch", "20", "--stow-batch-bytes", "5M", CT, CT
    )
    assert done.exit_code == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "2 SOP instances to be sent, 0 files ignored; nothing is sent now",
        f"requests to {HTTPS} hold up to 20 instances, and 5000000 bytes unless an instance is larger",
    ]


def test_every_option_is_decided() -> None:
    """An option of the network is either refused with a web service or means the same as for DIMSE."""
    alike = {
        "--timeout", "--dimse-timeout", "--idle-timeout", "--parallel-associations", "--keep-together", "--max-rate",
        "--max-instances-rate",
    }  # fmt: skip
    network = {row.long for row in OPTIONS if "network" in (row.group.partition(" ")[0], row.subgroup)}
    assert network - set(DIMSE_ONLY) == alike
