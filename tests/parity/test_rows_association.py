"""Rows 79, 96, 97 and 98: how an association is asked for, and what ends it before it begins."""

from __future__ import annotations

import pytest

from parity.conftest import HOST, Duel
from parity.outcomes import CHANGED_COURSE
from parity.rows import row
from support.fixture_files import FixtureFiles
from support.peer_script import GARBAGE, Abort, AssociateAnswer, Close, Reject, Script

pytestmark = pytest.mark.peer("dcmtk-dcmsend")


@row(79)
@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Reject(1, 1, 7), "DUL Association Rejected"),
        (Reject(2, 3, 1), "DUL Association Rejected"),
        (Reject(9, 9, 9), "DUL Association Rejected"),
        (Abort(), "Peer aborted Association (or never connected)"),
        (Abort(2, 2), "Peer aborted Association (or never connected)"),
        (Close(), "Peer aborted Association (or never connected)"),
        (GARBAGE, "Unrecognized PDU type: 99"),
    ],
    ids=str,
)
@pytest.mark.parametrize("words", [[], ["-nh"]], ids=["", "-nh"])
def test_no_association(duel: Duel, files: FixtureFiles, answer: AssociateAnswer, text: str, words: list[str]) -> None:
    pair = duel(files("CT"), *words, peer=Script(associate=answer))
    # To what is no PDU ours answers A-ABORT, as PS3.8 asks (action AA-8); DCMTK just closes.
    pair.assert_same(61, but={"course": "D26"} if answer is GARBAGE else {})
    for run in pair:
        assert run.lines("F")[0] == f"F: cannot negotiate network association: {text}"
        assert run.report is None


@row(96)
def test_long_titles_are_cut(duel: Duel, files: FixtureFiles) -> None:
    pair = duel("-aet", "A" * 17, "-aec", "B" * 16 + "TAIL", files("CT"))
    pair.assert_same(0, but={"warnings": "D16"})
    for run in pair:
        request = run.peer.connections[0].request
        assert request is not None
        assert (request.calling, request.called) == (b"A" * 16, b"B" * 16)
    assert len([line for line in pair.ours.lines("W") if "title" in line]) == 2


@row(96)
def test_titles_of_long_letters_are_cut_at_bytes(duel: Duel, files: FixtureFiles) -> None:
    """The warning shows what is sent."""
    pair = duel("-aet", "\u00c4" * 10, "-aec", "A" + "\u00c4" * 10, files("CT"))
    pair.assert_same(0, but={"warnings": "D16"})
    calling, called = "\u00c4" * 8, "A" + "\u00c4" * 7
    first, second = [line for line in pair.ours.lines("W") if "title" in line]
    assert first.endswith(f"only '{calling}' is used")
    assert second.endswith(f"only '{called}\udcc3' is used")


@row(96)
@pytest.mark.parametrize("title", [" leading", "lower case", "back\\slash", "trailing  ", "A" * 16])
def test_titles_go_out_as_given(duel: Duel, files: FixtureFiles, title: str) -> None:
    duel("-aet", title, "-aec", title, files("CT")).assert_same(0)


@row(97)
@pytest.mark.parametrize(("option", "name"), [("-aet", "Calling AP Title"), ("-aec", "Called AP Title")])
def test_empty_title_fails_after_the_connection(duel: Duel, files: FixtureFiles, option: str, name: str) -> None:
    pair = duel(option, "", files("CT"))
    pair.assert_same(61)
    for run in pair:
        assert f"Illegal service parameter: {name}" in run.lines("F")[0]
        assert [each.request for each in run.peer.connections] == [None]


@row(98)
def test_unknown_host(duel: Duel, files: FixtureFiles) -> None:
    pair = duel.verbatim("no-such-host.invalid", "104", files("CT"))
    pair.assert_same(61)
    for run in pair:
        assert "Attempt to connect to unknown host: no-such-host.invalid" in run.stderr


@row(98)
def test_empty_host(duel: Duel, files: FixtureFiles) -> None:
    pair = duel.verbatim("", "104", files("CT"))
    pair.assert_same(61)
    for run in pair:
        assert "Illegal service parameter: :104" in run.stderr


@row(98)
@pytest.mark.parametrize(
    ("host", "text"),
    [
        ("127.0.0.1:{port}", ""),
        ("localhost:x", "Illegal service parameter: localhost:x:104"),
        (":", "Illegal service parameter: ::104"),
        ("::g", "Illegal service parameter: ::g:104"),
    ],
)
def test_host_with_a_port(duel: Duel, files: FixtureFiles, host: str, text: str) -> None:
    """DCMTK forgets the port that is given as such."""
    pair = duel.verbatim(host, "104", files("CT"))
    pair.assert_same(but=dict.fromkeys(CHANGED_COURSE, "D71"))
    assert pair.theirs.exit_code == (61 if text else 0)
    assert text in pair.theirs.stderr
    assert pair.ours.exit_code == 61
    assert "Attempt to connect to unknown host: " in pair.ours.stderr


@row(98)
def test_ipv6_literal(duel: Duel, files: FixtureFiles) -> None:
    """Nobody listens there: DCMTK does not even try."""
    pair = duel.verbatim("::1", "{port}", files("CT"))
    pair.assert_same(61, but={"errors": "D17"})
    assert "Illegal service parameter: ::1:PORT" in pair.theirs.stderr
    assert "Connection refused" in pair.ours.stderr


@row(98)
def test_long_host_name(duel: Duel, files: FixtureFiles) -> None:
    host = "a" * 52 + ".invalid"
    pair = duel.verbatim(host, "104", files("CT"))
    pair.assert_same(but={"exit_code": "D17", "errors": "D17"})
    assert pair.theirs.exit_code == 60
    assert pair.ours.exit_code == 61
    assert f"Attempt to connect to unknown host: {host}" in pair.ours.stderr


@row(98)
@pytest.mark.parametrize("host", ["127.0.0.1\r", "127.1 and more", "127.0.0.1\u00a0", " 127.0.0.1"])
def test_address_with_something_behind(duel: Duel, files: FixtureFiles, host: str) -> None:
    """As from a file with lines of Windows: what follows white space is no part of an address."""
    pair = duel.verbatim(host, "{port}", files("CT"))
    pair.assert_same()
    for run in pair:
        assert run.exit_code == (61 if host in ("127.0.0.1\u00a0", " 127.0.0.1") else 0)


@row(98)
@pytest.mark.parametrize("host", ["127.1", "localhost"])
def test_other_ways_to_name_this_machine(duel: Duel, files: FixtureFiles, host: str) -> None:
    pair = duel.verbatim(host, "{port}", files("CT"), "+crf", "{own}/report.txt")
    pair.assert_same(0)
    for run in pair:
        assert HOST not in (run.report or HOST)
