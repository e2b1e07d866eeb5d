"""Conversions without DCMTK: what is possible, changes between the passes, sources that fail."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import pytest

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.dicom.transfer_syntax import TransferSyntax, transfer_syntax
from dcmsend.dicom.walk import walk_data_set
from dcmsend.errors import DataSetError, TranscodeError
from dcmsend.transcode import can_convert, can_decode, convert_data_set
from dcmsend.transcode.layout import Layout
from dcmsend.transcode.recorder import StructureRecorder
from dcmsend.transcode.structure import MAX_INFLATED_NODES, MAX_NODES, Structure
from dcmsend.transcode.writing import DataSetWriter, swap_words
from support.converting import converted
from support.data_set_bytes import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT, Element, Fragments, Items

JPEG = "1.2.840.10008.1.2.4.50"
RLE = "1.2.840.10008.1.2.5"
MPEG2 = "1.2.840.10008.1.2.4.100"
DEFLATED = "1.2.840.10008.1.2.1.99"
GE_PRIVATE = "1.2.840.113619.5.2"
NATIVE = [encoding.uid for encoding in (EXPLICIT_LITTLE, EXPLICIT_BIG, IMPLICIT)]
UIDS: list[Element] = [(0x00080016, "UI", b"1.2\0"), (0x00080018, "UI", b"1.2.3\0")]


def recorded(data: bytes, syntax: TransferSyntax) -> Structure:
    recorder = StructureRecorder(
        BytesSource(data), is_big_endian=not syntax.is_little_endian, has_big_endian_pixels=False
    )
    walk_data_set(BytesSource(data), syntax, dictionary=default_dictionary, builder=recorder)
    return recorder.finish()


def written(structure: Structure, data: bytes, target: str) -> bytes:
    syntax = transfer_syntax(target)
    layout = Layout(structure, is_explicit=not syntax.is_implicit_vr)
    encoded = b"".join(DataSetWriter(structure, layout, BytesSource(data), syntax).chunks())
    assert layout.sizes[0] == len(encoded)
    return encoded


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        *((a, b, True) for a in NATIVE for b in NATIVE), *((DEFLATED, b, True) for b in (*NATIVE, DEFLATED)),
        *((a, DEFLATED, True) for a in NATIVE), *((GE_PRIVATE, b, True) for b in NATIVE),
        (GE_PRIVATE, GE_PRIVATE, False), (EXPLICIT_LITTLE.uid, GE_PRIVATE, False), (JPEG, JPEG, True),
        (EXPLICIT_LITTLE.uid, JPEG, False), (JPEG, RLE, False), (JPEG, DEFLATED, True), (MPEG2, NATIVE[0], False),
        *((a, b, True) for a in (JPEG, RLE) for b in NATIVE),
    ],
)
def test_what_can_be_converted(source: str, target: str, expected: bool) -> None:
    assert can_convert(transfer_syntax(source), transfer_syntax(target)) is expected


def test_what_dcmtk_can_decode() -> None:
    suffixes = ("1.99", "4.50", "4.51", "4.53", "4.55", "4.57", "4.70", "4.80", "4.81", "5")
    assert all(can_decode(transfer_syntax("1.2.840.10008.1.2." + suffix)) for suffix in suffixes)
    assert not any(can_decode(transfer_syntax(uid)) for uid in (*NATIVE, MPEG2, "1.2.3"))


def test_pixel_data_that_would_have_to_be_coded() -> None:
    compressed = EXPLICIT_LITTLE.encode([*UIDS, (0x7FE00010, "OB", Fragments([b"", b"ab"]))])
    native = EXPLICIT_LITTLE.encode([*UIDS, (0x7FE00010, "OB", b"ab")])
    for data, source, target in ((compressed, JPEG, NATIVE[0]), (compressed, JPEG, RLE), (native, NATIVE[0], JPEG)):
        with pytest.raises(TranscodeError) as error:
            converted(data, source, target)
        if target is not NATIVE[0]:
            assert error.value.condition == "Pixel representation cannot be changed"


def test_pixel_data_stay_compressed_when_that_is_asked_for() -> None:
    data = EXPLICIT_LITTLE.encode([*UIDS, (0x7FE00010, "OB", Fragments([b"", b"ab"]))])
    with pytest.raises(TranscodeError, match="Pixel representation cannot be changed"):
        convert_data_set(
            BytesSource(data), transfer_syntax(JPEG), transfer_syntax(NATIVE[0]), dictionary=default_dictionary,
            decompress=False,
        )


def test_a_compressed_syntax_without_pixel_data_is_no_obstacle() -> None:
    assert converted(EXPLICIT_LITTLE.encode(UIDS), JPEG, EXPLICIT_BIG.uid) == EXPLICIT_BIG.encode(UIDS)


def test_uids_and_warnings_come_with_the_conversion() -> None:
    data = EXPLICIT_LITTLE.encode([*UIDS, (0x00100020, "LO", b"odd")])
    result = convert_data_set(
        BytesSource(data), transfer_syntax(NATIVE[0]), transfer_syntax(NATIVE[2]), dictionary=default_dictionary
    )
    assert (result.sop_class_uid, result.sop_instance_uid) == ("1.2", "1.2.3")
    assert result.warnings == ("DcmItem: Length of element (0010,0020) is odd",)


def notes(elements: list[Element]) -> tuple[tuple[str, str], ...]:
    result = convert_data_set(
        BytesSource(EXPLICIT_LITTLE.encode([*UIDS, *elements])), transfer_syntax(NATIVE[0]), transfer_syntax(NATIVE[0]),
        dictionary=default_dictionary,
    )
    return result.notes


def test_elements_that_come_again_out_of_order_are_told() -> None:
    """The first one is sent; another program may have appended the one that it meant."""
    text = "DcmItem: Element (%s) found twice in one data set or item, ignoring second entry"
    name: Element = (0x00100010, "PN", b"A ")
    study: Element = (0x0020000D, "UI", b"1.2\0")
    again = ("W", text % "0010,0010")
    assert notes([name, study, name]) == notes([name, study, name, name]) == (again,)
    assert notes([(0x00081140, "SQ", [[name, study, name]] * 2), name, study, name]) == (again,)
    assert notes([study, name]) == ()  # out of order, but nothing is left out
    assert notes([name, name, study]) == ()  # the walk has told that
    assert notes([name, (0x00100020, "LO", b"A "), study, name, (0x00100020, "LO", b"B ")]) == (
        again, ("W", text % "0010,0020"),
    )


def test_not_all_of_very_many_repeated_elements_are_told() -> None:
    many: list[Element] = [(0x00100010 + number, "LO", b"A ") for number in range(150)]
    told = notes([*many, *many])
    assert len(told) == 101
    assert told[-1] == ("W", "more than 100 elements were found twice: the others are not shown")


def test_chunks_can_be_had_twice() -> None:
    data = EXPLICIT_LITTLE.encode([*UIDS, (0x7FE00010, "OW", bytes(700_000))])
    for target in (EXPLICIT_BIG.uid, DEFLATED):
        result = convert_data_set(
            BytesSource(data), transfer_syntax(NATIVE[0]), transfer_syntax(target), dictionary=default_dictionary
        )
        assert b"".join(result.chunks()) == b"".join(result.chunks()) == converted(data, NATIVE[0], target)


class ShrinkingSource:
    """Bytes of which the last ones disappear after the first pass."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read_at(self, position: int, size: int) -> bytes:
        return self.data[position : position + size]


