"""The facts by which ``scripts/soak_compare`` recognises deviations."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest

from support.data_set_bytes import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT,
    Element,
    Encoding,
    Fragments,
    Items,
    file_with,
)

sys.path.insert(0, str(Path(__file__).parents[2]))

from soak.compare.facts import facts_of, syntaxes_of_records

EL = EXPLICIT_LITTLE


def facts(data_set: bytes, encoding: Encoding = EL) -> set[str]:
    return facts_of(file_with(data_set, encoding.uid), frozenset())


@pytest.mark.parametrize(("vr", "found"), [("UI", set()), ("LO", set()), ("UN", {"D27"}), ("FD", {"D27"})])
def test_vr_of_a_uid(vr: str, found: set[str]) -> None:
    assert facts(EL.encode([(0x00080018, vr, b"1.2.3.4\0")])) == found


@pytest.mark.parametrize(("value", "found"), [(b"1.2\0", set()), (b"\0\0", {"D61"}), (b"", set())])
def test_nul_at_the_beginning_of_a_uid(value: bytes, found: set[str]) -> None:
    assert facts(EL.encode([(0x00080016, "UI", value)])) == found


@pytest.mark.parametrize("encoding", [EL, IMPLICIT, EXPLICIT_BIG], ids=["explicit", "implicit", "big"])
@pytest.mark.parametrize(("more", "found"), [(0, set()), (2, {"D57"}), (-2, set())])
def test_item_longer_than_its_sequence(encoding: Encoding, more: int, found: set[str]) -> None:
    inner = encoding.element(0x00080100, "SH", b"CODE")
    item = struct.pack(encoding.order + "HHL", 0xFFFE, 0xE000, len(inner) + more) + inner
    rest = encoding.element(0x00100010, "PN", b"A^B ")
    assert facts(encoding.element(0x00081140, "SQ", item) + rest, encoding) == found


@pytest.mark.parametrize(
    ("parts", "found"),
    [([b"", b"abc"], set()), ([bytes(4), b"abcd"], set()), ([bytes(8), b"abcd", b"abc"], {"D65"})],
)
def test_odd_fragments_behind_an_offset_table(parts: list[bytes], found: set[str]) -> None:
    data_set = EL.encode([(0x7FE00010, "OB", Fragments(parts))])
    assert facts_of(file_with(data_set, "1.2.840.10008.1.2.4.50"), frozenset()) == found


@pytest.mark.parametrize("encoding", [EL, IMPLICIT], ids=["explicit", "implicit"])
@pytest.mark.parametrize(("element", "decides"), [
    ((0x00280103, "US", ("H", 1)), True), ((0x00280103, "US", ("H", 0)), False), ((0x54001004, "US", ("H", 16)), True),
])
def test_elements_on_which_vrs_depend(encoding: Encoding, element: Element, decides: bool) -> None:
    found = facts(encoding.encode([(0x00081199, "SQ", [[element]])]), encoding)
    assert found == ({"D66"} if decides and encoding is IMPLICIT else set())


@pytest.mark.parametrize("encoding", [EL, EXPLICIT_BIG], ids=["little", "big"])
def test_transfer_syntaxes_of_a_dicomdir(encoding: Encoding) -> None:
    records = [
        [(0x00041500, "CS", b"DIR\\A "), (0x00041512, "UI", b"1.2.3\0")],
        [(0x00041430, "CS", b"PATIENT ")],
        [(0x00041500, "CS", b"B\0"), (0x00041512, "UI", b"1.2.34")],
    ]
    for undefined in (False, True):
        sequence = Items(records, undefined=undefined, undefined_items=undefined)
        content = file_with(encoding.encode([(0x00041220, "SQ", sequence)]), encoding.uid)
        assert syntaxes_of_records(content) == {"DIR/A": "1.2.3", "B": "1.2.34"}
