"""DCMTK's dictionary files, read as DCMTK reads them."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmsend.dicom.data_dictionary import DataDictionary
from dcmsend.dicom.dictionary_file import load_dictionary_files, parse_dictionary
from dcmsend.dicom.tag import format_tag
from support.programs import dcmtk_program
from support.run import run

BAD_LINES = """\
(0008,0016)\tUI\tGood\t1\tDICOM
(0008,0018)  UI  BlanksForTabs

 \t
  # an indented comment
(0008,0020)\tZZ\tNoVr
0008,0021\tDA\tNoParentheses
(0008,0022)\tDA\tNoMultiplicity\tx\tDICOM
(0008,0023)\tDA\tTooMany\t1\tDICOM\tmore
(0008,0024)\tDA
(0008,0025)\t\tDA\tTwoTabs
(0009,"NoQuote,01)\tUI\tA
(0009-x-0011,01)\tUI\tA
(zz,01)\tUI\tA
(0008,0035)\tAE\tA\t-
(0008,0035)\tAE\tA\t1-
(0008,0035)\tAE\tA\t1x
"""

ODD_LINES = """\
 ( 0008 , 0016 ) \t UL \t Blanks \t 1 \t D
(9,"ACME 1",1)\tFD\tOneDigit
(0009,"ACME 1",1002)\tFL\tWholeElement
(0009,1101)\tUS\tNoCreator
(0009-o-0011,"ACME 1",01-04)\tSS\tRange\t1-n\tPrivate
(0012,F017-F01A)\tSL\tEvenOfRange
(0012,F01A)\tLO\tWins
(0021,0010-u-00ff)\tSH\tCreators
(5000-u-50ff,0005)\tUL\tBoth\t1-2n\tDICOM
(6000-60FF,0010)\tUS\tEven\tn
(6001-60ff,0010)\tOB\tFromOdd\t
(5000-50FF,0020)\tUS\tLess
(5000-u-50FF,0020)\tSH\tMore
(5400-50FF,0020)\tSH\tBackwards
"""

TAGS = [
    0x00080016, 0x00091001, 0x00091002, 0x00091101, 0x00091103, 0x00091104, 0x00111001, 0x00111002, 0x0012F017,
    0x0012F018, 0x0012F01A, 0x00200000, 0x00210000, 0x00210011, 0x002100FF, 0x00211111, 0x50000005, 0x50000020,
    0x50010005, 0x50010020, 0x50020005, 0x50020020, 0x60000010, 0x60020010,
]  # fmt: skip


def test_a_file_becomes_a_dictionary() -> None:
    dictionary = load_dictionary_files([("odd.dic", ODD_LINES)])
    assert (dictionary.vr_of(0x00080016), dictionary.keyword(0x00080016)) == ("UL", "Blanks")
    assert (dictionary.vr_of(0x00111102, "ACME 1"), dictionary.keyword(0x00111102, "ACME 1")) == ("SS", "Range")
    assert dictionary.vr_of(0x00100010) == "PN"


def test_later_files_win() -> None:
    texts = [(f"{vr}.dic", f"(0010,0010)\t{vr}\tName{vr}\n(0010,9998-9999)\t{vr}\tRange\n") for vr in ("SH", "LO")]
    assert [load_dictionary_files(order).vr_of(0x00100010) for order in (texts, texts[::-1])] == ["LO", "SH"]
    assert [load_dictionary_files(order).vr_of(0x00109998) for order in (texts, texts[::-1])] == ["LO", "SH"]


def test_bad_lines_are_reported_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "dcmsend.data"):
        entries = parse_dictionary(BAD_LINES, "bad.dic")
    assert [entry.name for entry in entries] == ["Good"]
    lines = [int(number) for number in re.findall(r"bad\.dic: \D+ \(line (\d+)\)", caplog.text)]
    assert lines == [2, *range(6, 18)]


@given(st.text(alphabet='()0189aF,-ou"\t #US\n\x0b\u0660', max_size=200))
def test_no_text_is_too_strange(text: str) -> None:
    for entry in parse_dictionary(text, "x"):
        DataDictionary([entry]).vr_of(0x00090010, entry.private_creator)


@pytest.mark.peer("dcmtk")
def test_dcmtk_complains_about_the_same_lines(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "bad.dic").write_text(BAD_LINES)
    (tmp_path / "data").write_bytes(element(0x00080016))
    program = dcmtk_program("dcmdump")
    assert program is not None
    done = run(program, "-f", "-ti", "data", cwd=tmp_path, environment={"DCMDICTPATH": "bad.dic"})
    theirs = [line for line in done.lines("E") if "Unknown range restrictor" not in line]
    with caplog.at_level(logging.ERROR, "dcmsend.data"):
        parse_dictionary(BAD_LINES, "bad.dic")
    assert [record.getMessage() for record in caplog.records] == [line.removesuffix(": ") for line in theirs]


def element(tag: int, value: bytes = b"ABCDEFGH") -> bytes:
    head = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little")
    return head + len(value).to_bytes(4, "little") + value


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("creator", [None, "ACME 1"])
def test_dcmtk_finds_the_same_vrs(tmp_path: Path, creator: str | None) -> None:
    """dcmdump of a data set in Implicit VR shows the VR of each element; creators come before their elements."""
    (tmp_path / "odd.dic").write_text("(0009-o-00ff,0010-u-00FF)\tLO\tPrivateCreator\n" + ODD_LINES)
    values = dict.fromkeys(TAGS, b"ABCDEFGH")
    for group, block in ((0x0009, 0x10), (0x0009, 0x11), (0x0011, 0x10)):
        if creator is not None:
            values[group << 16 | block] = creator.encode().ljust(8)
    (tmp_path / "data").write_bytes(b"".join(element(tag, values[tag]) for tag in sorted(values)))
    program = dcmtk_program("dcmdump")
    assert program is not None
    done = run(program, "-f", "-ti", "data", cwd=tmp_path, environment={"DCMDICTPATH": "odd.dic"})
    theirs = dict(re.findall(r"^(\([0-9a-f]{4},[0-9a-f]{4}\)) (\S\S) ", done.stdout, re.MULTILINE))
    dictionary = load_dictionary_files([("odd.dic", ODD_LINES)])
    for tag in TAGS:
        owner = creator if tag & 0x10000 and tag & 0xFFFF >= 0x1000 else None
        assert dictionary.vr_of(tag, owner).replace("UN", "??") == theirs[format_tag(tag)], format_tag(tag)
