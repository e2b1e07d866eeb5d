"""A converted data set is byte for byte what DCMTK's dcmsend sends for the same file."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.dicom.walk import walk_data_set
from dcmsend.errors import DataSetError
from dcmsend.transcode.recorder import StructureRecorder
from support.converting import converted
from support.data_set_bytes import (
    ENCODINGS,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT,
    Element,
    Encoding,
    Fragments,
    Items,
    Raw,
)
from support.dcmtk_judge import identified, sent_data_sets, sent_files
from support.part10 import Part10, read_part10
from support.random_data_sets import damaged, random_elements

pytestmark = pytest.mark.peer("dcmtk", "dcmtk-dcmsend")

GE_PRIVATE = "1.2.840.113619.5.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
JPEG = "1.2.840.10008.1.2.4.50"
every_target = pytest.mark.parametrize("target", [encoding.uid for encoding in ENCODINGS.values()])

REFERENCE: list[Element] = [(0x00081150, "UI", b"1.2\0"), (0x00081155, "UI", b"1.4.5\0")]
VALUES: dict[str, object] = {
    "AE": b"AE  ", "AS": b"012Y", "AT": ("HHHH", 8, 0x18, 8, 0x20), "CS": b"CS", "DA": b"20200101", "DS": b"1.5 ",
    "DT": b"2020", "FL": ("ff", 1.5, 2.5), "FD": ("dd", 1.5, 2.5), "IS": b"12", "LO": b"LO  ab", "LT": b"  LT ",
    "OB": b"abcd", "OD": ("dd", 1, 2), "OF": ("ff", 1, 2), "OL": ("LL", 1, 2), "OV": ("QQ", 1, 2),
    "OW": ("HHH", 1, 2, 3), "PN": b"A^B   ", "SH": b"sh", "SL": ("ll", -1, 2), "SS": ("hh", -1, 2), "ST": b"st",
    "SV": ("qq", -1, 2), "TM": b"1200", "UC": b"uc", "UI": b"1.2.3\0", "UL": ("LL", 1, 2), "UN": b"abcd", "UR": b"ur",
    "US": ("HH", 1, 2), "UT": b"ut", "UV": ("QQ", 1, 2),
}
PADDED = (
    b"", b"a", b"ab ", b"ab", b"a ", b"a   ", b"    ", b"ab\0\0", b"a\0b\0", b"a\0b ", b" a \0", b"a \0\0", b"a\0  ",
    b"abc", b"ab \0 ", b"\0\0", b"\0", b" ", b"1 . 2 ", b"12345678\0", b"1234567", b"\t1.2\r\n",
)
KNOWN_TAGS = {
    "UI": 0x00080014, "LO": 0x00080080, "CS": 0x00080060, "PN": 0x00100010, "US": 0x00280010, "UL": 0x00081161,
    "FD": 0x00089459, "AT": 0x00280009, "OB": 0x00282000, "UR": 0x00081190, "SH": 0x00080050, "DS": 0x00181210,
    "UC": 0x00080119, "SL": 0x00186020, "LT": 0x00104000, "ST": 0x00080081, "OF": 0x00660016, "OD": 0x7FE00009,
    "UT": 0x0040A160, "SS": 0x00189219, "OW": 0x00281201,
}
WIDTHS = {"UL": 4, "FD": 8, "AT": 2, "US": 2, "SS": 2, "OW": 2}


def sequences(encoding: Encoding) -> Iterator[list[Element]]:
    for undefined in (False, True):
        for undefined_items in (False, True):
            def items(*content: Sequence[Element], shape: tuple[bool, bool] = (undefined, undefined_items)) -> Items:
                return Items(content, *shape)

            private = "SQ" if encoding.is_explicit else "UN"
            yield [
                (0x00081140, "SQ", items(REFERENCE, [], REFERENCE)), (0x00081199, "SQ", Items([], undefined)),
                (0x00091001, private, items(REFERENCE)),
            ]
            yield [(0x00081140, "SQ", items([*REFERENCE, (0xFFFCFFFC, "OB", bytes(6))]))]
            yield [  # group lengths, right or wrong, at all levels
                (0x00080000, "UL", b"abcd"), (0x00081140, "SQ", items([(0x00080000, "UL", b"1234"), *REFERENCE])),
                (0x00090000, "UL", b"1234"), (0x00091001, "LO", b"x "), (0x00100000, "US", b"12"),
                (0x00100010, "PN", b"A "), (0xFFFC0000, "UL", bytes(4)), (0xFFFCFFFC, "OB", bytes(6)),
            ]
            backwards = items(REFERENCE[::-1])
            yield [  # out of order, twice, at all levels
                (0x00100020, "LO", b"id"), (0x00100010, "PN", b"A^B "), (0x00100020, "LO", b"second"),
                (0x00081140, "SQ", items(REFERENCE[::-1], REFERENCE * 2, [(0x00081199, "SQ", backwards), *REFERENCE])),
                (0x00081140, "SQ", [REFERENCE]),
            ]


def ambiguous_vrs(encoding: Encoding) -> Iterator[list[Element]]:
    """US or SS, OB or OW, lookup tables, with and without the element that decides.

    It stands before them in the same item, or nowhere: DCMTK looks in no other place, and ours is D66.
    """
    pixel_values = (0x00280106, 0x00280107, 0x00280108, 0x00280109, 0x00280120, 0x00280121)
    first: list[Element] = [(tag, "US", ("H", 0x8000)) for tag in (0x00189810, 0x00280071)]
    then: list[Element] = [(tag, "US", ("H", 0x8000)) for tag in pixel_values]
    tables: list[Element] = [
        (0x00281201, "OW", ("HH", 1, 2)), (0x00283002, "US", ("HHH", 1, 2, 3)), (0x00283006, "US", ("HH", 1, 2)),
        (0x00409211, "US", ("H", 5)), (0x00603004, "US", ("H", 5)),
    ]
    palette: list[Element] = [(0x00280110, "US", ("H", 0x8000)), (0x00281101, "US", ("HHH", 1, 2, 3))]
    for representation in (None, 0, 1, 2):
        decides: list[Element] = [] if representation is None else [(0x00280103, "US", ("H", representation))]
        if representation == 1:
            yield [*decides, *then, *tables]
            yield [(0x00081199, "SQ", [[*decides, *then, *tables]]), (0x00283010, "SQ", [[*decides, tables[1]]])]
            continue
        yield [*first, *decides, *then, *palette, *tables]
        yield [*then, *decides, (0x00283002, "US", ("HHH", 1, 2, 3))]
        yield [
            (0x00081199, "SQ", [[*then, *palette, *tables]]), *decides,
            (0x00283010, "SQ", [tables[1:3], [*decides, tables[1]]]),
            (0x52009229, "SQ", [[(0x00289132, "SQ", [[(0x00280120, "US", ("H", 1))]]), (0x00289145, "SQ", [then])]]),
        ]
    for bits in (None, 8, 16):
        allocated: list[Element] = [(0x54001004, "US", ("H", bits))] if bits else []
        ends: list[Element] = [(0x5400100A, "OW", ("HH", 1, 2)), (0x54001010, "OW", ("HHHH", 1, 2, 3, 4))]
        begin: list[Element] = [] if bits == 16 else [(0x54000110, "OW", ("HH", 1, 2))]
        yield [(0x54000100, "SQ", [[*begin, *allocated, *ends]])]
    yield [
        (0x50003000, "OW", ("HH", 1, 2)), (0x50023000, "OW", ("HH", 1, 2)), (0x5000200C, "OW", ("HH", 1, 2)),
        (0x60003000, "OW", ("HH", 1, 2)), (0x60021500, "LO", b"l "), (0x60023000, "OB", b"abcd"),
    ]


def pixels(encoding: Encoding) -> Iterator[list[Element]]:
    for bits in (None, 1, 8, 16, 32):
        allocated: list[Element] = [(0x00280100, "US", ("H", bits))] if bits else []
        for vr in ("OW", "OB"):
            yield [*allocated, (0x7FE00010, vr, bytes(range(20)))]
            yield [(0x00880200, "SQ", [[*allocated, (0x7FE00010, vr, bytes(range(20)))]])]
    yield [(0x7FE00008, "OF", ("ff", 1, 2))]
    yield [(0x7FE00009, "OD", ("dd", 1, 2))]


def long_values(encoding: Encoding) -> Iterator[list[Element]]:
    """Around 4096 (DCMTK keeps less in memory), 65536 (what a short length can say), longer than a piece of ours."""
    for vr in ("OB", "OW", "UN", "UT", "LO", "PN", "UI", "US", "UL", "FD", "AT", "SS"):
        for size in (4094, 4096, 4097, 4098, 32768, 40000, 65534, 65535, 65536, 70000, 300000, 300001):
            if encoding.is_explicit and vr not in ("OB", "OW", "UN", "UT") and size > 65535:
                continue
            if size % WIDTHS.get(vr, 1):  # DCMTK writes such a value as an empty one when it is long
                continue
            random = Random(size)
            body = bytes(random.randrange(1, 255) for _ in range(997)) * (size // 997 + 1)
            yield [(KNOWN_TAGS.get(vr, 0x00091010), vr, body[: size - 3] + b"x  ")]


def odd_vrs(encoding: Encoding) -> Iterator[list[Element]]:
    if not encoding.is_explicit:
        return
    for vr in ("ZZ", "zz", "??", "ox", "lt", "xs", "up", "OX", "px", "UX"):
        for tag in (0x00091001, 0x00280010, 0x60003000):
            start = encoding.header(tag, "LO", 0)[:4] + vr.encode()
            yield [(0, "LO", Raw(start + encoding.header(0, "LO", 8)[6:] + b"abcdefgh"))]
            yield [(0, "LO", Raw(start + encoding.header(0, "OB", 8)[6:] + b"abcdefgh"))]
    inner = [*REFERENCE, (0x00280010, "US", struct.pack("<H", 5)), (0x00081199, "SQ", Items([REFERENCE], True, True))]
    for tag in (0x00091001, 0x00081140, 0x00100010):
        content = IMPLICIT.sequence(tag, "SQ", Items([inner, []], True, True))[8:]
        yield [(tag, "UN", Raw(encoding.header(tag, "UN", 0xFFFFFFFF) + content))]


def other_things(encoding: Encoding) -> Iterator[list[Element]]:
    for vr, value in VALUES.items():
        yield [(0x00091000, vr, value), (0x00091001, vr, value)]
    for vr in VALUES:
        for value in PADDED:
            if vr == "OW" and len(value) & 1:
                continue
            yield [(0x00111001, vr, value)]
            if vr in KNOWN_TAGS:
                yield [(KNOWN_TAGS[vr], vr, value)]
    yield [(group << 16 | 0x10, "LO", b"x ") for group in (1, 2, 3, 5, 6, 7)]
    yield [(0x00041200, "UL", ("L", 5)), (0x00041400, "UL", ("L", 5)), (0x00080008, "CS", b"A\\B \\ C  ")]
    yield [(0x00090010, "LO", b"NOBODY"), (0x00091001, "UN", b"abcd"), (0x000900FF, "LO", b"x ")]


CATALOGUE = (sequences, ambiguous_vrs, pixels, long_values, odd_vrs, other_things)


class GroupLengths(StructureRecorder):
    """Looks whether each group length has 4 bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(BytesSource(data), is_big_endian=False, has_big_endian_pixels=False)
        self.are_sound = True

    def element(self, tag: int, vr: str, position: int, length: int) -> None:
        if not tag & 0xFFFF and length != 4:
            self.are_sound = False


