"""The walk refuses what DCMTK's dcmsend refuses, with its words, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.dicom.walk import walk_data_set
from dcmsend.errors import DataSetError
from support.data_set_bytes import (
    ENCODINGS,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT,
    Element,
    Encoding,
    Fragments,
    Items,
)
from support.dcmtk_judge import identified, refusals, sent_data_sets
from support.random_data_sets import damaged, random_elements

pytestmark = pytest.mark.peer("dcmtk", "dcmtk-dcmsend")

JPEG = "1.2.840.10008.1.2.4.50"
HEAD: list[Element] = [(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7\0"), (0x00080018, "UI", b"1.2.3.4\0")]
REFERENCE: list[Element] = [(0x00081150, "UI", b"1.2\0"), (0x00081155, "UI", b"1.4\0")]
WITHOUT_UIDS = 26 + 8 + 8 + 8
"""Shorter than this, dcmsend misses a UID before anything else; that is another check."""


def condition(uid: str, data: bytes) -> str:
    try:
        walk_data_set(BytesSource(data), transfer_syntax(uid), dictionary=default_dictionary)
    except DataSetError as error:
        return error.condition
    return ""


def assert_same(folder: Path, files: Sequence[tuple[str, bytes]], names: Sequence[str]) -> set[str]:
    """Compare with dcmsend; the conditions that occurred.

    Compressed pixel data in an uncompressed data set is read by dcmsend and fails while it is written.
    """
    expected = refusals(folder, files)
    missing_uid = ("Invalid SOP Class UID", "Invalid SOP Instance UID")
    differences = [
        f"{name}: dcmsend {theirs or 'sends it'}, walk: {ours or 'accepts it'}"
        for name, theirs, ours in zip(names, expected, (condition(*file) for file in files), strict=True)
        if theirs != ours and theirs not in missing_uid and (theirs, ours) != ("", "DIMSE Failed to send message")
    ]
    assert differences == []
    return set(expected)


def shapes() -> dict[str, list[Element]]:
    """Data sets that are cut at every byte."""
    found: dict[str, list[Element]] = {
        "values": [*HEAD, (0x00280010, "US", ("H", 3)), (0x00281101, "OW", bytes(30)), (0x7FE10010, "UT", b"text")],
        "pixels": [*HEAD, (0x7FE00010, "OW", bytes(40))],
        "empty ones": [*HEAD, (0x00081140, "SQ", []), (0x00081199, "SQ", [[]]), (0x00100010, "PN", b"")],
    }
    for undefined in (False, True):
        for undefined_items in (False, True):
            references = Items([REFERENCE, [], REFERENCE], undefined, undefined_items)
            nested = Items([[(0x00081140, "SQ", references)]], undefined_items, undefined)
            name = f"{'undefined' if undefined else 'explicit'} {'undefined' if undefined_items else 'explicit'}"
            found[f"sequence {name}"] = [*HEAD, (0x00081140, "SQ", references), (0x00100010, "PN", b"A^B ")]
            found[f"nested {name}"] = [*HEAD, (0x00081199, "SQ", nested)]
    return found


@pytest.mark.parametrize("name", sorted(ENCODINGS))
def test_cut_at_every_byte(name: str, tmp_path: Path) -> None:
    encoding = ENCODINGS[name]
    files, names = [], []
    for shape, elements in shapes().items():
        data = encoding.encode(elements)
        for length in range(WITHOUT_UIDS - 8, len(data) + 1):
            files.append((encoding.uid, data[:length]))
            names.append(f"{shape}, {length} of {len(data)} bytes")
    occurred = assert_same(tmp_path, files, names)
    assert occurred >= {
        "", "Invalid stream", "I/O suspension or premature end of stream", "Sequence Delimitation Item missing",
    }


def test_fragments_cut_at_every_byte(tmp_path: Path) -> None:
    data = EXPLICIT_LITTLE.encode([*HEAD, (0x7FE00010, "OB", Fragments([b"", b"abcd", b"ef"]))])
    lengths = range(WITHOUT_UIDS, len(data) + 1)
    assert_same(tmp_path, [(JPEG, data[:length]) for length in lengths], [f"{length} bytes" for length in lengths])


def test_long_values_cut(tmp_path: Path) -> None:
    files, names = [], []
    for vr, tag in (("OW", 0x7FE00010), ("OB", 0x00282000), ("UN", 0x00091010), ("UT", 0x0040A160)):
        for size in (4094, 4096, 4098, 9000):
            data = EXPLICIT_LITTLE.encode([*HEAD, (tag, vr, bytes(size))])
            for cut in (1, 2, size - 1, size):
                files.append((EXPLICIT_LITTLE.uid, data[:-cut]))
                names.append(f"{vr} of {size} bytes, {cut} missing")
    assert_same(tmp_path, files, names)


VRS = (
    "na", "it", "mi", "ds", "ff", "dd", "dr", "ps", "pi", "Pi", "Ov", "??", "ox", "lt", "px", "xs", "up", "ZZ", "zz",
    "OX", "  ", "\0\0", "Z1", "1Z", "Zz", "UX", "PX", "OB", "OW", "UN", "UT", "SQ", "SV", "OV",
)


def test_every_odd_vr_in_every_odd_place(tmp_path: Path) -> None:
    files, names = [], []
    for encoding in (EXPLICIT_LITTLE, EXPLICIT_BIG):
        for vr in VRS:
            for tag in (0x00100011, 0x60003000, 0x00091001, 0x00283010):
                head = encoding.header(tag, "LO", 0)[:4] + vr.encode("latin-1")
                long_length = encoding.header(tag, "OB", 4)[8:]
                bodies = {
                    "short": encoding.header(tag, "LO", 4)[6:] + b"abcd",
                    "long": b"\0\0" + long_length + b"abcd",
                    "undefined": b"\0\0\xff\xff\xff\xff" + encoding.item_header(0xE0DD, 0),
                }
                for kind, body in bodies.items():
                    files.append((encoding.uid, encoding.encode(HEAD) + head + body))
                    names.append(f"{encoding.uid} VR {vr!r} {kind} at {tag:08x}")
    assert_same(tmp_path, files, names)


def wrong(encoding: Encoding) -> dict[str, bytes]:
    """Structures that are wrong in one place."""
    item, end_item, end = (encoding.item_header(element, 0) for element in (0xE000, 0xE00D, 0xE0DD))
    open_item = encoding.item_header(0xE000, 0xFFFFFFFF)
    reference = encoding.encode(REFERENCE)
    tail = encoding.element(0x00100010, "PN", b"A^B ")

    def sequence(body: bytes, length: int | None = None) -> bytes:
        return encoding.header(0x00081140, "SQ", len(body) if length is None else length) + body + tail

    long_item = encoding.item_header(0xE000, len(reference) + 8) + reference
    short_item = encoding.item_header(0xE000, len(reference) - 4) + reference
    return {
        "delimiters at top level": end_item + tail, "sequence delimiter at top level": end + tail,
        "item at top level": item + tail,
        "item delimiter for sequence delimiter": sequence(item + end_item, 0xFFFFFFFF),
        "sequence delimiter for item delimiter": sequence(open_item + reference + end + end, 0xFFFFFFFF),
        "no delimiters": sequence(open_item + reference, 0xFFFFFFFF),
        "element instead of an item": sequence(reference), "item longer than its sequence": sequence(long_item, 8),
        "item too long": sequence(long_item), "item too short": sequence(short_item),
        "sequence too short": sequence(item + item, 8), "sequence too long": sequence(item, 16),
        "delimiter in an explicit item": sequence(long_item[:8] + reference + end_item),
        "delimiter with a length": sequence(open_item + reference + end_item[:4] + encoding.item_header(0, 4)[4:] + end,
                                            0xFFFFFFFF),
        "sequence delimiter in an explicit sequence": sequence(item + end + item),
        "sequence in an item that is too short": sequence(
            encoding.item_header(0xE000, 12) + encoding.header(0x00081199, "SQ", 0xFFFFFFFF) + item + end),
        "group 0000": encoding.element(0x00000010, "LO", b"x ") + tail,
        "trailing byte": tail + b"\0", "trailing 2 bytes": tail + b"\0\0", "trailing zeros": tail + bytes(16),
        "trailing rubbish": tail + b"rubbish that is no element at all",
    }


def test_every_wrong_structure(tmp_path: Path) -> None:
    files, names = [], []
    for encoding in ENCODINGS.values():
        for name, data in wrong(encoding).items():
            files.append((encoding.uid, encoding.encode(HEAD) + data))
            names.append(f"{name} in {encoding.uid}")
    assert_same(tmp_path, files, names)


@pytest.mark.parametrize("nested", [False, True])
def test_compressed_pixels_in_an_uncompressed_data_set(nested: bool, tmp_path: Path) -> None:
    pixels: Element = (0x7FE00010, "OB", Fragments([b"", b"abcd"]))
    data = identified(EXPLICIT_LITTLE, 0, [(0x00880200, "SQ", [[pixels]]) if nested else pixels])
    assert sent_data_sets(tmp_path, [(EXPLICIT_LITTLE.uid, data)], "own") == [None]
    assert condition(EXPLICIT_LITTLE.uid, data) == "DIMSE Failed to send message"


@pytest.mark.parametrize("seed", range(3))
def test_random_data_sets_with_accidents(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    files, names = [], []
    for number in range(700):
        encoding = random.choice((EXPLICIT_LITTLE, EXPLICIT_BIG, IMPLICIT))
        head = identified(encoding, number)
        data = damaged(random, head + encoding.encode(random_elements(random, encoding)), len(head))
        uid = JPEG if encoding is EXPLICIT_LITTLE and random.random() < 0.2 else encoding.uid
        files.append((uid, data))
        names.append(f"{uid} {data[len(head):].hex()}")
    assert_same(tmp_path, files, names)
