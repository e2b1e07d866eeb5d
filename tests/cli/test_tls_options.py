"""The options about TLS, from the installed command to a peer that speaks it."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import ssl
import termios
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dcmsend.cli.arguments import build_settings
from dcmsend.cli.command_line import scan_command_line
from dcmsend.errors import UsageError
from dcmsend.transport import TlsOptions, TlsProfile
from support.certificates import KEY_PASSWORD, Certificates
from support.corpus import DATA
from support.peer_script import Script, Send
from support.programs import installed_dcmsend
from support.run import Run, run
from support.scripted_peer import ScriptedPeer
from support.tls_peers import TlsFront, server_context

CT = DATA / "pydicom" / "CT_small.dcm"


@contextmanager
def secured_peer(certificates: Certificates, *, wants_certificate: bool = False) -> Iterator[tuple[int, ScriptedPeer]]:
    context = server_context(
        certificates.server_key, certificates.server, certificates.ca if wants_certificate else None
    )
    with ScriptedPeer() as peer, TlsFront(context, peer.port) as front:
        yield front.port, peer


def send(
    certificates: Certificates, *options: str | Path, stdin: bytes = b"", wants_certificate: bool = False,
    host: str = "localhost", environment: dict[str, str] | None = None,
) -> tuple[Run, int]:  # fmt: skip
    """The finished command, and how many instances have arrived."""
    with secured_peer(certificates, wants_certificate=wants_certificate) as (port, peer):
        done = run(installed_dcmsend(), *options, host, port, CT, stdin=stdin, environment=environment)
    return done, len(peer.stores)


def options_of(*words: str) -> TlsOptions:
    settings, _ = build_settings(scan_command_line([*words, "host", "104", "file"]), is_verbose=False)
    assert settings.peer.tls is not None
    return settings.peer.tls.options


def usage_error(*words: str | Path) -> str:
    arguments = [*(str(word) for word in words), "host", "104", "file"]
    with pytest.raises(UsageError) as caught:
        build_settings(scan_command_line(arguments), is_verbose=False)
    return str(caught.value)


def test_meanings(certificates: Certificates, tmp_path: Path) -> None:
    ca, key, certificate = str(certificates.ca), str(certificates.client_key), str(certificates.client)
    assert options_of("+tla", "-ic") == TlsOptions(verify=False)
    assert options_of("+tla", "-ic", "-rc") == TlsOptions()
    assert options_of("+tls", key, certificate) == TlsOptions(key, certificate)
    assert options_of("+tls", "other", "pair", "+tls", key, certificate) == TlsOptions(key, certificate)
    assert options_of("+tls", "other", "pair", "+tla") == TlsOptions()
    assert options_of("+tla", "+cf", ca, "--add-cert-file", certificate) == TlsOptions(ca_files=(ca, certificate))
    assert options_of("+tla", "+cd", str(certificates.folder)) == TlsOptions(ca_directories=(str(certificates.folder),))
    assert options_of("+tla", "+px") == TlsOptions(profile=TlsProfile.BCP195)
    assert options_of("+tla", "+px", "+pz") == TlsOptions(profile=TlsProfile.EXTENDED_BCP195)
    assert options_of("+tla", "+px", "+py") == TlsOptions()
    assert options_of("+tla", "--tls-server-name", "x") == TlsOptions(server_name="x")
    assert options_of("+tla", "+cf", ca, "--tls-no-hostname-check").check_host_name is False
    password_file = tmp_path / "password"
    password_file.write_bytes(KEY_PASSWORD.encode() + b"\r\nsecond line")
    encrypted = ["+tls", str(certificates.encrypted_key), certificate]
    for words in (["+pw", KEY_PASSWORD], ["-pw", "+pw", KEY_PASSWORD], ["--tls-key-password-file", str(password_file)]):
        assert options_of(*encrypted, *words).key_password == KEY_PASSWORD


def test_no_tls_is_the_default_and_can_be_had_back() -> None:
    for words in ([], ["-tls"], ["+tla", "-tls"], ["+tls", "no", "files", "-tls"]):
        settings, _ = build_settings(scan_command_line([*words, "host", "104", "file"]), is_verbose=False)
        assert settings.peer.tls is None


@pytest.mark.parametrize("option", ["--std-passwd", "--use-passwd", "--null-passwd", "--tls-key-password-file"])
@pytest.mark.parametrize("mode", [[], ["+tla"]], ids=" ".join)
def test_password_needs_a_key(option: str, mode: list[str]) -> None:
    value = ["x"] if option in ("--use-passwd", "--tls-key-password-file") else []
    assert usage_error(*mode, option, *value) == f"{option} only allowed with --enable-tls"


@pytest.mark.parametrize(
    "words",
    [
        ["--add-cert-file", "x"], ["--add-cert-dir", "x"], ["--profile-bcp195"], ["--profile-bcp195-nd"],
        ["--profile-bcp195-ex"], ["--require-peer-cert"], ["--ignore-peer-cert"], ["--tls-server-name", "x"],
        ["--tls-no-hostname-check"],
    ],
    ids=lambda words: words[0],
)
@pytest.mark.parametrize("mode", [[], ["+tla", "-tls"]], ids=" ".join)
def test_the_rest_needs_tls(words: list[str], mode: list[str]) -> None:
    assert usage_error(*mode, *words) == f"{words[0]} only allowed with --enable-tls or --anonymous-tls"


def test_further_usage_errors(certificates: Certificates) -> None:
    pair = ["+tls", str(certificates.encrypted_key), str(certificates.client)]
    missing = "--tls-key-password-file"
    assert usage_error(*pair, "+pw", "x", missing, "y") == f"{missing} not allowed with --use-passwd"
    assert "missing" in usage_error(*pair, missing, "missing")
    assert "longer than 1024 bytes" in usage_error(*pair, missing, "/dev/zero")
    assert "wrong password" in usage_error(*pair, missing, CT)
    # without an authority of one's own, whoever has any public certificate could be the peer
    assert usage_error("+tla", "--tls-no-hostname-check") == (
        "--tls-no-hostname-check only allowed with --add-cert-file or --add-cert-dir"
    )
    assert usage_error("+tls", "key", "c") == "Unable to load private TLS key from 'key': No such file or directory"


@pytest.mark.parametrize(
    "words", [["--enable-tls"], ["+tls", "key"], ["+tla", "+tls", "host"]], ids=" ".join
)
def test_two_values(words: list[str]) -> None:
    done = run(installed_dcmsend(), *words)
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-2] == "error: Missing value for option --enable-tls"


@pytest.mark.parametrize("words", [["+tla"], ["--anonymous-tls", "-rc"], ["-tls", "+tla", "--require-peer-cert"]])
def test_authority(certificates: Certificates, words: list[str]) -> None:
    done, arrived = send(certificates, *words, "--add-cert-file", certificates.other_ca, "+cf", certificates.ca)
    assert (done.exit_code, done.stderr, arrived) == (0, "", 1)


def test_disable_tls() -> None:
    with ScriptedPeer() as peer:
        done = run(installed_dcmsend(), "+tla", "--disable-tls", "127.0.0.1", peer.port, CT)
    assert (done.exit_code, len(peer.stores)) == (0, 1)


@pytest.mark.parametrize("option", ["+cd", "--add-cert-dir"])
def test_directory(certificates: Certificates, tmp_path: Path, option: str) -> None:
    (tmp_path / "ca.crt").write_bytes(certificates.ca.read_bytes())
    assert send(certificates, "+tla", option, tmp_path)[0].exit_code == 0


@pytest.mark.parametrize(
    "profile", ["+py", "--profile-bcp195-nd", "+px", "--profile-bcp195", "+pz", "--profile-bcp195-ex"]
)
def test_profiles(certificates: Certificates, profile: str) -> None:
    assert send(certificates, "+tla", profile, "+cf", certificates.ca)[0].exit_code == 0


def test_the_session_is_logged(certificates: Certificates) -> None:
    done, _ = send(certificates, "-d", "+tla", "+cf", certificates.ca)
    assert any(line.startswith("TLS session: TLSv1.3, TLS_") for line in done.lines("D"))


def test_old_version_is_warned_of(certificates: Certificates) -> None:
    context = server_context(certificates.server_key, certificates.server)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with ScriptedPeer() as peer, TlsFront(context, peer.port) as front:
        done = run(installed_dcmsend(), "+tla", "+px", "+cf", certificates.ca, "localhost", front.port, CT)
    assert done.exit_code == 0
    assert done.stderr == "W: the connection is secured by TLSv1.1 only, which is no longer safe\n"


@pytest.mark.parametrize("option", ["-ic", "--ignore-peer-cert"])
def test_unknown_authority(certificates: Certificates, option: str) -> None:
    for words, code in (([], 61), (["--require-stored"], 105)):
        done, arrived = send(certificates, "+tla", "+cf", certificates.other_ca, *words)
        assert (done.exit_code, arrived) == (code, 0)
        first, second = done.lines("F")
        assert first == "cannot negotiate network association: TLS error: certificate verify failed"
        assert "+cf FILE" in second
    assert send(certificates, "+tla", option)[0].exit_code == 0


def test_wrong_host(certificates: Certificates) -> None:
    """127.1 is an address to the system, and no name in the certificate."""
    done, arrived = send(certificates, "+tla", "+cf", certificates.ca, host="127.1")
    assert (done.exit_code, arrived) == (61, 0)
    for word in ("DNS:pacs.example", "IP Address:127.0.0.1", "--tls-server-name", "--tls-no-hostname-check"):
        assert word in done.stderr
    for words in (["--tls-server-name", "pacs.example"], ["--tls-no-hostname-check"]):
        assert send(certificates, "+tla", "+cf", certificates.ca, *words, host="127.1") [1] == 1


@pytest.mark.parametrize("option", ["+tls", "--enable-tls"])
def test_client_certificate(certificates: Certificates, option: str) -> None:
    pair = (certificates.client_key, certificates.client)
    assert send(certificates, option, *pair, "+cf", certificates.ca, wants_certificate=True)[1] == 1
    for words, code in (([], 61), (["--require-stored"], 105)):
        done, arrived = send(certificates, "+tla", "+cf", certificates.ca, *words, wants_certificate=True)
        assert (done.exit_code, arrived) == (code, 0)
        assert "+tls KEY CERTIFICATE" in done.lines("F")[1]


def test_plain_client_and_tls_port(certificates: Certificates) -> None:
    done, _ = send(certificates)
    assert done.exit_code == 61
    assert done.lines("F")[0] == "cannot negotiate network association: Peer aborted Association (or never connected)"
    assert "+tla and +tls" in done.lines("F")[-1]


def test_plain_client_and_a_port_that_answers_with_an_alert() -> None:
    alert = Send(bytes.fromhex("15030300020246"))  # protocol version
    with ScriptedPeer(Script(associate=alert)) as peer:
        done = run(installed_dcmsend(), "127.0.0.1", peer.port, CT)
    assert done.exit_code == 61
    assert done.lines("F")[0] == "cannot negotiate network association: Unrecognized PDU type: 15"
    assert "+tla and +tls" in done.lines("F")[1]


def test_tls_client_and_plain_port(certificates: Certificates) -> None:
    with ScriptedPeer() as peer:
        done = run(installed_dcmsend(), "+tla", "-ic", "-to", "1", "127.0.0.1", peer.port, CT)
    assert done.exit_code == 61
    assert done.lines("F")[0].startswith("cannot negotiate network association: TLS error: ")
    assert "DICOM without TLS" in done.lines("F")[1]


def test_key_passwords(certificates: Certificates, tmp_path: Path) -> None:
    password_file = tmp_path / "password"
    password_file.write_text(f"{KEY_PASSWORD}\n")
    pair = ("+tls", certificates.encrypted_key, certificates.client, "+cf", certificates.ca)
    for words in (
        ["+pw", KEY_PASSWORD],
        ["--use-passwd", KEY_PASSWORD],
        ["--tls-key-password-file", password_file],
    ):
        done, arrived = send(certificates, *pair, *words, "--arguments", wants_certificate=True)
        assert (done.exit_code, arrived) == (0, 1)
        assert KEY_PASSWORD not in done.stderr + done.stdout
    environment = {"DCMSEND_TLS_KEY_PASSWORD": KEY_PASSWORD}
    assert send(certificates, *pair, environment=environment, wants_certificate=True)[1] == 1
    for words in (["+pw", "wrong"], ["--null-passwd"], ["-pw"]):
        done, _ = send(certificates, *pair, *words, environment=environment)
        assert done.exit_code == 1
        assert done.stderr.splitlines()[-2].endswith("wrong password")


@pytest.mark.parametrize("option", ["+ps", "--std-passwd"])
def test_key_password_from_standard_input(certificates: Certificates, option: str) -> None:
    pair = ("+tls", certificates.encrypted_key, certificates.client, "+cf", certificates.ca)
    done, arrived = send(certificates, *pair, option, stdin=KEY_PASSWORD.encode() + b"\n", wants_certificate=True)
    assert (done.exit_code, arrived) == (0, 1)
    assert send(certificates, *pair, option)[0].exit_code == 1
    done, _ = send(certificates, *pair, stdin=KEY_PASSWORD.encode())  # it may be something else's input
    assert done.exit_code == 1
    assert "--tls-key-password-file" in done.stderr.splitlines()[-2]


def test_the_lines_behind_the_password_are_a_list(certificates: Certificates) -> None:
    pair = ("+tls", certificates.encrypted_key, certificates.client, "+cf", certificates.ca)
    stdin = f"{KEY_PASSWORD}\n{CT}\n".encode()
    done, arrived = send(certificates, *pair, "+ps", "--files-from", "-", stdin=stdin, wants_certificate=True)
    assert (done.exit_code, arrived) == (0, 2)


@contextmanager
def asked_for_the_password(*arguments: object, ignores_ctrl_c: bool = False) -> Iterator[tuple[int, int]]:
    """The process that asks on a terminal of its own, and our end of this terminal."""
    child, terminal = pty.fork()
    if child == 0:
        if ignores_ctrl_c:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.execv(installed_dcmsend(), [installed_dcmsend(), *map(str, arguments)])
    try:
        shown = b""
        while b"Password of private TLS key" not in shown:
            shown += os.read(terminal, 1000)
        yield child, terminal
    finally:
        os.close(terminal)
        with contextlib.suppress(ChildProcessError):  # it has come to its end
            if not os.waitpid(child, os.WNOHANG)[0]:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)


def what_follows(child: int, terminal: int) -> tuple[int, bytes]:
    """The end of the process, and what it shows until then."""
    shown = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while part := os.read(terminal, 1000):
            shown += part
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown


def shows_what_is_typed(terminal: int) -> bool:
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def test_key_password_on_a_terminal(certificates: Certificates) -> None:
    """It is asked for, and not shown."""
    pair = ("+tls", certificates.encrypted_key, certificates.client, "+cf", certificates.ca)
    with (
        secured_peer(certificates, wants_certificate=True) as (port, peer),
        asked_for_the_password(*pair, "localhost", port, CT) as (child, terminal),
    ):
        os.write(terminal, KEY_PASSWORD.encode() + b"\n")
        code, shown = what_follows(child, terminal)
    assert (code, len(peer.stores)) == (0, 1)
    assert KEY_PASSWORD.encode() not in shown


@pytest.mark.parametrize(("key", "code"), [(b"\x03", -signal.SIGINT), (b"\x04", 1)], ids=["Ctrl-C", "Ctrl-D"])
def test_who_gives_no_password_has_the_terminal_back(certificates: Certificates, key: bytes, code: int) -> None:
    """It shows again what is typed."""
    pair = ("+tls", certificates.encrypted_key, certificates.client)
    with asked_for_the_password(*pair, "localhost", 104, CT) as (child, terminal):
        assert not shows_what_is_typed(terminal)
        os.write(terminal, key)
        end, shown = what_follows(child, terminal)
        assert (end, shows_what_is_typed(terminal)) == (code, True), shown
    assert b"internal error" not in shown


def test_a_signal_that_is_ignored_does_not_end_the_question(certificates: Certificates) -> None:
    pair = ("+tls", certificates.encrypted_key, certificates.client)
    with asked_for_the_password(*pair, "localhost", 104, CT, ignores_ctrl_c=True) as (child, terminal):
        os.write(terminal, b"\x03wrong\n")
        code, shown = what_follows(child, terminal)
    assert code == 1
    assert b"Unable to load private TLS key" in shown
