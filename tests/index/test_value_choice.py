"""``--only`` and ``--skip`` see the elements that are sent, wherever they stand in a file."""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.errors import Cancelled
from dcmsend.index import IndexOptions, RejectedInput, ValueRule, scan
from dcmsend.inputs import InputFile
from dcmsend.reasons import Rejection
from support.data_set_bytes import ENCODINGS, Element, Encoding, Fragments, Items, file_with

EI, II = ENCODINGS["explicit little"], ENCODINGS["implicit"]
JPEG, DEFLATED = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.1.99"
UIDS: list[Element] = [(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7\0"), (0x00080018, "UI", b"1.2.3.4\0")]
PATIENT: Element = (0x00100020, "LO", b"VIP1")
PIXELS: Element = (0x7FE00010, "OB", bytes(40_000))
ARRANGEMENTS: dict[str, Sequence[Element]] = {
    "in order": [PATIENT, PIXELS],
    "behind the pixels": [PIXELS, PATIENT],
    "behind a private group": [(0x00290010, "LO", b"ACME"), (0x00291001, "LO", b"x "), PATIENT, PIXELS],
    "behind a sequence": [(0x00400275, "SQ", Items([[(0x00100020, "LO", b"NN")]])), PATIENT],
    "behind a sequence of undefined length": [(0x00400275, "SQ", Items([[PATIENT]], True, True)), PIXELS, PATIENT],
    "twice": [PATIENT, PIXELS, (0x00100020, "LO", b"NN")],
}


def chosen(path: Path, rule: ValueRule) -> tuple[int, int, list[RejectedInput]]:
    """How many instances are taken, and left out by their values; and what is rejected."""
    rejected: list[RejectedInput] = []
    filtered: list[object] = []
    options = IndexOptions(halt_on_invalid=False, value_rules=(rule,))
    items = [InputFile(str(path))]
    found = list(scan(items, options, rejected.append, dictionary=default_dictionary, on_filtered=filtered.append))
    return len(found), len(filtered), rejected


def only(pattern: str, element: str = "PatientID") -> ValueRule:
    return ValueRule(element, pattern)


def skip(pattern: str, element: str = "PatientID") -> ValueRule:
    return ValueRule(element, pattern, takes=False)


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "deflated"])
@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_wherever_an_element_stands(tmp_path: Path, arrangement: str, syntax: str) -> None:
    encoding = II if syntax == "implicit" else EI
    content, uid = encoding.encode([*UIDS, *ARRANGEMENTS[arrangement]]), encoding.uid
    if syntax == "deflated":
        deflater = zlib.compressobj(wbits=-15)
        content, uid = deflater.compress(content) + deflater.flush(), DEFLATED
    path = tmp_path / "file"
    path.write_bytes(file_with(content, uid))
    assert chosen(path, only("VIP*")) == (1, 0, [])
    assert chosen(path, skip("VIP*")) == (0, 1, [])
    assert chosen(path, skip("NN*")) == (1, 0, [])
    assert chosen(path, only("*", "BodyPartExamined")) == (0, 1, [])


def test_behind_compressed_pixel_data(tmp_path: Path) -> None:
    """As in files of an ultrasound machine, and where a gateway has appended something."""
    behind: list[Element] = [(0x7FE10010, "LO", b"ACME"), (0x7FE11001, "LO", b"x "), PATIENT]
    path = tmp_path / "file"
    path.write_bytes(file_with(EI.encode([*UIDS, (0x7FE00010, "OB", Fragments([b"", b"1234"])), *behind]), JPEG))
    for rule in (skip("x", "7FE1,1001"), skip("VIP*")):
        assert chosen(path, rule) == (0, 1, [])


def test_no_more_is_read_than_is_needed(tmp_path: Path) -> None:
    """What is wrong behind the last element that is asked for is told when the file is sent, as without a rule."""
    path = tmp_path / "file"
    path.write_bytes(file_with(EI.encode([*UIDS, PATIENT, PIXELS])[:-10], EI.uid))
    assert chosen(path, only("VIP*")) == (1, 0, [])
    path.write_bytes(file_with(EI.encode([*UIDS, (0x00100020, "LO", b"V" * 2000), PIXELS])[:-10], EI.uid))
    assert chosen(path, only("V*")) == (0, 1, [])
    path.write_bytes(file_with(EI.encode([*UIDS, (0x00100020, "LO", b"V" * 2000), PATIENT, PIXELS]), EI.uid))
    assert chosen(path, only("V*")) == (0, 1, [])


def test_an_element_that_may_stand_where_a_file_cannot_be_read(tmp_path: Path) -> None:
    """It is neither sent nor left out in silence."""
    path = tmp_path / "file"
    path.write_bytes(file_with(EI.encode([*UIDS, PIXELS])[:-10], EI.uid))
    for rule in (only("VIP*"), skip("VIP*")):
        sent, left_out, rejected = chosen(path, rule)
        assert (sent, left_out, [row.why for row in rejected]) == (0, 0, [Rejection.BROKEN])