def is_sound(data: bytes, uid: str) -> bool:
    """Whether it can be parsed, without what is done otherwise on purpose.

    DCMTK recalculates group lengths of odd sizes only sometimes, and it takes what follows a sequence into an item that
    is too long.
    """
    lengths = GroupLengths(data)
    try:
        result = walk_data_set(BytesSource(data), transfer_syntax(uid), dictionary=default_dictionary, builder=lengths)
    except DataSetError:
        return False
    return lengths.are_sound and not any("larger than the sequence" in warning for warning in result.warnings)


def assert_same(
    folder: Path, files: Sequence[tuple[str, bytes]], accept: str, *options: str, level: int = 6, at_once: int = 400
) -> int:
    """Compare with what dcmsend sends; the number of files it has sent."""
    differences, count = [], 0
    sent = sent_data_sets(folder, files, accept, *options, at_once=at_once)
    for number, ((uid, data), theirs) in enumerate(zip(files, sent, strict=True)):
        if theirs is None:
            continue
        count += 1
        ours = converted(data, uid, theirs[0], level=level)
        if ours != theirs[1]:
            at = next((i for i, (a, b) in enumerate(zip(ours, theirs[1], strict=False)) if a != b), -1)
            differences.append(f"file {number}, {uid} -> {theirs[0]}, byte {at}: {theirs[1][at:at + 20].hex()} "
                               f"expected, {ours[at:at + 20].hex()} found, in {data[:200].hex()}")
    assert differences == []
    return count


