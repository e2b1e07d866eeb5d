"""Small differences on purpose, mostly about files that are not as they should be; both programs run side by side."""

from __future__ import annotations

import os
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from parity.conftest import Duel
from parity.outcomes import CHANGED_COURSE
from support.data_set_bytes import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT,
    Element,
    Fragments,
    Items,
    file_with,
    meta_header,
)
from support.dcmtk_judge import identified
from support.fixture_files import FixtureFiles
from support.peer_script import Accept, Respond, Script, prefer
from support.senders import Run

pytestmark = pytest.mark.peer("dcmtk-dcmsend")

EL = EXPLICIT_LITTLE
CLASS = b"1.2.840.10008.5.1.4.1.1.7\0"
DEFLATED = "1.2.840.10008.1.2.1.99"
JPEG = "1.2.840.10008.1.2.4.50"
TO_IMPLICIT = Script(associate=Accept(contexts=prefer(IMPLICIT.uid)))

Writer = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    """Writes a file and gives its name."""

    def write(content: bytes, name: str = "file.dcm") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return str(path)

    return write


def part10(*elements: Element) -> bytes:
    return file_with(identified(EL, 4, elements), EL.uid)


def raw_deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
    return deflater.compress(data) + deflater.flush()


def sent(run: Run) -> list[bytes]:
    return [bytes(store.data_set) for store in run.peer.stores]


@pytest.mark.parametrize("vr", ["UN", "OB", "OW", "AT", "UL", "FL"])
def test_uids_of_a_bare_data_set_in_another_vr(duel: Duel, write: Writer, vr: str) -> None:
    data_set = EL.encode([(0x00080016, vr, CLASS), (0x00080018, vr, b"1.2.3.4\0"), (0x00100010, "PN", b"A^B ")])
    pair = duel("+f", write(data_set))
    pair.assert_same(22, but=dict.fromkeys(CHANGED_COURSE, "D36"))
    assert "Invalid SOP Class UID" in pair.theirs.stderr
    assert pair.ours.exit_code == 0
    assert [store.sop_instance_uid for store in pair.ours.peer.stores] == ["1.2.3.4"]


@pytest.mark.parametrize("vr", ["SH", "LO"])
def test_uids_of_a_meta_header_in_another_vr(duel: Duel, write: Writer, vr: str) -> None:
    """The NUL byte behind a UID is a part of the text for DCMTK."""
    content = part10()
    place = content.index(b"\2\0\2\0UI") + 4
    pair = duel(write(content[:place] + vr.encode() + content[place + 2 :]))
    pair.assert_same(22, but=dict.fromkeys(CHANGED_COURSE, "D36"))
    assert "Invalid SOP Class UID" in pair.theirs.stderr
    assert pair.ours.exit_code == 0
    assert len(pair.ours.peer.stores) == 1


def test_odd_pixel_data_in_implicit_vr(duel: Duel, write: Writer) -> None:
    """DCMTK pads the value and leaves the length odd, if the value is too long to be loaded at once (4096 bytes)."""
    data_set = identified(EL, 4, [(0x7FE00010, "OB", b"abc" * 1367)])
    peer = Script(associate=Accept(prefer(IMPLICIT.uid)))
    pair = duel(write(file_with(data_set, EL.uid)), peer=peer)
    pair.assert_same(0, but=dict.fromkeys(("data_sets", "layout", "warnings", "report.Dataset Size"), "D15"))
    (theirs,), (ours,) = sent(pair.theirs), sent(pair.ours)
    for data, length in ((theirs, 4101), (ours, 4102)):
        assert data.endswith(b"\xe0\x7f\x10\0" + length.to_bytes(4, "little") + b"abc" * 1367 + b"\0")


@pytest.mark.parametrize("vr", ["SH", "LO"])
def test_transfer_syntax_uid_in_another_vr(duel: Duel, write: Writer, vr: str) -> None:
    """DCMTK finds it when it lists the file, and not when it loads it."""
    content = part10()
    place = content.index(b"\2\0\x10\0UI") + 4
    length = int.from_bytes(content[place + 2 : place + 4], "little")
    value = content[place + 4 : place + 4 + length].replace(b"\0", b" ")
    changed = vr.encode() + content[place + 2 : place + 4] + value
    pair = duel(write(content[:place] + changed + content[place + 4 + length :]))
    pair.assert_same(62, but=dict.fromkeys(CHANGED_COURSE, "D36"))
    assert "File meta information header missing" in pair.theirs.stderr
    assert pair.ours.exit_code == 0
    assert len(pair.ours.peer.stores) == 1


