"""What only our dictionary knows never changes what a data set is taken for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.dicom.data_dictionary import DataDictionary, DictionaryEntry, TagRange, default_dictionary
from dcmsend.dicom.data_dictionary_table import YOUNGER_ELEMENTS
from dcmsend.dicom.item_search import find_items_with
from dcmsend.dicom.private_dictionary_table import PRIVATE_ELEMENTS
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.dicom.vr import STRING_VRS, VALUE_WIDTHS
from dcmsend.dicom.walk import WalkResult, walk_data_set
from dcmsend.errors import DataSetError
from support.converting import converted
from support.data_set_bytes import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT, Element, Encoding, Items
from support.elements import Found, elements_of
from support.examples import examples

HEAD: list[Element] = [(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7\0"), (0x00080018, "UI", b"1.2.3.4\0")]
TAIL: list[Element] = [(0xFFFB0010, "LO", b"LAST"), (0xFFFB0011, "LO", b"END ")]
TARGETS = (EXPLICIT_LITTLE, EXPLICIT_BIG, IMPLICIT)
THUMBNAIL = IMPLICIT.item_header(0xE000, 126) + IMPLICIT.encode([
    (0x00280002, "US", ("H", 1)), (0x00280010, "US", ("H", 4)),
]) + IMPLICIT.header(0x7FE00010, "OB", 0xFFFFFFFF) + b"\xff\xd8\xff\xe0" + bytes(126 - 32)


def rows() -> Iterator[tuple[str, int, str]]:
    """Creator, tag in block 10, VR of every row of the private table."""
    for creator, packed in PRIVATE_ELEMENTS.items():
        for part in packed.split(","):
            group = int(part[:4], 16) | 1
            for start in range(5, len(part), 4):
                tag = group << 16 | 0x1000 | int(part[start : start + 2], 16)
                yield creator, tag, default_dictionary().vr_of(tag, creator)


BEYOND = [row for row in rows() if not default_dictionary().is_dcmtks(row[1], row[0])]
SEQUENCES = [(creator, tag) for creator, tag, vr in BEYOND if vr == "SQ"]
NUMBERS = [(creator, tag, vr) for creator, tag, vr in BEYOND if vr in VALUE_WIDTHS]
YOUNG = [
    group << 16 | int(packed[start : start + 4], 16)
    for group, packed in YOUNGER_ELEMENTS.items()
    for start in range(0, len(packed), 4)
]


def private(creator: str, tag: int, value: bytes | Items) -> list[Element]:
    owner = creator.encode("latin-1")
    data: Element = (tag, "SQ", value)
    block: Element = ((tag & 0xFFFF0000) | 0x10, "LO", owner + b" " * (len(owner) & 1))
    return sorted([*HEAD, block, data, *TAIL], key=lambda element: element[0])


def walk(data: bytes, dictionary: DataDictionary | None = None) -> WalkResult:
    return walk_data_set(
        BytesSource(data), transfer_syntax(IMPLICIT.uid), dictionary=lambda: dictionary or default_dictionary()
    )


def value_in(data: bytes, uid: str, tag: int) -> tuple[str, bytes]:
    """VR and value of the only element with this tag at top level, all others being where they were."""
    found = elements_of(data, uid)
    assert [element.tag for element in found if element.depth == 0][-2:] == [0xFFFB0010, 0xFFFB0011]
    (only,) = (element for element in found if element.tag == tag and element.depth == 0)
    return only.vr, only.value


def assert_opaque(creator: str, tag: int, value: bytes) -> None:
    data = IMPLICIT.encode(private(creator, tag, value))
    result = walk(data)
    assert (result.repairs, result.length) == ((), len(data))
    for target in TARGETS:
        vr, written = value_in(converted(data, IMPLICIT.uid, target.uid), target.uid, tag)
        assert written == value
        assert vr == ("UN" if target.is_explicit else ""), target


@pytest.mark.parametrize("value", [b"\1\2\3\4\5\6\7\x08", THUMBNAIL, IMPLICIT.item_header(0xE000, 300) + bytes(8)])
def test_no_private_sequence_of_ours_is_entered_that_is_none(value: bytes) -> None:
    assert len(SEQUENCES) > 300
    for creator, tag in SEQUENCES:
        assert_opaque(creator, tag, value)


@given(st.sampled_from(SEQUENCES), st.binary(max_size=60).map(lambda data: data[: len(data) & ~1]))
@settings(max_examples=examples(300), deadline=None)
def test_any_bytes_under_any_private_sequence(row: tuple[str, int], value: bytes) -> None:
    data = IMPLICIT.encode(private(*row, value))
    result = walk(data)
    assert (result.repairs, result.length) == ((), len(data))
    assert converted(data, IMPLICIT.uid, IMPLICIT.uid) == data
    for target in (EXPLICIT_LITTLE, EXPLICIT_BIG):
        value_in(converted(data, IMPLICIT.uid, target.uid), target.uid, row[1])


@pytest.mark.parametrize("undefined_items", [False, True])
def test_a_sound_private_sequence_becomes_one_in_explicit_vr(undefined_items: bool) -> None:
    items = Items([[(0x00080060, "CS", b"CT")], []], undefined_items=undefined_items)
    data = IMPLICIT.encode(private("GEIIS", 0x00091010, items))
    assert walk(data).repairs == ()
    explicit = elements_of(converted(data, IMPLICIT.uid, EXPLICIT_LITTLE.uid), EXPLICIT_LITTLE.uid)
    assert Found(1, 0x00080060, "CS", b"CT") in explicit
    body = IMPLICIT.sequence(0x00091010, "SQ", items)[8:]
    assert value_in(converted(data, IMPLICIT.uid, IMPLICIT.uid), IMPLICIT.uid, 0x00091010) == ("", body)


@pytest.mark.parametrize("inner", [
    (0x00080018, "UI", b"1. 2"), (0x00080005, "CS", b"X "), (0x00010010, "LO", b"x "),
])
def test_what_would_be_repaired_is_not_entered(inner: Element) -> None:
    body = IMPLICIT.sequence(0, "SQ", Items([[(0x00080016, "UI", b"1.2\0"), inner]]))[8:]
    assert_opaque("GEIIS", 0x00091010, body)


PAPYRUS = b"PAPYRUS 3.0"
"""Its (0041,xx13) is a sequence for DCMTK, too."""

DCMTKS_NAMES = (
    b"", b" ", b"   ", b"\0", b"\0\0", b"\0\0\0", b"\0 ", b"\0  ", b"\0X", b"\0" * 70 + b"X", b" " * 61, b"\0" * 4101,
)
OTHER_NAMES = (b"  ", b" \0", b"  \0", b"\\X", b"\n", b"\t", b" " * 70 + b"X", b" " * 60)


def papyrus(*owners: bytes) -> bytes:
    """A private sequence whose value is none, behind these private creators for its block."""
    blocks: list[Element] = [(0x00410010, "LO", owner) for owner in owners]
    return IMPLICIT.encode([*HEAD, *blocks, (0x00411013, "SQ", b"\1\2\3\4\5\6\7\x08"), *TAIL])


@pytest.mark.parametrize("owners", [
    *([PAPYRUS + end] for end in DCMTKS_NAMES), [PAPYRUS, b"OTHER "], [PAPYRUS, b""],
])
def test_a_private_creator_that_dcmtk_knows(owners: list[bytes]) -> None:
    """Seen with DCMTK 3.6.7: it refuses each of these."""
    with pytest.raises(DataSetError, match="Sequence Delimitation Item missing"):
        walk(papyrus(*owners))


@pytest.mark.parametrize("owners", [
    *([PAPYRUS + end] for end in OTHER_NAMES),
    *([start + PAPYRUS] for start in (b" ", b"  ", b"\0")),
    [PAPYRUS.lower()], [b"OTHER ", PAPYRUS], [b"", PAPYRUS],
])
def test_a_private_creator_that_dcmtk_does_not_know(owners: list[bytes]) -> None:
    """Seen with DCMTK 3.6.7: it sends each of these.  Of two creators for one block the first one counts."""
    for target in TARGETS:
        vr, value = value_in(converted(papyrus(*owners), IMPLICIT.uid, target.uid), target.uid, 0x00411013)
        assert (vr, value) == ("UN" if target.is_explicit else "", b"\1\2\3\4\5\6\7\x08")


@pytest.mark.parametrize("before", [0x20050010, 0x00410011, 0x00410015, 0x7FE00010])
def test_a_private_creator_that_comes_too_late(before: int) -> None:
    """Seen with DCMTK 3.6.7: a creator behind a greater tag does not count."""
    data = IMPLICIT.encode([(before, "LO", b"AB")]) + papyrus(PAPYRUS)
    assert walk(data).length == len(data)
    vr, _ = value_in(converted(data, IMPLICIT.uid, EXPLICIT_LITTLE.uid), EXPLICIT_LITTLE.uid, 0x00411013)
    assert vr == "UN"


def test_nested_ones_have_their_own_turn() -> None:
    """The outer one is sound whatever the inner one is."""
    inner: list[Element] = [(0x00090010, "LO", b"GEIIS "), (0x00091010, "SQ", b"\1\2\3\4"), (0x00100020, "LO", b"ID")]
    data = IMPLICIT.encode(private("GEIIS", 0x00091010, Items([inner])))
    explicit = elements_of(converted(data, IMPLICIT.uid, EXPLICIT_LITTLE.uid), EXPLICIT_LITTLE.uid)
    assert Found(1, 0x00091010, "UN", b"\1\2\3\4") in explicit
    assert Found(1, 0x00100020, "LO", b"ID") in explicit


class CountedSource(BytesSource):
    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.bytes_read = 0

    def read_at(self, position: int, size: int) -> bytes:
        found = super().read_at(position, size)
        self.bytes_read += len(found)
        return found


def test_nested_trials_are_not_repeated() -> None:
    """Sixty private sequences inside one another: with a trial in each trial that would be 2**60 walks."""
    body: list[Element] = [(0x00100020, "LO", b"ID")]
    for _ in range(60):
        body = [(0x00090010, "LO", b"GEIIS "), (0x00091010, "SQ", Items([body]))]
    data = IMPLICIT.encode([*HEAD, *body])
    source = CountedSource(data)
    walk_data_set(
        source, transfer_syntax(IMPLICIT.uid), dictionary=default_dictionary, builder=Silent(), vendor_vrs=True
    )
    assert source.bytes_read < 70 * len(data)


class Silent:
    def element(self, tag: int, vr: str, position: int, length: int) -> None: ...
    def begin_sequence(self, tag: int, implicit: bool) -> None: ...
    def begin_item(self) -> None: ...
    def end_item(self) -> None: ...
    def end_sequence(self) -> None: ...
    def begin_fragments(self, tag: int) -> None: ...
    def fragment(self, position: int, length: int) -> None: ...
    def end_fragments(self) -> None: ...


@pytest.mark.parametrize("target", TARGETS, ids=["little", "big", "implicit"])
def test_young_elements_of_the_standard_are_no_exception(target: Encoding) -> None:
    value = b"\xfe\xff\x00\xe0\x40\x00\x00\x00\x10\x00"
    elements: list[Element] = [(0x00080016, "UI", b"1.2\0"), *((tag, "SQ", value) for tag in YOUNG), *TAIL]
    data = IMPLICIT.encode(elements)
    assert (walk(data).repairs, walk(data).warnings) == ((), ())
    written = converted(data, IMPLICIT.uid, target.uid)
    for tag in YOUNG:
        vr = default_dictionary().vr_of(tag)
        if vr == "SQ" or (vr in VALUE_WIDTHS and len(value) % VALUE_WIDTHS[vr]):
            assert value_in(written, target.uid, tag) == ("UN" if target.is_explicit else "", value)


def test_no_number_of_a_wrong_size() -> None:
    assert len(NUMBERS) > 2000
    for creator, tag, vr in NUMBERS:
        width = 4 if vr == "AT" else VALUE_WIDTHS[vr]
        data = IMPLICIT.encode(private(creator, tag, bytes(range(1, 2 * width + 1))))
        big = converted(data, IMPLICIT.uid, EXPLICIT_BIG.uid)
        assert value_in(big, EXPLICIT_BIG.uid, tag)[0] != "UN"
        assert converted(big, EXPLICIT_BIG.uid, IMPLICIT.uid) == data
        for wrong in (6, 12, 14):
            if wrong % width:
                assert_opaque(creator, tag, b"0.264 ABCDEFGH"[:wrong])


TEXTS = [(creator, tag) for creator, tag, vr in BEYOND if vr in STRING_VRS]


PADDED = (b"", b"A ", b"AB  ", b"    ", b"1. 2", b"1\0\0\0", b"\xff\xd8\0 ", b"1 ")


@given(st.sampled_from(TEXTS), st.sampled_from(PADDED))
@settings(max_examples=examples(400), deadline=None)
def test_texts_keep_their_padding(row: tuple[str, int], value: bytes) -> None:
    data = IMPLICIT.encode(private(*row, value))
    assert walk(data).repairs == ()
    for target in TARGETS:
        assert value_in(converted(data, IMPLICIT.uid, target.uid), target.uid, row[1])[1] == value


def test_undefined_length_is_read_as_dcmtk_reads_it() -> None:
    data = IMPLICIT.encode(private("GEIIS", 0x00091010, Items([[(0x00080060, "CS", b"CT")]], undefined=True)))
    assert walk(data).repairs == ()
    assert "VR UN and undefined length" in walk(data).warnings[0]


def test_a_dictionary_of_the_user_is_believed_as_dcmtk_believes_it() -> None:
    entry = DictionaryEntry(TagRange(9, 9), TagRange(0x10, 0x10), "SQ", "Thing", "GEIIS")
    items = Items([[(0x0020000D, "UI", b"1. 2")]])
    data = IMPLICIT.encode(private("GEIIS", 0x00091010, items))
    assert walk(data).repairs == ()
    assert walk(data, default_dictionary().extended([entry])).repairs == ("a UID contains white space",)


def test_records_inside_such_a_sequence_are_not_found() -> None:
    items = Items([[(0x00041500, "CS", b"A\\B ")]])
    source = BytesSource(IMPLICIT.encode(private("GEIIS", 0x00091010, items)))
    assert not list(find_items_with(source, transfer_syntax(IMPLICIT.uid), 0x00041500, dictionary=default_dictionary))