@every_target
@pytest.mark.parametrize("part", CATALOGUE, ids=lambda part: part.__name__)
def test_every_direction(part: object, target: str, tmp_path: Path) -> None:
    assert callable(part)
    files: list[tuple[str, bytes]] = []
    for encoding in ENCODINGS.values():
        for elements in part(encoding):
            data = identified(encoding, len(files), elements)
            if is_sound(data, encoding.uid):
                files.append((encoding.uid, data))
    assert assert_same(tmp_path, files, target) == len(files)


@every_target
def test_random_data_sets(target: str, tmp_path: Path) -> None:
    random = Random(target)
    files: list[tuple[str, bytes]] = []
    while len(files) < 400:
        encoding = random.choice((EXPLICIT_LITTLE, EXPLICIT_BIG, IMPLICIT))
        head = identified(encoding, len(files))
        elements = random_elements(random, encoding, with_pixels=False)
        data = damaged(random, head + encoding.encode(elements), len(head))
        if is_sound(data, encoding.uid):
            files.append((encoding.uid, data))
    assert assert_same(tmp_path, files, target, at_once=40) > 350


@every_target
def test_big_endian_pixels_of_ge(target: str, tmp_path: Path) -> None:
    words: Element = (0x7FE00010, "OW", bytes(range(20)))
    shapes: list[list[Element]] = [
        [(0x00280100, "US", ("H", 16)), words], [(0x00280100, "US", ("H", 8)), words],
        [(0x00880200, "SQ", [[(0x00280100, "US", ("H", 16)), words]]), (0x60003000, "OW", bytes(range(20))), words],
        [(0x7FE00010, "OW", bytes(range(20)) * 20000)],
    ]
    files = [(GE_PRIVATE, identified(IMPLICIT, number, elements)) for number, elements in enumerate(shapes)]
    assert assert_same(tmp_path, files, target) == len(files)


