"""Rows 52 to 60 and 65 to 78: which presentation contexts are proposed, and what becomes of refused ones."""

from __future__ import annotations

import pytest

from parity.comparison import Pair
from parity.conftest import Duel
from parity.outcomes import CHANGED_COURSE, proposed, report_of, statuses
from parity.rows import row
from support.corpus import DATA
from support.fixture_files import EB, EI, II, FixtureFiles
from support.peer_script import Abort, Accept, Close, Reject, Script, refuse

pytestmark = pytest.mark.peer("dcmtk-dcmsend")

THREE = (EI, EB, II)
SYNTAX_OF = {
    "DEFL": "1.2.840.10008.1.2.1.99",
    "JLL": "1.2.840.10008.1.2.4.70",
    "J14": "1.2.840.10008.1.2.4.57",
    "JLS": "1.2.840.10008.1.2.4.80",
    "RLE": "1.2.840.10008.1.2.5",
    "JB": "1.2.840.10008.1.2.4.50",
    "JE": "1.2.840.10008.1.2.4.51",
    "JLSN": "1.2.840.10008.1.2.4.81",
    "J2L": "1.2.840.10008.1.2.4.90",
    "J2": "1.2.840.10008.1.2.4.91",
    "MPG": "1.2.840.10008.1.2.4.100",
}
ALL_REFUSED = Script(associate=Accept(contexts=refuse()))


def no_connection(pair: Pair) -> None:
    for run in pair:
        assert not run.peer.connections


@row(52)
@pytest.mark.parametrize("name", ["CT", "IMP", "BE"])
def test_native_syntaxes_propose_all_three(duel: Duel, files: FixtureFiles, name: str) -> None:
    pair = duel(files(name))
    pair.assert_same(0)
    for run in pair:
        assert proposed(run) == [THREE]


@row(53)
@pytest.mark.parametrize("name", ["DEFL", "JLL", "J14", "JLS", "RLE"])
def test_decodable_lossless_syntaxes_come_first_and_then_the_three(duel: Duel, files: FixtureFiles, name: str) -> None:
    pair = duel(files(name))
    pair.assert_same(0, but={"data_sets": "D08", "layout": "D08"} if name == "DEFL" else {})
    for run in pair:
        assert proposed(run) == [(SYNTAX_OF[name], *THREE)]
    assert bytes(pair.ours.peer.stores[0].data_set) == files.data_set_bytes(name)


@row(54)
@pytest.mark.parametrize("name", ["DEFL", "JLL", "J14", "JLS", "RLE"])
def test_decompress_never(duel: Duel, files: FixtureFiles, name: str) -> None:
    pair = duel(files(name), "-dn")
    pair.assert_same(0, but={"data_sets": "D08", "layout": "D08"} if name == "DEFL" else {})
    for run in pair:
        assert proposed(run) == [(SYNTAX_OF[name],)]
        assert run.lines("W")
    pair = duel(files(name), "-dn", "-nip")
    pair.assert_same(65)
    no_connection(pair)


@row(55)
@pytest.mark.parametrize("name", ["JB", "JE", "JLSN"])
def test_decodable_lossy_syntaxes(duel: Duel, files: FixtureFiles, name: str) -> None:
    for words, expected in ([], [(SYNTAX_OF[name],)]), (["+dly"], [(SYNTAX_OF[name], *THREE)]):
        pair = duel(files(name), *words)
        pair.assert_same(0)
        for run in pair:
            assert proposed(run) == expected


