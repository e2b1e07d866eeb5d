"""Rows 92, 93 and 95: P-DATA layout and the bytes of a data set that DCMTK would write differently."""

from __future__ import annotations

import pytest

from parity.conftest import Duel
from parity.outcomes import CHANGED_COURSE, statuses
from parity.rows import row
from support.damaged_files import UNDEFINED_SEQUENCE
from support.fixture_files import II, FixtureFiles
from support.peer_script import Accept, Script, prefer

pytestmark = pytest.mark.peer("dcmtk-dcmsend")


@row(92)
@pytest.mark.parametrize(
    ("max_length", "fragment"),
    [(0, 131060), (131073, 131060), (262144, 131060), (4096, 4084), (16384, 16372), (16385, 16372)],
)
def test_fragments(duel: Duel, files: FixtureFiles, max_length: int, fragment: int) -> None:
    pair = duel(files("BIG"), peer=Script(associate=Accept(max_pdu_length=max_length)))
    pair.assert_same(0)
    for run in pair:
        lengths = run.peer.stores[0].fragment_lengths
        assert set(lengths[:-1]) == {fragment}
        assert 0 < lengths[-1] <= fragment


@row(92)
@pytest.mark.parametrize("max_length", [14, 15, 18, 19, 20, 23, 26, 64, 101])
def test_tiny_fragments(duel: Duel, files: FixtureFiles, max_length: int) -> None:
    """DCMTK never breaks an element's header where that shows; ours fills every fragment but the last."""
    pair = duel(files("CT"), peer=Script(associate=Accept(max_pdu_length=max_length)))
    pair.assert_same(0, but={"layout": "D23", "warnings": "D23"})
    fragment = max_length // 2 * 2 - 12
    lengths = pair.ours.peer.stores[0].fragment_lengths
    assert set(lengths[:-1]) == {fragment}
    assert 0 < lengths[-1] <= fragment
    assert max(pair.theirs.peer.stores[0].fragment_lengths) <= max_length - 12


@row(92)
@pytest.mark.parametrize("max_length", [6, 12, 13, 1])
def test_no_room_for_a_fragment(duel: Duel, files: FixtureFiles, max_length: int) -> None:
    peer = Script(associate=Accept(max_pdu_length=max_length))
    pair = duel(files("BIG"), peer=peer)
    pair.assert_same(62)
    for run in pair:
        assert "receiver's max PDU size of" in run.stderr
        assert not run.peer.stores
    pair = duel(files("BIG"), "-nh", peer=peer)
    pair.assert_same(0)
    for run in pair:
        assert statuses(run) == ["<not sent>"]


@row(93)
def test_max_send_pdu(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(files("BIG"), "--max-send-pdu", "5000")
    pair.assert_same(0)
    for run in pair:
        assert run.peer.stores[0].fragment_lengths[0] == 4988


@row(93)
def test_odd_max_send_pdu(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(files("BIG"), "--max-send-pdu", "5001")
    pair.assert_same(but=dict.fromkeys(CHANGED_COURSE, "D15"))
    assert pair.theirs.exit_code == 62
    assert pair.ours.exit_code == 0
    assert pair.ours.peer.stores[0].fragment_lengths[0] == 4988
    assert bytes(pair.ours.peer.stores[0].data_set) == files.data_set_bytes("BIG")


@row(93)
@pytest.mark.parametrize("own", ["4096", "65536", "131072"])
def test_max_pdu_does_not_change_what_is_sent(duel: Duel, files: FixtureFiles, own: str) -> None:
    duel(files("BIG"), "-pdu", own, "--max-send-pdu", "131072").assert_same(0)


@row(95)
@pytest.mark.parametrize("name", ["UNDEFINED-SQ", "GROUP-LENGTH"])
def test_sound_data_sets_pass_through(duel: Duel, files: FixtureFiles, name: str) -> None:
    """DCMTK writes explicit lengths and right group lengths; ours sends the file's bytes."""
    pair = duel(files(name))
    changed = dict.fromkeys(("data_sets", "layout"), "D08")
    pair.assert_same(0, but=changed | {"report.Dataset Size": "D08"})
    assert bytes(pair.theirs.peer.stores[0].data_set) != files.data_set_bytes(name)
    assert bytes(pair.ours.peer.stores[0].data_set) == files.data_set_bytes(name)


@row(95)
@pytest.mark.parametrize(
    "name",
    [
        "UNDEFINED-SQ",
        "GROUP-LENGTH",
        "TRAILING-PADDING",
        "ODD-TEXT",
        "TWICE",
        "UNSORTED",
        "ODD-OB",
        "SPACES",
        "BLANK-UID",
    ],
)
def test_normalized_data_sets_are_dcmtks(duel: Duel, files: FixtureFiles, name: str) -> None:
    """``--normalize`` of ours gives the bytes that DCMTK always gives."""
    theirs = duel(files(name)).theirs
    ours = duel.ours(files(name), "--normalize")
    assert (theirs.exit_code, ours.exit_code) == (0, 0)
    assert bytes(ours.peer.stores[0].data_set) == bytes(theirs.peer.stores[0].data_set)


@row(95)
def test_trailing_padding_is_not_sent(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(files("TRAILING-PADDING"))
    pair.assert_same(0)
    assert len(pair.ours.peer.stores[0].data_set) == len(files.data_set_bytes("TRAILING-PADDING")) - 32


@row(95)
@pytest.mark.parametrize("name", ["ODD-TEXT", "TWICE", "UNSORTED", "ODD-OB", "BLANK-UID"])
def test_what_is_wrong_is_repaired_as_in_dcmtk(duel: Duel, files: FixtureFiles, name: str) -> None:
    pair = duel(files(name))
    pair.assert_same(0, but={"warnings": "D21", "report.Dataset Size": "D08"})
    for run in pair:
        assert bytes(run.peer.stores[0].data_set) != files.data_set_bytes(name)
        assert run.lines("W")


@row(95)
def test_odd_words_are_padded(duel: Duel, files: FixtureFiles) -> None:
    """DCMTK corrupts the data set: it sends the odd value and one zero byte behind the last element."""
    pair = duel(files("ODD-OW"))
    pair.assert_same(0, but=dict.fromkeys(("data_sets", "layout", "warnings", "report.Dataset Size"), "D15"))
    theirs, ours = (bytes(run.peer.stores[0].data_set) for run in pair)
    assert theirs.endswith(b"OW\0\0\x03\0\0\0abc\0")
    assert ours.endswith(b"OW\0\0\x04\0\0\0abc\0")


@row(95)
def test_undefined_length_sequence_in_another_syntax(duel: Duel, files: FixtureFiles) -> None:
    """As soon as something has to be converted, both write the same bytes."""
    assert UNDEFINED_SEQUENCE in files.data_set_bytes("UNDEFINED-SQ")
    pair = duel(files("UNDEFINED-SQ"), peer=Script(associate=Accept(contexts=prefer(II))))
    pair.assert_same(0, but={"report.Dataset Size": "D08"})
