"""Rows 61 to 64, 94 and 111: the peer takes another transfer syntax than the file's."""

from __future__ import annotations

import zlib

import pytest

from parity.conftest import Duel
from parity.outcomes import CHANGED_COURSE, report_of
from parity.rows import row
from support.fixture_files import DEFLATED, EB, EI, II, FixtureFiles
from support.peer_script import Accept, Script, insist_on, prefer
from support.senders import Run

pytestmark = pytest.mark.peer("dcmtk-dcmsend")


def taking(syntax: str) -> Script:
    """A peer that accepts every context with this syntax if it is proposed."""
    return Script(associate=Accept(contexts=prefer(syntax)))


def data_set_of(run: Run) -> bytes:
    return bytes(run.peer.stores[0].data_set)


@row(52)
@pytest.mark.parametrize("syntax", [EI, EB, II])
@pytest.mark.parametrize("name", ["CT", "IMP", "BE"])
def test_native_syntaxes_among_each_other(duel: Duel, files: FixtureFiles, name: str, syntax: str) -> None:
    for words in [], ["-dn"]:
        duel(files(name), *words, peer=taking(syntax)).assert_same(0)


@row(53)
@pytest.mark.parametrize("syntax", [EI, EB, II])
def test_deflated_to_native(duel: Duel, files: FixtureFiles, syntax: str) -> None:
    pair = duel(files("DEFL"), peer=taking(syntax))
    pair.assert_same(0)
    if syntax == EI:
        for run in pair:
            assert data_set_of(run) == zlib.decompress(files.data_set_bytes("DEFL"), -15)


@row(61)
@pytest.mark.parametrize("syntax", [EI, II, EB])
@pytest.mark.parametrize("name", ["JLL", "J14", "JLS", "RLE", "RLE-RGB"])
def test_lossless_to_native(duel: Duel, files: FixtureFiles, name: str, syntax: str) -> None:
    pair = duel(files(name), peer=taking(syntax))
    pair.assert_same(0)


@row(62)
def test_lossy_to_native(duel: Duel, files: FixtureFiles) -> None:
    duel(files("JB"), "+dly", peer=taking(II)).assert_same(0)


@row(63)
def test_corrupt_compressed_pixel_data(duel: Duel, files: FixtureFiles) -> None:
    duel(files("JLL-CORRUPT"), peer=taking(EI)).assert_same(62)


@row(63)
def test_corrupt_compressed_pixel_data_passes_through(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(files("JLL-CORRUPT"))
    pair.assert_same(0)
    assert data_set_of(pair.ours) == files.data_set_bytes("JLL-CORRUPT")


@row(64)
@pytest.mark.parametrize(("syntax", "exit_code"), [("1.2.840.10008.1.2.4.90", 62), (DEFLATED, 0), ("1.2.3.4.5", 62)])
def test_syntax_that_was_not_proposed(duel: Duel, files: FixtureFiles, syntax: str, exit_code: int) -> None:
    pair = duel(files("CT"), peer=Script(associate=Accept(contexts=insist_on(syntax))))
    if syntax == DEFLATED:
        pair.assert_same(exit_code, but={"data_sets": "D08", "layout": "D08"})
        for run in pair:
            assert zlib.decompressobj(-15).decompress(data_set_of(run)) == files.data_set_bytes("CT")
    else:
        pair.assert_same(exit_code)


@row(94)
@pytest.mark.parametrize("level", ["0", "1", "9"])
def test_compression_level(duel: Duel, files: FixtureFiles, level: str) -> None:
    """A deflated file is deflated again when a level is asked for."""
    pair = duel(files("DEFL"), "+cl", level)
    pair.assert_same(0, but={"data_sets": "D08", "layout": "D08"})
    theirs, ours = (data_set_of(run) for run in pair)
    for stream in theirs, ours:
        assert len(stream) % 2 == 0
        inflater = zlib.decompressobj(-15)
        assert inflater.decompress(stream) == zlib.decompress(files.data_set_bytes("DEFL"), -15)
        assert inflater.unused_data in (b"", b"\0")
    assert abs(len(theirs) - len(ours)) <= 2


@row(94)
def test_deflated_passes_through_without_a_level(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(files("DEFL"))
    pair.assert_same(0, but={"data_sets": "D08", "layout": "D08"})
    assert data_set_of(pair.ours) == files.data_set_bytes("DEFL")
    assert report_of(pair.theirs).column("Dataset Size") == report_of(pair.ours).column("Dataset Size")


@row(111)
@pytest.mark.parametrize("syntax", [EI, EB, II])
def test_ge_private_syntax(duel: Duel, files: FixtureFiles, syntax: str) -> None:
    """Always converted; its pixel words are big endian in the file."""
    duel(files("GE"), peer=taking(syntax)).assert_same(0)


@row(111)
@pytest.mark.parametrize("name", ["JPIP", "URL"])
def test_pixels_behind_a_url(duel: Duel, files: FixtureFiles, name: str) -> None:
    """What refers to its pixels by a URL is not converted."""
    duel(files(name), peer=taking(II)).assert_same(62)


@row(111)
@pytest.mark.parametrize(("words", "syntax"), [(["JPIP", "-dn"], II), (["URL", "-dn"], II), (["URL"], EI)], ids=str)
def test_pixels_behind_a_url_without_conversion(duel: Duel, files: FixtureFiles, words: list[str], syntax: str) -> None:
    duel(files(words[0]), *words[1:], peer=taking(syntax)).assert_same(0)


@row(111)
def test_jpip_deflate(duel: Duel, files: FixtureFiles) -> None:
    """DCMTK knows the syntax and cannot write it; ours passes the bytes through."""
    pair = duel(files("JPIP-DEFL"))
    pair.assert_same(but=dict.fromkeys(CHANGED_COURSE, "D09"))
    assert pair.theirs.exit_code == 62
    assert pair.ours.exit_code == 0
    assert data_set_of(pair.ours) == files.data_set_bytes("JPIP-DEFL")