@pytest.mark.parametrize(
    ("vr", "number", "text"),
    [
        ("d", 1234567.0, "1234567"), ("d", 123.4567, "123.4567"), ("d", 0.1, "0.1"),
        ("d", 0.1 + 0.2, "0.30000000000000004"), ("d", 1e300, "1e+300"), ("d", -0.0, "-0"), ("d", 2.5, "2.5"),
        ("f", 16777216.0, "16777216"), ("f", 0.1, "0.1"), ("f", 123.4567, "123.4567"), ("f", float("inf"), "inf"),
        ("f", 1500000.0, "1500000"), ("f", 1e30, "1e+30"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_people_do(tmp_path: Path, vr: str, number: float, text: str) -> None:
    """All their digits count, and no more than there are."""
    path = tmp_path / "file"
    element = (0x00189087, "FD", ("d", number)) if vr == "d" else (0x00089459, "FL", ("f", number))
    path.write_bytes(file_with(EI.encode([*UIDS, element]), EI.uid))
    name = f"{element[0] >> 16:04x},{element[0] & 0xFFFF:04x}"
    assert chosen(path, only(text, name)) == (1, 0, [])


@pytest.mark.parametrize("encoding", [EI, II])
@pytest.mark.parametrize("signed", [0, 1])
def test_a_number_with_a_sign_is_that_in_every_transfer_syntax(tmp_path: Path, encoding: Encoding, signed: int) -> None:
    padding: Element = (0x00280120, "SS", ("h", -2000)) if signed else (0x00280120, "US", ("H", 63536))
    path = tmp_path / "file"
    representation: Element = (0x00280103, "US", ("H", signed))
    for elements in ([representation, padding], [padding, representation]):
        path.write_bytes(file_with(encoding.encode([*UIDS, *elements]), encoding.uid))
        assert chosen(path, only("-2000", "PixelPaddingValue")) == (signed, 1 - signed, [])
        assert chosen(path, only("63536", "PixelPaddingValue")) == (1 - signed, signed, [])


@pytest.mark.parametrize("encoding", [EI, II])
def test_a_number_without_a_value_matches_an_empty_pattern(tmp_path: Path, encoding: Encoding) -> None:
    path = tmp_path / "file"
    elements: list[Element] = [*UIDS, (0x00280009, "AT", b""), (0x00280103, "US", b"")]
    path.write_bytes(file_with(encoding.encode(elements), encoding.uid))
    for element in ("PixelRepresentation", "FrameIncrementPointer"):
        assert chosen(path, skip("", element)) == (0, 1, [])
        assert chosen(path, skip("?*", element)) == (1, 0, [])
    assert chosen(path, skip("", "Rows")) == (1, 0, [])


@pytest.mark.parametrize("character_set", [b"\\ISO 2022 IR 100", b"ISO 2022 IR 6\\ISO 2022 IR 100"])
def test_a_name_with_code_extensions(tmp_path: Path, character_set: bytes) -> None:
    path = tmp_path / "file"
    named: list[Element] = [
        (0x00080005, "CS", character_set + b" " * (len(character_set) & 1)), (0x00100010, "PN", b"M\x1b-A\xfcller ")
    ]  # fmt: skip
    path.write_bytes(file_with(EI.encode([named[0], *UIDS, named[1]]), EI.uid))
    assert chosen(path, skip("M?ller", "PatientName")) == (0, 1, [])


NAME: Element = (0x00100010, "PN", b"M\xfcller")
LATIN_1: Element = (0x00080005, "CS", b"ISO_IR 100")


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "deflated"])
def test_a_character_set_behind_the_name(tmp_path: Path, syntax: str) -> None:
    """It is put in order and sent, and the peer reads the name by it."""
    encoding = II if syntax == "implicit" else EI
    content, uid = encoding.encode([*UIDS, NAME, PIXELS, LATIN_1]), encoding.uid
    if syntax == "deflated":
        deflater = zlib.compressobj(wbits=-15)
        content, uid = deflater.compress(content) + deflater.flush(), DEFLATED
    path = tmp_path / "file"
    path.write_bytes(file_with(content, uid))
    assert chosen(path, skip("M\u00fcller", "PatientName")) == (0, 1, [])
    assert chosen(path, only("M\u00fcller", "PatientName")) == (1, 0, [])


@pytest.mark.parametrize(
    ("elements", "can_choose"),
    [
        ([NAME, PIXELS], False),
        ([LATIN_1, *UIDS, NAME, PIXELS], True),
        ([(0x00100010, "PN", b"Muller"), PIXELS], True),
    ],
    ids=["no character set", "in order", "ascii"],
)
def test_a_character_set_is_looked_for_if_it_matters(
    tmp_path: Path, elements: list[Element], can_choose: bool
) -> None:
    path = tmp_path / "file"
    elements = elements if elements[0] is LATIN_1 else [*UIDS, *elements]
    path.write_bytes(file_with(EI.encode(elements)[:-10], EI.uid))
    sent, _, rejected = chosen(path, only("M*", "PatientName"))
    assert (sent, [row.why for row in rejected]) == ((1, []) if can_choose else (0, [Rejection.BROKEN]))


@pytest.mark.parametrize("syntax", ["explicit", "deflated"])
def test_a_long_look_can_be_ended(tmp_path: Path, syntax: str) -> None:
    """A file without the element is read to its end, which may be gigabytes away."""

    def end() -> None:
        raise Cancelled("SIGINT")

    content, uid = EI.encode([*UIDS, (0x7FE00010, "OB", random.Random(1).randbytes(40_000))]), EI.uid
    if syntax == "deflated":
        deflater = zlib.compressobj(wbits=-15)
        content, uid = deflater.compress(content) + deflater.flush(), DEFLATED
    path = tmp_path / "file"
    path.write_bytes(file_with(content, uid))
    with pytest.raises(Cancelled):
        list(scan([InputFile(str(path))], IndexOptions(value_rules=(skip("VIP*"),)), check=end))
    assert len(list(scan([InputFile(str(path))], IndexOptions(value_rules=(skip("*", "SOPInstanceUID"),))))) == 0
