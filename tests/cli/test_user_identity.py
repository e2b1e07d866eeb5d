"""Who the user is, from the installed command to the bytes of the item.  Source: PS3.7 D.3.3.7."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from support.corpus import DATA
from support.peer_script import Accept, Script
from support.programs import installed_dcmsend
from support.run import Run, run
from support.scripted_peer import ScriptedPeer

CT = DATA / "pydicom" / "CT_small.dcm"
ITEM = 0x58
CONFIRMED = Accept(extra_user_items=bytes.fromhex("59000002") + b"\0\0")
"""An answer with the item 59H, whose response is empty as for a user name."""


def send(
    *options: str | Path, answer: Accept | None = None, environment: dict[str, str] | None = None
) -> tuple[Run, ScriptedPeer]:
    with ScriptedPeer(Script(associate=answer or Accept())) as peer:
        done = run(installed_dcmsend(), *options, "127.0.0.1", peer.port, CT, environment=environment)
    return done, peer


def item_of(peer: ScriptedPeer) -> bytes:
    request = peer.connections[0].request
    assert request is not None
    return request.user_item(ITEM)


def item(kind: int, first: bytes, second: bytes = b"", *, confirm: bool = False) -> bytes:
    """Table D.3-14: type, response requested, primary field, secondary field."""
    return bytes((kind, confirm)) + struct.pack(">H", len(first)) + first + struct.pack(">H", len(second)) + second


def test_nothing_is_said_unasked() -> None:
    _, peer = send(environment={"DCMSEND_PASSWORD": "x"})
    request = peer.connections[0].request
    assert request is not None
    assert ITEM not in [kind for kind, _ in request.user_items]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-usr", "alice"], item(1, b"alice")),
        (["--user", "alice", "-pwd", "s3cret"], item(2, b"alice", b"s3cret")),
        (["-usr", "J\u00fcrgen", "--password", "\u00fc"], item(2, "J\u00fcrgen".encode(), "\u00fc".encode())),
        (["-usr", "alice", "-epw"], item(2, b"alice")),
        (["-usr", "alice", "--empty-password"], item(2, b"alice")),
        (["-usr", "x", "-usr", "bob"], item(1, b"bob")),
    ],
)
def test_user_name(words: list[str], expected: bytes) -> None:
    done, peer = send(*words)
    assert (done.exit_code, done.stderr) == (0, "")
    assert item_of(peer) == expected


def test_password_from_file_and_environment(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"from file \r\nsecond line\n")
    environment = {"DCMSEND_PASSWORD": "from environment"}
    for words, password in (
        (["--password-file", file], b"from file "),
        ([], b"from environment"),
        (["-pwd", "given"], b"given"),
    ):
        assert item_of(send("-usr", "u", *words, environment=environment)[1]) == item(2, b"u", password)
    assert item_of(send("-usr", "u", environment={"DCMSEND_PASSWORD": ""})[1]) == item(2, b"u")


@pytest.mark.parametrize(
    ("option", "content", "expected"),
    [
        ("-kt", b"\x6e\x82\0\n", item(3, b"\x6e\x82\0\n")),
        ("--kerberos", b"t" * 65000, item(3, b"t" * 65000)),
        ("--saml", b"<saml:Assertion/>\n", item(4, b"<saml:Assertion/>\n")),
        ("--jwt", b"aaa.bbb.ccc\n", item(5, b"aaa.bbb.ccc")),
    ],
)
def test_tickets(option: str, content: bytes, expected: bytes, tmp_path: Path) -> None:
    file = tmp_path / "ticket"
    file.write_bytes(content)
    done, peer = send(option, file)
    assert done.exit_code == 0
    assert item_of(peer) == expected
    done, peer = send(option, file, "-rsp", answer=CONFIRMED)
    assert done.exit_code == 0
    assert item_of(peer) == expected[:1] + b"\1" + expected[2:]


@pytest.mark.parametrize("option", ["-rsp", "--pos-response"])
def test_positive_response(option: str) -> None:
    done, peer = send("-usr", "u", option, answer=CONFIRMED)
    assert (done.exit_code, len(peer.stores)) == (0, 1)
    assert item_of(peer) == item(1, b"u", confirm=True)


@pytest.mark.parametrize(("words", "code"), [([], 61), (["--require-stored"], 105)])
def test_positive_response_that_does_not_come(words: list[str], code: int) -> None:
    done, peer = send("-usr", "u", "-rsp", *words)
    assert (done.exit_code, len(peer.stores)) == (code, 0)
    assert peer.connections[0].course[:2] == ["request", "abort 0 0"]
    line, hint = done.lines("F")
    assert line.endswith(": User Identity Negotiation failed: Positive response requested but none received")
    assert hint.endswith("without -rsp no confirmation is needed")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-pwd", "x"], "--password only allowed with --user"),
        (["-epw"], "--empty-password only allowed with --user"),
        (["--password-file", "x"], "--password-file only allowed with --user"),
        (["--jwt", "x", "-pwd", "y"], "--password only allowed with --user"),
        (["-usr", "u", "-pwd", "p", "-epw"], "--empty-password not allowed with --password"),
        (["-usr", "u", "-epw", "--password-file", "f"], "--password-file not allowed with --empty-password"),
        (["-rsp"], "--pos-response only allowed with --user, --kerberos, --saml or --jwt"),
        (["-usr", "u", "-kt", "f"], "--kerberos not allowed with --user"),
        (["--jwt", "f", "--saml", "f"], "--jwt not allowed with --saml"),
        (["--jwt", "missing"], "Unable to open Kerberos, SAML or JWT file 'missing': No such file or directory"),
        (["--jwt", "/dev/null"], "Kerberos, SAML or JWT file '/dev/null' is empty"),
        (["--saml", "/dev/zero"], "--saml: an association request has no room for more than 65000 bytes"),
        (["-usr", "u" * 65001], "--user: an association request has no room for more than 65000 bytes"),
        (
            ["-usr", "u", "--password-file", "missing"],
            "Unable to open password file 'missing': No such file or directory",
        ),
        (
            ["-usr", "u", "--password-file", "/dev/zero"],
            "--password-file: the first line of '/dev/zero' is longer than 1024 bytes",
        ),
    ],
)
def test_usage_errors(words: list[str], text: str) -> None:
    done, peer = send(*words)
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-2] == f"error: {text}"
    assert not peer.connections


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    """Not on the terminal, in the log at any level, or in a report."""
    ticket = tmp_path / "ticket"
    ticket.write_text("TOPSECRET")
    report = tmp_path / "report"
    for words in (["-usr", "alice", "-pwd", "TOPSECRET"], ["--saml", str(ticket)], ["--jwt", str(ticket)]):
        done, peer = send("--arguments", "-ll", "trace", "+v", "+crf", report, *words)
        assert b"TOPSECRET" in item_of(peer)
        assert done.exit_code == 0
        for text in (done.stderr, done.stdout, report.read_text()):
            assert "TOPSECRET" not in text
        assert "Authentication mode" in done.stderr
    done, _ = send("--arguments", "-q", "-pwd", "TOPSECRET")
    assert "TOPSECRET" not in done.stderr


@pytest.mark.peer("pynetdicom")
def test_another_implementation_reads_it(tmp_path: Path) -> None:
    from pynetdicom import AE, evt
    from pynetdicom.sop_class import CTImageStorage

    seen: list[tuple[object, ...]] = []

    def check(event: evt.Event) -> tuple[bool, bytes | None]:
        seen.append((event.user_id_type, event.primary_field, event.secondary_field))
        return event.secondary_field != b"wrong", b"yes"

    entity = AE()
    entity.add_supported_context(CTImageStorage)
    handlers = [(evt.EVT_USER_ID, check), (evt.EVT_C_STORE, lambda _: 0)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    try:
        port = server.socket.getsockname()[1]
        token = tmp_path / "token"
        token.write_text("a.b.c")
        for words, code in (
            (["-usr", "alice", "-pwd", "right"], 0), (["-usr", "alice", "-pwd", "wrong"], 61),
            (["--jwt", token, "-rsp"], 0),
        ):
            done = run(installed_dcmsend(), *words, "127.0.0.1", port, CT)
            assert done.exit_code == code, done.stderr
    finally:
        server.shutdown()
    assert seen == [(2, b"alice", b"right"), (2, b"alice", b"wrong"), (5, b"a.b.c", b"")]