@pytest.mark.parametrize("vr", ["UN", "OB"])
def test_file_id_in_another_vr(duel: Duel, write: Writer, vr: str) -> None:
    write(part10(), "IMG/A")
    record: list[Element] = [
        (0x00041430, "CS", b"IMAGE "), (0x00041500, vr, b"IMG\\A "), (0x00041510, "UI", CLASS),
        (0x00041511, "UI", b"1.2.3.4\0"), (0x00041512, "UI", EL.uid.encode() + b"\0"),
    ]  # fmt: skip
    header = meta_header(EL.uid, "1.2.840.10008.1.3.10", "1.2.9")
    pair = duel("+rd", write(header + EL.encode([(0x00041220, "SQ", Items([record]))]), "DICOMDIR"))
    pair.assert_same(62, but=dict.fromkeys(CHANGED_COURSE, "D38"))
    assert "49/4d/47/5c/41/20: No such file" in pair.theirs.stderr
    assert pair.ours.exit_code == 0
    assert len(pair.ours.peer.stores) == 1


@pytest.mark.parametrize(
    "more",
    [
        EL.sequence(0x00020102, "SQ", Items([[(0x00020103, "LO", b"ab")]], True, True)),
        EL.encode([(0x00020100 + number, "LO", b"ab") for number in range(1100)]),
    ],
    ids=["sequence of undefined length", "more than 1000 elements"],
)
def test_meta_header_that_no_program_writes(duel: Duel, write: Writer, more: bytes) -> None:
    header = meta_header(EL.uid)
    group = header[144:] + more
    pair = duel(write(header[:140] + struct.pack("<L", len(group)) + group + identified(EL, 4)))
    pair.assert_same(0, but=dict.fromkeys(CHANGED_COURSE, "D35"))
    assert pair.ours.exit_code == 22


@pytest.mark.parametrize("mode", ["+f", "-f"])
def test_value_of_a_bare_data_set_that_is_cut_off(duel: Duel, write: Writer, mode: str) -> None:
    pair = duel(mode, write(identified(EL, 4, [(0x00282000, "OB", bytes(4096))])[:-1]))
    pair.assert_same(22, but={"errors": "D39"})
    assert "premature end of stream" in pair.theirs.lines("F")[0]
    assert pair.ours.lines("F")[0].endswith(": Invalid stream")


@pytest.mark.parametrize(
    ("tag", "vr", "length"), [(0x00081161, "UL", 4098), (0x00089459, "FD", 4098), (0x00280010, "US", 4097)]
)
def test_long_value_that_is_no_multiple_of_its_width(duel: Duel, write: Writer, tag: int, vr: str, length: int) -> None:
    value = b"\1" * length
    pair = duel(write(part10((tag, vr, value))), peer=TO_IMPLICIT)
    pair.assert_same(0, but=dict.fromkeys(("data_sets", "layout", "errors", "warnings", "report"), "D41"))
    assert sent(pair.theirs) == [identified(IMPLICIT, 4, [(tag, vr, b"")])]
    assert sent(pair.ours) == [identified(IMPLICIT, 4, [(tag, vr, value + b"\0" * (length & 1))])]


def test_offset_table_of_fragments_of_odd_length(duel: Duel, write: Writer) -> None:
    frames = [b"abc", b"x"]
    table, corrected = struct.pack("<LL", 0, 11), struct.pack("<LL", 0, 12)
    pixels: Element = (0x7FE00010, "OB", Fragments([table, *frames]))
    pair = duel(write(file_with(identified(EL, 4, [pixels]), JPEG)))
    pair.assert_same(0, but={"data_sets": "D65", "layout": "D65", "report.Dataset Size": "D08"})
    for run, offsets in zip(pair, (table, corrected), strict=True):
        assert sent(run) == [identified(EL, 4, [(0x7FE00010, "OB", Fragments([offsets, b"abc\0", b"x\0"]))])]


def test_signed_values_in_sequences(duel: Duel, write: Writer) -> None:
    def elements(vr: str, *values: bytes) -> list[Element]:
        velocity, first, last, padding = values
        return [
            (0x00186011, "SQ", [[(0x00189810, vr, velocity)]]), (0x00280103, "US", b"\1\0"),
            (0x00281101, vr, b"\0\1" + first + b"\x10\0"), (0x00409096, "SQ", [[(0x00409211, vr, last)]]),
            (0x52009230, "SQ", [[(0x00289145, "SQ", [[(0x00280120, vr, padding)]])]]),
        ]

    values = [struct.pack("<h", value) for value in (-1, -128, -1024, -2000)]
    data = identified(IMPLICIT, 4, elements("SS", *values))
    pair = duel(write(file_with(data, IMPLICIT.uid)), peer=Script(associate=Accept(contexts=prefer(EL.uid))))
    pair.assert_same(0, but=dict.fromkeys(("data_sets", "layout"), "D66"))
    for run, vr in zip(pair, ("US", "SS"), strict=True):
        assert sent(run) == [identified(EL, 4, elements(vr, *values))]