def test_compressed_data_sets_in_canonical_form(tmp_path: Path) -> None:
    whole: Element = (0x7FE00010, "OB", Fragments([b"", b"abcd"]))
    odd: Element = (0x7FE00010, "OB", Fragments([b"", b"abc", b"", b"x"]))
    icon: Element = (0x7FE00010, "OB", b"abc")
    shapes: list[list[Element]] = [
        [whole], [odd], [(0x7FE00010, "OW", Fragments([b"", b"abcd"]))], [whole, (0xFFFCFFFC, "OB", bytes(4))], [],
        [(0x00880200, "SQ", Items([[icon]], True, True)), odd], [(0x00880200, "SQ", Items([[odd]], True, True)), whole],
        [(0x00200000, "UL", bytes(4)), (0x00200010, "SH", b"x"), (0x00100010, "PN", b"A"), whole],
    ]
    for uid in (JPEG, "1.2.840.10008.1.2.4.90"):
        folder = tmp_path / uid
        folder.mkdir()
        files = [(uid, identified(EXPLICIT_LITTLE, number, elements)) for number, elements in enumerate(shapes)]
        assert assert_same(folder, files, "own") == len(files)


@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_deflated_data_sets(level: int, tmp_path: Path) -> None:
    random = Random(level)
    files = []
    for number, size in enumerate((0, 1, 2, 100, 5000, 70000, 400000)):
        values = bytes(random.choice(b"abcdefgh") for _ in range(size))
        elements: list[Element] = [(0x00081140, "SQ", Items([REFERENCE], True, True)), (0x7FE00010, "OB", values)]
        data = identified(EXPLICIT_LITTLE, number, elements)
        files.append((DEFLATED, converted(data, EXPLICIT_LITTLE.uid, DEFLATED)))
    if level:
        assert assert_same(tmp_path, files, DEFLATED, "+cl", str(level), level=level) == len(files)
        return
    sent = sent_data_sets(tmp_path, files, DEFLATED, "+cl", "0")  # where stored blocks end depends on the buffers
    for (uid, data), theirs in zip(files, sent, strict=True):
        assert theirs is not None
        ours = converted(data, uid, DEFLATED, level=0)
        assert zlib.decompress(ours, -15) == zlib.decompress(theirs[1], -15)
        assert len(ours) > len(data) // 2 * 2


