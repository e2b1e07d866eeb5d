"""The element walk: what it finds, what it calls for repair, and how little it reads."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.dicom.data_dictionary import DataDictionary, DictionaryEntry, TagRange, default_dictionary
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.dicom.walk import WalkResult, walk_data_set
from dcmsend.errors import DataSetError
from support.data_set_bytes import ENCODINGS, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT, Element, Fragments, Items, Raw

JPEG = "1.2.840.10008.1.2.4.50"
UIDS: list[Element] = [(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7\0"), (0x00080018, "UI", b"1.2.3\0")]
REFERENCE: list[Element] = [(0x00081150, "UI", b"1.2\0"), (0x00081155, "UI", b"1.4\0")]

every_encoding = pytest.mark.parametrize("name", sorted(ENCODINGS))


def walk(data: bytes, uid: str = EXPLICIT_LITTLE.uid) -> WalkResult:
    return walk_data_set(BytesSource(data), transfer_syntax(uid), dictionary=default_dictionary)


def walk_elements(name: str, elements: Sequence[Element]) -> WalkResult:
    encoding = ENCODINGS[name]
    return walk(encoding.encode(elements), encoding.uid)


def condition_of(data: bytes, uid: str = EXPLICIT_LITTLE.uid) -> str:
    with pytest.raises(DataSetError) as error:
        walk(data, uid)
    return error.value.condition


class CountingSource:
    """Bytes that are mostly zeros nobody may read."""

    def __init__(self, head: bytes, size: int) -> None:
        self.head, self.size, self.read = head, size, 0

    def read_at(self, position: int, size: int) -> bytes:
        size = max(0, min(size, self.size - position))
        self.read += size
        return self.head[position : position + size].ljust(size, b"\0")


class Events:
    """A builder that writes down what it is told."""

    def __init__(self) -> None:
        self.seen: list[tuple[object, ...]] = []

    def element(self, tag: int, vr: str, position: int, length: int) -> None:
        self.seen.append((tag, vr, length))

    def begin_sequence(self, tag: int, implicit: bool) -> None:
        self.seen.append(("sequence", tag, implicit))

    def begin_item(self) -> None:
        self.seen.append(("item",))

    def end_item(self) -> None:
        self.seen.append(("end item",))

    def end_sequence(self) -> None:
        self.seen.append(("end sequence",))

    def begin_fragments(self, tag: int) -> None:
        self.seen.append(("fragments", tag))

    def fragment(self, position: int, length: int) -> None:
        self.seen.append(("fragment", length))

    def end_fragments(self) -> None:
        self.seen.append(("end fragments",))


@every_encoding
@pytest.mark.parametrize("undefined", [False, True])
def test_a_sound_data_set_needs_no_repair(name: str, undefined: bool) -> None:
    inner = Items([REFERENCE, []], undefined, undefined)
    nested = Items([[(0x00081140, "SQ", inner)], REFERENCE], undefined, undefined)
    elements = [*UIDS, (0x00081199, "SQ", nested), (0x00100010, "PN", b"A^B "), (0x7FE00010, "OW", bytes(600))]
    result = walk_elements(name, elements)
    encoded = ENCODINGS[name].encode(elements)
    assert (result.sop_class_uid, result.sop_instance_uid) == ("1.2.840.10008.5.1.4.1.1.7", "1.2.3")
    assert (result.repairs, result.warnings) == ((), ())
    assert result.length == result.encoded_length == len(encoded)
    assert (result.pixel_data_offset, result.pixel_data_length) == (len(encoded) - 600, 600)


def test_uids_are_those_of_the_top_level_first_value_without_white_space() -> None:
    data = EXPLICIT_LITTLE.encode([
        (0x00080006, "SQ", [[(0x00080018, "UI", b"9.9\0")]]),
        (0x00080016, "UI", b"1.2 .3\\4.5"), (0x00080018, "UI", b" 1.7 \0"), (0x00080018, "UI", b"1.8\0"),
    ])
    result = walk(data)
    assert (result.sop_class_uid, result.sop_instance_uid) == ("1.2.3", "1.7")


def test_uids_are_empty_when_they_are_missing() -> None:
    result = walk(EXPLICIT_LITTLE.encode([(0x00100010, "PN", b"A^B ")]))
    assert (result.sop_class_uid, result.sop_instance_uid) == ("", "")
    assert walk(b"").length == 0


@pytest.mark.parametrize("kind", ["defined", "undefined", "UN"])
def test_uids_are_empty_when_they_are_sequences(kind: str) -> None:
    items = Items([[(0x00080100, "SH", b"A ")]], kind != "defined")
    element: Element = (0x00080018, "SQ", items)
    if kind == "UN":
        content = IMPLICIT.sequence(0x00080018, "SQ", items)[8:]
        element = (0x00080018, "UN", Raw(EXPLICIT_LITTLE.header(0x00080018, "UN", 0xFFFFFFFF) + content))
    for _ in range(2):  # the second time the header is known
        result = walk_elements("explicit little", [UIDS[0], element])
        assert (result.sop_class_uid, result.sop_instance_uid) == ("1.2.840.10008.5.1.4.1.1.7", "")


@every_encoding
def test_trailing_padding_at_top_level_is_not_sent(name: str) -> None:
    encoding = ENCODINGS[name]
    data = encoding.encode(UIDS)
    padded = data + encoding.element(0xFFFCFFFC, "OB", bytes(100))
    result = walk(padded, encoding.uid)
    assert (result.length, result.encoded_length, result.repairs) == (len(data), len(padded), ())


def test_padding_with_something_behind_it_is_an_element_out_of_order() -> None:
    data = EXPLICIT_LITTLE.encode([*UIDS, (0xFFFCFFFC, "OB", bytes(4)), (0x00100010, "PN", b"A^B ")])
    assert walk(data).length == len(data)
    assert walk(data).repairs == ("elements are not in ascending order",)


def test_what_follows_an_item_delimiter_at_top_level_is_not_sent() -> None:
    data = EXPLICIT_LITTLE.encode(UIDS)
    assert walk(data + EXPLICIT_LITTLE.item_header(0xE00D, 0) + b"rubbish").length == len(data)


@every_encoding
@pytest.mark.parametrize("before", [[], [(0x00100020, "LO", b"odd")] * 120], ids=["nothing else", "much else"])
def test_a_lost_rest_is_told(name: str, before: list[Element]) -> None:
    """A writer that does not count the item delimiter of a sequence of defined length loses the rest of its file."""
    encoding = ENCODINGS[name]
    data = encoding.encode([*UIDS, (0x00081140, "SQ", [REFERENCE])])
    head = encoding.encode(before)
    end = encoding.item_header(0xE00D, 0)
    rest = data + end + encoding.encode([(0x00100030, "DA", b"20200101")])
    lost = f"item delimiter at {len(head) + len(data)}, outside of any item: what follows is not sent"
    with_length = end[:4] + encoding.item_header(0xE00D, 2)[4:] + b"ab"
    assert walk(head + rest, encoding.uid).warnings[-1] == lost
    assert walk(head + data + with_length, encoding.uid).warnings[-1] == lost
    assert walk(head + data + end, encoding.uid).warnings == walk(head + data, encoding.uid).warnings


@every_encoding
@pytest.mark.parametrize("length", [5000, 0xFFFFFFFF])
def test_a_data_set_that_ends_behind_the_header_of_a_sequence_is_told(name: str, length: int) -> None:
    """DCMTK takes it for an empty sequence, and so does what is sent."""
    encoding = ENCODINGS[name]
    data = encoding.encode(UIDS) + encoding.header(0x00081140, "SQ", length)
    result = walk(data, encoding.uid)
    assert result.repairs == ("the data set ends inside a sequence",)
    assert result.warnings == (f"the data set ends at {len(data)}, where an item of (0008,1140) should be",)


def test_compressed_pixel_data_without_a_frame_are_told() -> None:
    data = EXPLICIT_LITTLE.encode([*UIDS, (0x7FE00010, "OB", Fragments([b""]))])
    for cut in (8, 16):  # the delimiter; the empty offset table too
        result = walk(data[:-cut], JPEG)
        assert result.repairs == ("the data set ends inside a sequence",)
        assert result.warnings == (
            f"the data set ends at {len(data) - cut}, where an item of (7fe0,0010) should be",
        )


@every_encoding
@pytest.mark.parametrize(
    ("element", "repair", "warning"),
    [
        ((0x00080005, "CS", b"X "), "not in ascending", "Dataset not in ascending tag order, at element (0008,0005)"),
        ((0x00080018, "UI", b"1.2\0"), "twice", "Element (0008,0018) found twice in one data set or item, ignoring"),
        ((0x00100020, "LO", b"odd"), "odd length", "DcmItem: Length of element (0010,0020) is odd"),
        ((0x0020000D, "UI", b"1. 2"), "white space", "Element StudyInstanceUID (0020,000d) contains one or more space"),
        ((0x0020000D, "UI", b"1.2 "), "white space", "space characters, which were removed"),
    ],
)
def test_what_dcmtk_repairs_is_called_for_repair(name: str, element: Element, repair: str, warning: str) -> None:
    at_top = walk_elements(name, [*UIDS, element])
    in_item = walk_elements(name, [*UIDS, (0x00081140, "SQ", [[*UIDS, element]])])
    for result in (at_top, in_item):
        assert repair in result.repairs[-1] or repair in result.repairs[0]
        assert any(warning in text for text in result.warnings)


@pytest.mark.parametrize(
    ("data", "repair"),
    [
        (EXPLICIT_LITTLE.element(0x00100020, "ZZ", b"ab"), "an element has a non-standard VR"),
        (EXPLICIT_LITTLE.element(0x00100020, "zz", b"ab"), "an element has a non-standard VR"),
        (EXPLICIT_LITTLE.element(0x00081140, "SQ", [REFERENCE], length=20), "a sequence has a wrong length"),
        (EXPLICIT_LITTLE.header(0x00081140, "SQ", 8) + EXPLICIT_LITTLE.item_header(0xE000, 20), "an item has a wrong"),
        (EXPLICIT_LITTLE.header(0x00081140, "SQ", 0xFFFFFFFF), "the data set ends inside a sequence"),
        (EXPLICIT_LITTLE.element(0x00081140, "SQ", Items([], True))[:-4] + b"\1\0\0\0", "a delimiter has a length"),
    ],
)
def test_structure_that_only_dcmtk_can_read_is_called_for_repair(data: bytes, repair: str) -> None:
    repairs = walk(EXPLICIT_LITTLE.encode(UIDS) + data).repairs
    assert any(repair in text for text in repairs)


@pytest.mark.parametrize("group", [0x0001, 0x0002, 0x0003, 0x0005, 0x0007])
def test_groups_that_do_not_belong_there_only_give_a_warning(group: int) -> None:
    result = walk(EXPLICIT_LITTLE.encode([(group << 16 | 0x10, "LO", b"x "), *UIDS]))
    assert result.repairs == ()
    assert result.warnings == (f"DcmItem: Invalid Element ({group:04x},0010) found in data set",)


@pytest.mark.parametrize("outer", [EXPLICIT_LITTLE, EXPLICIT_BIG], ids=["little", "big"])
def test_un_of_undefined_length_is_an_implicit_sequence(outer: object) -> None:
    encoding = outer
    assert isinstance(encoding, type(EXPLICIT_LITTLE))
    inner = [(0x00081140, "SQ", Items([REFERENCE], False, True)), (0x00280010, "US", struct.pack("<H", 5))]
    content = IMPLICIT.sequence(0x00091001, "SQ", Items([inner], True, True))[8:]
    data = encoding.encode([*UIDS, (0x00091001, "UN", Raw(encoding.header(0x00091001, "UN", 0xFFFFFFFF) + content)),
                            (0x00100010, "PN", b"A^B ")])
    events = Events()
    result = walk_data_set(
        BytesSource(data), transfer_syntax(encoding.uid), dictionary=default_dictionary, builder=events
    )
    assert result.repairs == ()
    assert "reading a sequence with transfer syntax LittleEndianImplicit (CP-246)" in result.warnings[0]
    assert events.seen[2:] == [
        ("sequence", 0x00091001, True), ("item",), ("sequence", 0x00081140, False), ("item",), (0x00081150, "UI", 4),
        (0x00081155, "UI", 4), ("end item",), ("end sequence",), (0x00280010, "US", 2), ("end item",),
        ("end sequence",), (0x00100010, "PN", 4),
    ]


def test_a_private_sequence_in_implicit_vr_is_entered_by_its_creator() -> None:
    entry = DictionaryEntry(TagRange(0x0019, 0x0019), TagRange(0x01, 0x01), "SQ", "Things", "MAKER")
    dictionary = DataDictionary().extended([entry])
    elements: list[Element] = [
        (0x00190010, "LO", b"OTHER "), (0x00190012, "LO", b"MAKER "), (0x00191001, "UN", b"ab"),
        (0x00191201, "SQ", [REFERENCE]), (0x00191301, "UN", b"ab"),
        (0x00400275, "SQ", [[(0x00191201, "UN", b"ab")]]),
    ]
    events = Events()
    walk_data_set(
        BytesSource(IMPLICIT.encode(elements)), transfer_syntax(IMPLICIT.uid), dictionary=lambda: dictionary,
        builder=events,
    )
    assert events.seen == [
        (0x00190010, "LO", 6), (0x00190012, "LO", 6), (0x00191001, "UN", 2),
        ("sequence", 0x00191201, False), ("item",), (0x00081150, "UI", 4), (0x00081155, "UI", 4), ("end item",),
        ("end sequence",), (0x00191301, "UN", 2),
        ("sequence", 0x00400275, False), ("item",), (0x00191201, "UN", 2), ("end item",), ("end sequence",),
    ]


@pytest.mark.parametrize("uid", [JPEG, "1.2.840.10008.1.2.4.90"])
def test_fragments_are_walked(uid: str) -> None:
    data = EXPLICIT_LITTLE.encode([*UIDS, (0x7FE00010, "OB", Fragments([b"", b"abcd", b"ef"]))])
    events = Events()
    result = walk_data_set(BytesSource(data), transfer_syntax(uid), builder=events)
    assert (result.repairs, result.pixel_data_length) == ((), 0xFFFFFFFF)
    assert events.seen[2:] == [
        ("fragments", 0x7FE00010), ("fragment", 0), ("fragment", 4), ("fragment", 2), ("end fragments",),
    ]
    assert condition_of(data[:-8], uid) == "Sequence Delimitation Item missing"
    assert condition_of(data[:-9], uid) == "Invalid stream"


def test_pixel_data_has_to_suit_the_transfer_syntax() -> None:
    native = EXPLICIT_LITTLE.encode([*UIDS, (0x7FE00010, "OB", b"abcd")])
    encapsulated = EXPLICIT_LITTLE.encode([*UIDS, (0x7FE00010, "OB", Fragments([b"", b"ab"]))])
    text = "Pixel data in top level dataset in compressed Transfer Syntax uses explicit length"
    assert condition_of(native, JPEG) == text
    assert condition_of(encapsulated) == "DIMSE Failed to send message"
    icon = EXPLICIT_LITTLE.encode([*UIDS, (0x00880200, "SQ", [[(0x7FE00010, "OB", b"abcd")]])])
    assert walk(icon, JPEG).repairs == ()


@every_encoding
def test_elements_on_both_sides_of_every_window(name: str) -> None:
    encoding = ENCODINGS[name]
    for shift in range(30):
        filler = [(0x00100020, "LO", b"x" * (16300 + 2 * shift)), *((0x00110000 + i, "LO", b"ab") for i in range(3000))]
        end = (0x00200010, "SQ" if encoding.is_explicit else "SH", [REFERENCE] if encoding.is_explicit else b"ab")
        data = encoding.encode([*UIDS, *filler, end])
        assert walk(data, encoding.uid).repairs == ()
        assert condition_of(data[:-1], encoding.uid) == "Invalid stream"


def test_values_are_not_read() -> None:
    head = EXPLICIT_LITTLE.encode(UIDS) + EXPLICIT_LITTLE.header(0x7FE00010, "OW", 3 << 30)
    source = CountingSource(head, len(head) + (3 << 30))
    result = walk_data_set(source, transfer_syntax(EXPLICIT_LITTLE.uid))
    assert result.length == len(head) + (3 << 30)
    assert source.read < 100_000


def test_explicit_vr_needs_no_dictionary() -> None:
    def none() -> DataDictionary:
        raise AssertionError("the dictionary was loaded")

    data = EXPLICIT_LITTLE.encode([*UIDS, (0x00081140, "SQ", [REFERENCE])])
    assert walk_data_set(BytesSource(data), transfer_syntax(EXPLICIT_LITTLE.uid), dictionary=none).repairs == ()


@pytest.mark.parametrize(("depth", "is_sound"), [(64, True), (65, False), (5000, False)])
@pytest.mark.parametrize("undefined", [False, True])
def test_depth_is_bounded(depth: int, is_sound: bool, undefined: bool) -> None:
    header = EXPLICIT_LITTLE.header
    data = b""
    for _ in range(depth):
        item = EXPLICIT_LITTLE.item_header(0xE000, 0xFFFFFFFF if undefined else len(data)) + data
        if undefined:
            item += EXPLICIT_LITTLE.item_header(0xE00D, 0)
        data = header(0x00081140, "SQ", 0xFFFFFFFF if undefined else len(item)) + item
        if undefined:
            data += EXPLICIT_LITTLE.item_header(0xE0DD, 0)
    if is_sound:
        assert walk(data).length == len(data)
    else:
        assert condition_of(data) == "Corrupted data"


def test_warnings_are_bounded() -> None:
    data = EXPLICIT_LITTLE.encode([(0x00100020, "LO", b"x")] * 5000)
    result = walk(data)
    assert len(result.warnings) == 101  # the last one says that there are more
    assert result.repairs == ("an element has an odd length", "an element appears twice")