def test_what_is_lost_is_told(duel: Duel, write: Writer) -> None:
    head = identified(EL, 4, [])
    cut = head + EL.item_header(0xE00D, 0) + EL.encode([(0x00100010, "PN", b"A^B ")])
    files = {
        "item delimiter at ": (cut, EL.uid),
        "item delimiter at": (raw_deflate(cut), DEFLATED),
        "34 bytes behind the end of the deflate stream are not sent": (raw_deflate(head) + bytes(34), DEFLATED),
        "the data set ends at ": (head + EL.header(0x00281300, "SQ", 5000), EL.uid),
        "the data set ends at": (head + EL.encode([(0x7FE00010, "OB", Fragments([b""]))])[:-8], JPEG),
    }
    for text, (data, uid) in files.items():
        pair = duel(write(file_with(data, uid)))
        pair.assert_same(0, but={"warnings": "D67", "report.Dataset Size": "D08"})
        assert pair.theirs.lines("W") == []
        assert any(line.startswith(f"W: {text}") for line in pair.ours.lines("W"))


def test_last_group_length_of_the_wrong_size(duel: Duel, write: Writer) -> None:
    pair = duel(write(part10((0x00200000, "UL", b"12345678"), (0x00200010, "SH", b"x "))), peer=TO_IMPLICIT)
    pair.assert_same(0, but=dict.fromkeys(("data_sets", "layout"), "D42"))
    (theirs,), (ours,) = sent(pair.theirs), sent(pair.ours)
    assert theirs.endswith(IMPLICIT.encode([(0x00200000, "UL", b"\n\0\0\0" + b"5678"), (0x00200010, "SH", b"x ")]))
    assert ours.endswith(IMPLICIT.encode([(0x00200000, "UL", b"\n\0\0\0"), (0x00200010, "SH", b"x ")]))


def test_deflate_stream_without_its_last_byte(duel: Duel, write: Writer) -> None:
    plain = identified(EL, 4, [(0x00282000, "OB", random.Random(1).randbytes(3000))])
    stream = raw_deflate(plain)
    pair = duel(write(file_with(stream[:-1], DEFLATED)))
    pair.assert_same(0, but=dict.fromkeys(CHANGED_COURSE, "D43"))
    assert pair.ours.exit_code == 62
    assert "E: the deflate stream is cut off" in pair.ours.lines("E")
    duel(write(file_with(stream[:-5], DEFLATED))).assert_same(62)


@pytest.mark.parametrize("vr", ["UN", "ZZ"])
def test_pixel_data_of_unknown_vr(duel: Duel, write: Writer, vr: str) -> None:
    file = write(part10((0x00280100, "US", ("H", 16)), (0x7FE00010, vr, b"abcdefgh")))
    pair = duel(file, peer=Script(associate=Accept(contexts=prefer(EXPLICIT_BIG.uid))))
    pair.assert_same(62, but=dict.fromkeys(CHANGED_COURSE, "D44"))
    assert "F: cannot send SOP instance: Pixel representation cannot be changed" in pair.theirs.lines("F")
    assert pair.ours.exit_code == 0
    assert sent(pair.ours)[0].endswith(EXPLICIT_BIG.encode([(0x7FE00010, "UN", b"abcdefgh")]))


def test_compressed_pixel_data_in_an_uncompressed_syntax(duel: Duel, write: Writer) -> None:
    pair = duel(write(part10((0x7FE00010, "OB", Fragments([b"", b"abcd"])))))
    pair.assert_same(62, but=dict.fromkeys(("errors", "warnings", "report"), "D45"))
    assert pair.theirs.peer.stores == pair.ours.peer.stores == []
    assert pair.theirs.lines("F")[:1] == pair.ours.lines("F")
    assert "encapsulated Pixel Data in an uncompressed transfer syntax" in pair.ours.stderr


@pytest.mark.parametrize("bad", ["", "nonsense\n"], ids=["only private elements", "with a bad line"])
def test_dictionary_file(duel: Duel, write: Writer, bad: str) -> None:
    """DCMTK has nothing but this file; ours has it on top of what is built in."""
    names = write(('(0009,"ACME",01)\tSS\tThing\t1\tPrivateTag\n' + bad).encode(), "private.dic")
    file = write(file_with(
        identified(IMPLICIT, 4, [(0x00090010, "LO", b"ACME"), (0x00091001, "SS", ("h", -2))]), IMPLICIT.uid
    ))  # fmt: skip
    peer = Script(associate=Accept(contexts=prefer(EL.uid)))
    pair = duel(file, environment={"DCMDICTPATH": names}, peer=peer)
    pair.assert_same(62, but=dict.fromkeys(CHANGED_COURSE, "D48"))
    assert pair.ours.exit_code == 0
    assert sent(pair.ours)[0].endswith(EL.encode([(0x00090010, "LO", b"ACME"), (0x00091001, "SS", ("h", -2))]))
    assert [line.endswith("too few fields (line 2)") for line in pair.ours.lines("E")] == [True] * bool(bad)