@pytest.mark.parametrize("size", [100, 100_000])
def test_a_source_that_shrinks_is_an_error(size: int) -> None:
    source = ShrinkingSource(EXPLICIT_LITTLE.encode([*UIDS, (0x7FE00010, "OW", bytes(size))]))
    syntax = transfer_syntax(NATIVE[0])
    result = convert_data_set(source, syntax, syntax, dictionary=default_dictionary)
    source.data = source.data[:-3]
    with pytest.raises(DataSetError) as error:
        list(result.chunks())
    assert error.value.condition == "I/O suspension or premature end of stream"


@pytest.mark.parametrize("size", [2, 300_000])
def test_a_uid_that_was_blanked_between_the_passes_is_an_error(size: int) -> None:
    """Its white space is left out, so the length that was announced is never reached."""
    uid = b"1.2 ." + b"3" * size
    uid += b" " * (len(uid) % 2)
    source = ShrinkingSource(IMPLICIT.encode([*UIDS, (0x0020000D, "UI", uid)]))
    result = convert_data_set(
        source, transfer_syntax(IMPLICIT.uid), transfer_syntax(NATIVE[1]), dictionary=default_dictionary
    )
    source.data = source.data.replace(uid, b" " * len(uid))
    with pytest.raises(DataSetError) as error:
        list(result.chunks())
    assert error.value.condition == "I/O suspension or premature end of stream"


@pytest.mark.parametrize("width", [2, 4, 8])
def test_words_are_turned_around(width: int) -> None:
    data = bytes(range(256)) * 3
    expected = b"".join(data[i : i + width][::-1] for i in range(0, len(data), width))
    assert swap_words(data, width) == expected
    assert swap_words(data + b"x", width) == expected + b"x"