@every_target
def test_real_files(target: str, data: Path, tmp_path: Path) -> None:
    """One file for each SOP Instance, without those whose private elements the two dictionaries name differently."""
    files: dict[str, tuple[Path, Part10]] = {}
    for path in sorted(data.rglob("*")):
        if path.is_file() and path.stat().st_size < 600_000 and path.read_bytes()[128:132] == b"DICM":
            part10 = read_part10(path)
            if part10.transfer_syntax in _NATIVE and "segmentations" not in path.parts and path.name != "ele.dcm":
                files.setdefault(part10.sop_instance_uid, (path, part10))
    sent = sent_files(tmp_path, [str(path) for path, _ in files.values()], target)
    alone = tmp_path / "alone"  # what a failure has spoiled
    alone.mkdir()
    sent |= sent_files(alone, [str(path) for uid, (path, _) in files.items() if uid not in sent], target, at_once=1)
    assert len(sent) > 20
    different = []
    for path, part10 in files.values():
        body = path.read_bytes()[part10.data_set_offset :]
        theirs = sent.get(part10.sop_instance_uid)
        if theirs is not None and converted(body, part10.transfer_syntax, theirs[0]) != theirs[1]:
            different.append(path.name)
    assert [name for name in different if name not in _ODD_PIXELS] == []


_NATIVE = (*(encoding.uid for encoding in ENCODINGS.values()), DEFLATED)
_ODD_PIXELS = ("dx_image.dcm",)
"""DCMTK does not pad an OW of odd length."""


def test_words_of_odd_length_are_padded(tmp_path: Path) -> None:
    """DCMTK gives such an element an odd length, and puts the pad byte at the very end of the data set."""
    data = identified(EXPLICIT_LITTLE, 0, [(0x00281201, "OW", b"abc"), (0x00400280, "ST", b"ok")])
    (theirs,) = sent_data_sets(tmp_path, [(EXPLICIT_LITTLE.uid, data)], EXPLICIT_LITTLE.uid)
    assert theirs is not None
    ours = converted(data, EXPLICIT_LITTLE.uid, EXPLICIT_LITTLE.uid)
    assert EXPLICIT_LITTLE.header(0x00281201, "OW", 3) + b"abc" in theirs[1]
    assert ours == identified(EXPLICIT_LITTLE, 0, [(0x00281201, "OW", b"abc\0"), (0x00400280, "ST", b"ok")])
    big = converted(data, EXPLICIT_LITTLE.uid, EXPLICIT_BIG.uid)
    assert big == identified(EXPLICIT_BIG, 0, [(0x00281201, "OW", b"ba\0c"), (0x00400280, "ST", b"ok")])