@row(56)
def test_lossy_syntaxes_are_never_illegal(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(files("JB"), "-nip", "-dn")
    pair.assert_same(0)
    for run in pair:
        assert proposed(run) == [(SYNTAX_OF["JB"],)]


@row(57)
def test_jpeg_2000_lossless(duel: Duel, files: FixtureFiles) -> None:
    """DCMTK has no decoder for it, ours has: the three are proposed too, so that nothing is illegal about it.

    They have a context of their own behind all others, so that a peer that takes JPEG 2000 gets it, as from DCMTK.
    """
    changed = dict.fromkeys(("requests", "warnings", "report"), "D11")
    pair = duel(files("J2L"))
    pair.assert_same(0, but=changed)
    assert proposed(pair.theirs) == [(SYNTAX_OF["J2L"],)]
    assert proposed(pair.ours) == [(SYNTAX_OF["J2L"],), THREE]
    assert report_of(pair.ours).entries == report_of(pair.theirs).entries

    pair = duel(files("J2L"), files("MR"))
    assert proposed(pair.theirs) == [(SYNTAX_OF["J2L"],), THREE]
    assert proposed(pair.ours) == [(SYNTAX_OF["J2L"],), THREE, THREE]
    assert [store.context_id for store in pair.ours.peer.stores] == [1, 3]

    pair = duel(str(DATA / "pydicom" / "MR_small_jp2klossless.dcm"), peer=Script(associate=Accept(contexts=refuse(1))))
    assert statuses(pair.theirs) == ["<no acceptable presentation context>"]
    assert statuses(pair.ours) == ["0x0000 (Success)"]
    assert [store.context_id for store in pair.ours.peer.stores] == [3]


@row(56)
def test_jpeg_2000_and_no_illegal_proposals(duel: Duel, files: FixtureFiles) -> None:
    """A context for JPEG 2000 alone is one, whatever stands in another context: nothing is proposed, as by DCMTK."""
    pair = duel(files("J2L"), "-nip")
    pair.assert_same(65)
    no_connection(pair)
    pair = duel(files("CT"), files("J2L"), files("MR"), "-nip", "-nh")
    pair.assert_same(0)
    for run in pair:
        assert len(proposed(run)) == 2
        assert statuses(run)[1] == "<no acceptable presentation context>"
    pair = duel(files("J2"), "-nip", "+dly")
    pair.assert_same(0)
    assert proposed(pair.ours) == [(SYNTAX_OF["J2"],)]


@row(57)
def test_undecodable_lossless_syntax_is_illegal(duel: Duel, files: FixtureFiles) -> None:
    """With ``-dn`` ours treats JPEG 2000 lossless as DCMTK does."""
    pair = duel(files("J2L"), "-dn", "-nip")
    pair.assert_same(65)
    no_connection(pair)
    pair = duel(files("CT"), files("J2L"), files("MR"), "-dn", "-nip", "-nh")
    pair.assert_same(0)
    for run in pair:
        assert len(proposed(run)) == 2
        assert statuses(run) == ["0x0000 (Success)", "<no acceptable presentation context>", "0x0000 (Success)"]


@row(58)
@pytest.mark.parametrize("name", ["J2", "MPG"])
def test_lossy_syntaxes_that_cannot_be_decoded(duel: Duel, files: FixtureFiles, name: str) -> None:
    changed = dict.fromkeys(("requests", "warnings", "report"), "D11") if name == "J2" else {}
    pair = duel(files(name), "+dly")
    pair.assert_same(0, but=changed)
    assert proposed(pair.theirs) == [(SYNTAX_OF[name],)]
    assert proposed(pair.ours) == [(SYNTAX_OF[name],), *([THREE] if name == "J2" else [])]
    duel(files(name)).assert_same(0)


@row(59)
def test_everything_illegal_and_no_halt(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(files("J2L"), "-dn", "-nip", "-nh")
    pair.assert_same(0)
    no_connection(pair)
    for run in pair:
        assert "Number of associations   : 0\n" in report_of(run).summary


@row(60)
def test_contexts_are_shared_by_class_and_syntax(duel: Duel, files: FixtureFiles) -> None:
    names = ("CT", "JLL", "IMP", "J14", "JLL", "RLE", "DEFL", "CT2")
    pair = duel(*(files(name) for name in names))
    pair.assert_same(0, but={"data_sets": "D08", "layout": "D08"})
    for run in pair:
        assert [store.context_id for store in run.peer.stores] == [1, 3, 1, 5, 3, 7, 9, 1]
        assert report_of(run).column("Pres. Context") == ["1", "3", "1", "5", "3", "7", "9", "1"]


@row(65)
def test_refused_context_of_a_compressed_file(duel: Duel, files: FixtureFiles) -> None:
    """DCMTK gives up; ours would use the context of CT, but only where it has the decoder."""
    peer = Script(associate=Accept(contexts=refuse(3)))
    pair = duel(files("CT"), files("JLL"), "-dn", peer=peer)
    pair.assert_same(62)
    pair = duel(files("CT"), files("J2L"), "-dn", "-nh", peer=peer)
    pair.assert_same(0)


@row(65)
def test_refused_context_with_conversion(duel: Duel, files: FixtureFiles) -> None:
    peer = Script(associate=Accept(contexts=refuse(3)))
    pair = duel(files("CT"), files("DEFL"), peer=peer)
    pair.assert_same(but=dict.fromkeys(CHANGED_COURSE, "D12"))
    assert pair.theirs.exit_code == 62
    assert "DIMSE No valid Presentation Context ID" in pair.theirs.stderr
    assert pair.ours.exit_code == 0
    assert [store.context_id for store in pair.ours.peer.stores] == [1, 1]


def classes(files: FixtureFiles, last: int, *more: str) -> list[str]:
    return [files(f"C{number}") for number in range(1, last + 1)] + [files(name) for name in more]


@row(66)
def test_more_classes_than_one_association_holds(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(*classes(files, 132))
    pair.assert_same(0)
    for run in pair:
        first, second = run.peer.connections
        assert [len(each.stores) for each in (first, second)] == [128, 4]
        assert [store.context_id for store in second.stores] == [1, 3, 5, 7]
        assert [store.message_id for store in second.stores] == [1, 2, 3, 4]


@row(67)
def test_single_association_leaves_the_rest(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(*classes(files, 132), "-ma")
    pair.assert_same(0)
    for run in pair:
        assert len(run.peer.connections) == 1
        for entry in report_of(run).entries[128:]:
            assert (entry["DIMSE Status"], entry["Association"], entry["Pres. Context"]) == ("<not sent>", "0", "0")


@row(68)
def test_planning_stops_at_the_128th_context(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(*classes(files, 128, "C1"))
    pair.assert_same(0)
    for run in pair:
        assert [len(each.stores) for each in run.peer.connections] == [128, 1]


@row(69)
def test_shared_contexts_before_the_128th(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(*classes(files, 127, "C1", "C128", "C129"))
    pair.assert_same(0)
    for run in pair:
        assert [len(each.stores) for each in run.peer.connections] == [129, 1]


@row(70)
def test_first_association_refused_completely(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(*classes(files, 132), peer=(ALL_REFUSED, Script()))
    pair.assert_same(0)
    for run in pair:
        assert [len(each.stores) for each in run.peer.connections] == [0, 4]
        text = "trying to continue with a new association in order to send the remaining 4 SOP instances"
        assert f"W: {text}" in run.lines("W")


@row(71)
@pytest.mark.parametrize("words", [[], ["-nh"]], ids=str)
def test_second_association_rejected(duel: Duel, files: FixtureFiles, words: list[str]) -> None:
    pair = duel(*classes(files, 132), *words, peer=(Script(), Script(associate=Reject(1, 1, 1))))
    pair.assert_same(61)
    for run in pair:
        assert run.report is None
        assert len(run.peer.stores) == 128
    assert pair.ours.leftovers == ("report.txt.partial",)


@row(72)
def test_abort_in_the_first_of_two_associations(duel: Duel, files: FixtureFiles) -> None:
    """DCMTK tries the dead association and then stumbles over it; ours opens a new one."""
    pair = duel(*classes(files, 132), "-nh", peer=(Script(stores={3: Abort()}), Script()))
    pair.assert_same(but=dict.fromkeys(CHANGED_COURSE, "D03"))
    assert (pair.theirs.exit_code, pair.theirs.report) == (60, None)
    assert pair.ours.exit_code == 0
    assert statuses(pair.ours) == [*["0x0000 (Success)"] * 2, "<not sent>", *["0x0000 (Success)"] * 129]


@row(73)
def test_release_answered_by_close_and_another_association(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(*classes(files, 132), "-nh", peer=(Script(release=Close()), Script()))
    pair.assert_same(but=dict.fromkeys(CHANGED_COURSE, "D03"))
    assert (pair.theirs.exit_code, pair.theirs.report) == (60, None)
    assert pair.ours.exit_code == 0
    assert statuses(pair.ours) == ["0x0000 (Success)"] * 132


@row(74)
def test_all_contexts_refused(duel: Duel, files: FixtureFiles) -> None:
    for peer in ALL_REFUSED, Script(associate=Accept(list_contexts=False)):
        pair = duel(*(files(name) for name in ("CT", "MR", "CT2")), peer=peer)
        pair.assert_same(0)
        for run in pair:
            assert statuses(run) == ["<no acceptable presentation context>"] * 3
            assert report_of(run).column("Association") == ["0"] * 3
            assert run.peer.connections[0].course[:2] == ["request", "release"]


@row(75)
def test_all_contexts_refused_with_a_single_association(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(*(files(name) for name in ("CT", "MR", "CT2")), "-ma", peer=ALL_REFUSED)
    pair.assert_same(65)
    for run in pair:
        assert run.report is None


@row(76)
def test_one_context_refused(duel: Duel, files: FixtureFiles) -> None:
    names = [files(name) for name in ("CT", "MR", "CT2")]
    peer = Script(associate=Accept(contexts=refuse(3)))
    pair = duel(*names, peer=peer)
    pair.assert_same(62)
    for run in pair:
        assert run.peer.connections[0].course[:3] == ["request", "store 1", "abort 0 0"]
    pair = duel(*names, "-nh", peer=peer)
    pair.assert_same(0)
    for run in pair:
        assert statuses(run)[1] == "<no acceptable presentation context>"
        assert [store.message_id for store in run.peer.stores] == [1, 3]


@row(77)
def test_one_context_refused_without_conversion(duel: Duel, files: FixtureFiles) -> None:
    peer = Script(associate=Accept(contexts=refuse(3)))
    pair = duel(*(files(name) for name in ("CT", "MR", "CT2")), "-dn", "-nh", peer=peer)
    pair.assert_same(0)
    for run in pair:
        assert statuses(run)[1] == "<not sent>"


@row(78)
def test_illegal_entry_between_others_that_are_all_refused(duel: Duel, files: FixtureFiles) -> None:
    """DCMTK opens associations for ever here, so its peer has to put an end to it; ours ends."""
    names = [files(name) for name in ("CT", "J2L", "MR")]
    peer = (*[ALL_REFUSED] * 9, Script(associate=Reject(1, 1, 1)))
    pair = duel(*names, "-dn", "-nip", "-nh", peer=peer)
    pair.assert_same(but=dict.fromkeys(CHANGED_COURSE, "D05"))
    assert (pair.theirs.exit_code, len(pair.theirs.peer.connections)) == (61, 10)
    assert pair.ours.exit_code == 0
    assert statuses(pair.ours) == ["<no acceptable presentation context>"] * 3
    assert len(pair.ours.peer.connections) <= 2