@pytest.mark.parametrize(("comment", "exit_code"), [(4900, 0), (5200, 62)])
def test_pdu_longer_than_announced(duel: Duel, write: Writer, comment: int, exit_code: int) -> None:
    """4096 bytes are announced, and a PDU of up to 5120 is taken."""
    answer = Respond(extra={0x0902: b"x" * comment})
    pair = duel("-pdu", "4096", write(part10()), peer=Script(other_stores=answer))
    pair.assert_same(62, but=dict.fromkeys(CHANGED_COURSE, "D49"))
    assert "Illegal PDU Length" in pair.theirs.stderr
    assert pair.ours.exit_code == exit_code


def test_log_settings_without_effect(duel: Duel, write: Writer, tmp_path: Path) -> None:
    settings = (
        "log4cplus.configDebug=true\nlog4cplus.rootLogger=INFO, f\nlog4cplus.appender.f=log4cplus::FileAppender\n"
        f"log4cplus.appender.f.File={os.fspath(tmp_path)}/x.log\nlog4cplus.appender.f.ReopenDelay=5\n"
        "log4cplus.appender.f.UseLockFile=true\n"
    )
    run = duel.ours("-lc", write(settings.encode(), "log.cfg"), write(part10()))
    assert run.exit_code == 0
    assert run.stderr == "log4cplus:ERROR UseLockFile is not supported by this program\n"
    assert (tmp_path / "x.log").stat().st_size > 0


def test_jpeg_without_a_decoder(duel: Duel, files: FixtureFiles, write: Writer, tmp_path: Path) -> None:
    """An empty package hides the one that decodes."""
    write(b"", "hidden/imagecodecs/__init__.py")
    pair = duel(files("JLL"), peer=TO_IMPLICIT, environment={"PYTHONPATH": str(tmp_path / "hidden")})
    pair.assert_same(0, but=dict.fromkeys(CHANGED_COURSE, "D50"))
    assert len(pair.theirs.peer.stores) == 1
    assert pair.ours.peer.stores == []
    assert "E: 1 of 1 SOP instances were not stored" in pair.ours.lines("E")
    listed = duel.verbatim("--list-decoders", environment={"PYTHONPATH": str(tmp_path / "hidden")}).ours.stdout
    assert "pip install imagecodecs" in listed
    assert listed.index("RLE Lossless") < listed.index("pip install") < listed.index("JPEG Baseline")


def test_report_with_the_name_of_an_image(duel: Duel, files: FixtureFiles, tmp_path: Path) -> None:
    images = [tmp_path / f"1-{name}.dcm" for name in ("dcmtk", "dcmsend")]
    for image in images:
        image.write_bytes(part10())
    pair = duel.verbatim("127.0.0.1", "{port}", files("CT"), "+crf", "{own}.dcm")
    pair.assert_same(0, but=dict.fromkeys(("exit_code", "errors", "warnings"), "D56"))
    assert pair.ours.exit_code == 43
    assert pair.ours.lines("E") == [
        "E: cannot write detailed report to file 'OWN.dcm'", "E: it is a DICOM file, which no report overwrites"
    ]
    overwritten, kept = (image.read_bytes() for image in images)
    assert overwritten.startswith(b"Detailed Report")
    assert kept == part10()


@pytest.mark.parametrize("uid", [0, 1], ids=["class", "instance"])
def test_uids_that_begin_with_nul(duel: Duel, write: Writer, uid: int) -> None:
    """DCMTK puts an empty class into the request; an empty instance it cannot encode."""
    values = [CLASS, b"1.2.3.4\0"]
    values[uid] = b"\0.2.3\0"
    data_set = EL.encode([(0x00080016, "UI", values[0]), (0x00080018, "UI", values[1]), (0x00100010, "PN", b"A^B ")])
    pair = duel(write(meta_header(EL.uid, CLASS.decode().rstrip("\0"), "1.2.3.4") + data_set))
    pair.assert_same(0 if uid == 0 else 62, but=dict.fromkeys(CHANGED_COURSE, "D61"))
    assert [store.sop_class_uid for store in pair.theirs.peer.stores] == [""] * (1 - uid)
    assert pair.ours.exit_code == 62
    assert pair.ours.lines("F") == [f"F: cannot send SOP instance: Invalid SOP {('Class', 'Instance')[uid]} UID"]