@pytest.mark.parametrize("target", NATIVE)
def test_elements_are_replaced_removed_and_inserted_between_the_passes(target: str) -> None:
    item: list[Element] = [(0x00080000, "UL", bytes(4)), (0x00081150, "UI", b"1.2\0"), (0x00081155, "UI", b"1.4\0")]
    data = EXPLICIT_LITTLE.encode([
        *UIDS, (0x00081140, "SQ", Items([item], True, True)), (0x00100010, "PN", b"A^B "), (0x00280004, "CS", b"YBR "),
        (0x00280010, "US", ("H", 4)), (0x7FE00010, "OB", Fragments([b"", b"abcd", b"efgh"])),
    ])

    def pixels() -> Iterator[bytes]:
        yield bytes(range(8))
        yield b"\x08\x09\x0a"

    structure = recorded(data, transfer_syntax(JPEG))
    assert [structure.lengths[node] for node in structure.children(structure.encapsulated[0])] == [0, 4, 4]
    photometric, pixel_data = structure.find(0x00280004), structure.find(0x7FE00010)
    sequence = structure.find(0x00081140)
    name = structure.find(0x00100010)
    assert None not in (photometric, pixel_data, sequence, name)
    assert structure.find(0x00280006) is None
    structure.replace(photometric or 0, "CS", 3, lambda: iter([b"RGB"]))
    structure.replace(pixel_data or 0, "OW", 11, pixels)
    structure.remove(name or 0)
    structure.insert(0, 0x00280006, "US", 2, lambda: iter([b"\1\0"]))
    structure.insert((sequence or 0) + 1, 0x00081153, "LO", 2, lambda: iter([b"in"]))
    encoding = next(encoding for encoding in (EXPLICIT_LITTLE, EXPLICIT_BIG, IMPLICIT) if encoding.uid == target)
    content: list[Element] = [item[1], (0x00081153, "LO", b"in"), item[2]]
    words = ("HHHHHH", 0x0100, 0x0302, 0x0504, 0x0706, 0x0908, 0x000A)
    assert written(structure, data, target) == encoding.encode([
        *UIDS, (0x00081140, "SQ", [[(0x00080000, "UL", ("L", len(encoding.encode(content)))), *content]]),
        (0x00280004, "CS", b"RGB\0"), (0x00280006, "US", ("H", 1)), (0x00280010, "US", ("H", 4)),
        (0x7FE00010, "OW", words),
    ])


def test_a_supplied_value_has_to_have_the_length_that_was_announced() -> None:
    data = EXPLICIT_LITTLE.encode(UIDS)
    structure = recorded(data, transfer_syntax(NATIVE[0]))
    structure.insert(0, 0x7FE00010, "OB", 8, lambda: iter([b"abc"]))
    with pytest.raises(TranscodeError):
        written(structure, data, NATIVE[0])


def test_contents_longer_than_a_length_can_say_get_undefined_length() -> None:
    data = EXPLICIT_LITTLE.encode([(0x00081140, "SQ", [[(0x00081150, "UI", b"1.2\0")]]), (0x00100010, "PN", b"A^B ")])
    structure = recorded(data, transfer_syntax(NATIVE[0]))
    item = (structure.find(0x00081140) or 0) + 1
    for number in range(2):
        structure.insert(item, 0x00091010 + number, "OB", 0x80000000, lambda: iter(()))
    layout = Layout(structure, is_explicit=True)
    content = 12 + 2 * (12 + 0x80000000)
    assert layout.sizes[item] == content
    assert layout.sizes[0] == 12 + (8 + content + 8) + 8 + 12
    chunks = DataSetWriter(structure, layout, BytesSource(data), transfer_syntax(NATIVE[0])).chunks()
    assert next(chunks).startswith(
        EXPLICIT_LITTLE.header(0x00081140, "SQ", 0xFFFFFFFF) + EXPLICIT_LITTLE.item_header(0xE000, 0xFFFFFFFF)
    )


def test_the_number_of_elements_of_a_deflated_data_set_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slide of 400,000 frames and an MR of 10,000 are far from an attack; 1.25 million elements take 5 s."""
    monkeypatch.setattr("dcmsend.transcode.structure.MAX_INFLATED_NODES", 1000)
    assert 1_200_000 < MAX_INFLATED_NODES <= 1_250_000
    for count in (998, 1000):
        plain = EXPLICIT_LITTLE.encode([(0x00100020, "LO", b"")] * count)
        compressor = zlib.compressobj(wbits=-15)
        data = compressor.compress(plain) + compressor.flush()
        assert converted(plain, NATIVE[0], NATIVE[1])
        if count < 1000:
            assert converted(data, DEFLATED, NATIVE[1]) == converted(plain, NATIVE[0], NATIVE[1])
            continue
        with pytest.raises(DataSetError) as error:
            converted(data, DEFLATED, NATIVE[1])
        assert error.value.detail == "more than 1000 elements"


def test_the_number_of_elements_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcmsend.transcode.structure.MAX_NODES", 1000)
    assert MAX_NODES >= 3_000_000
    with pytest.raises(DataSetError) as error:
        converted(EXPLICIT_LITTLE.encode([(0x00100020, "LO", b"")] * 1000), NATIVE[0], NATIVE[0])
    assert error.value.condition == "Corrupted data"
