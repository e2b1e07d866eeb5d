"""What the walk says of data sets that are wrong: where, of which element, and how often; items that are too long."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator

import pytest

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.dicom.walk import WalkResult, walk_data_set
from dcmsend.errors import DataSetError
from dcmsend.transcode import InflatingSource
from support.converting import converted
from support.data_set_bytes import ENCODINGS, EXPLICIT_LITTLE, IMPLICIT, Element, Encoding, Items
from support.elements import elements_of

HEAD: list[Element] = [(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7\0"), (0x00080018, "UI", b"1.2.3.4\0")]
AFTER: list[Element] = [(0x00100010, "PN", b"Doe^Jane"), (0x00100020, "LO", b"4242"), (0x00280010, "US", ("H", 4))]
LONGER = "larger than the sequence"

every_encoding = pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=list(ENCODINGS))


def walk(data: bytes, encoding: Encoding = EXPLICIT_LITTLE, origin: int = 0) -> WalkResult:
    syntax = transfer_syntax(encoding.uid)
    return walk_data_set(BytesSource(data), syntax, dictionary=default_dictionary, origin=origin)


def detail(data: bytes, origin: int = 0) -> str:
    with pytest.raises(DataSetError) as error:
        walk(data, EXPLICIT_LITTLE, origin)
    return error.value.detail


def long_item(encoding: Encoding, extra: int, inner: list[Element]) -> bytes:
    """A sequence whose only item claims ``extra`` bytes more than the sequence has; then the elements ``AFTER``."""
    body = encoding.encode(inner)
    sequence = encoding.header(0x00081140, "SQ", 8 + len(body)) + encoding.item_header(0xE000, len(body) + extra) + body
    return encoding.encode(HEAD) + sequence + encoding.encode(AFTER)


@every_encoding
@pytest.mark.parametrize("inner", [
    [(0x00081150, "UI", b"1.2\0")],
    [(0x00081150, "UI", b"1.2\0"), (0x00081155, "UI", b"1.4\0")],
    [(0x00081199, "SQ", Items([[(0x00081150, "UI", b"1.2\0")]]))],
    [(0x00081199, "SQ", Items([[(0x00081150, "UI", b"1.2\0")]], True, True))],
])
@pytest.mark.parametrize("claimed", ["one element", "everything", "more"])
def test_an_item_does_not_swallow_what_follows_its_sequence(
    encoding: Encoding, inner: list[Element], claimed: str
) -> None:
    extra = {"one element": len(encoding.encode(AFTER[:1])), "everything": len(encoding.encode(AFTER)), "more": 1000}
    data = long_item(encoding, extra[claimed], inner)
    result = walk(data, encoding)
    assert len([text for text in result.warnings if LONGER in text]) == 1
    assert result.repairs == ("a sequence has a wrong length",)
    for target in ENCODINGS.values():
        right = long_item(encoding, 0, inner)
        assert converted(data, encoding.uid, target.uid) == converted(right, encoding.uid, target.uid)


@every_encoding
def test_it_is_told_however_much_else_is_wrong(encoding: Encoding) -> None:
    odd: list[Element] = [(0x00080A00 + number, "UN", b"odd") for number in range(120)]
    data = encoding.encode(odd) + long_item(encoding, 1000, [(0x00081150, "UI", b"1.2\0")])
    assert len([text for text in walk(data, encoding).warnings if LONGER in text]) == 1


@every_encoding
@pytest.mark.parametrize("count", [99, 100, 101, 500])
@pytest.mark.parametrize("kind", ["odd", "unsorted"])
def test_it_is_told_that_there_are_more_warnings(encoding: Encoding, kind: str, count: int) -> None:
    value = b"odd" if kind == "odd" else b"even"
    elements = [(0x00090000 + number, "UN", value) for number in range(0x1000, 0x1000 + count + (kind != "odd"))]
    data = encoding.encode(elements if kind == "odd" else elements[::-1])
    warnings = walk(data, encoding).warnings
    more = [text for text in warnings if "the others are not shown" in text]
    assert len(warnings) == min(count, 101)
    assert warnings[100:] == tuple(more)
    assert len(more) == (count > 100)


@every_encoding
def test_a_sequence_that_is_too_short_is_made_longer(encoding: Encoding) -> None:
    """No element ends where the sequence does."""
    body = encoding.encode([(0x00081150, "UI", b"1.2\0"), (0x00081155, "UI", b"1.4\0")])
    item = encoding.item_header(0xE000, len(body)) + body
    head, tail = encoding.encode(HEAD), encoding.encode(AFTER)
    wrong = head + encoding.header(0x00081140, "SQ", len(item) - 4) + item + tail
    right = head + encoding.header(0x00081140, "SQ", len(item)) + item + tail
    assert "the sequence is made longer" in walk(wrong, encoding).warnings[0]
    assert converted(wrong, encoding.uid, encoding.uid) == right


def test_many_items_that_are_too_long_are_read_in_bounded_time() -> None:
    class Counted(BytesSource):
        read = 0

        def read_at(self, position: int, size: int) -> bytes:
            found = super().read_at(position, size)
            Counted.read += len(found)
            return found

    one = EXPLICIT_LITTLE.header(0x00081140, "SQ", 20) + EXPLICIT_LITTLE.item_header(0xE000, 0x00FFFFF0)
    one += EXPLICIT_LITTLE.header(0x00081199, "SQ", 0)
    data = EXPLICIT_LITTLE.encode(HEAD) + one * 30_000
    with pytest.raises(DataSetError, match="Corrupted data"):  # for DCMTK each one lies in the one before
        walk_data_set(Counted(data), transfer_syntax(EXPLICIT_LITTLE.uid), dictionary=default_dictionary)
    assert Counted.read < 1 << 20


# -- where, which, how often


def test_positions_count_from_the_beginning_of_the_file() -> None:
    data = EXPLICIT_LITTLE.encode([*HEAD, (0x00081140, "SQ", Items([AFTER]))])
    at = len(EXPLICIT_LITTLE.encode(HEAD)) + 12 + 8
    assert f"at {at + 8 + 3000} " in detail(data[: at + 8 + 4], 3000)
    inner = EXPLICIT_LITTLE.header(0x00081140, "SQ", 12) + bytes(12)
    assert f"(0000,0000) at {3000 + len(inner) - 12} instead" in detail(inner, 3000)


def test_positions_of_an_inflated_data_set_say_so() -> None:
    data = EXPLICIT_LITTLE.encode(HEAD) + EXPLICIT_LITTLE.header(0x00100010, "PN", 100)
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    source = InflatingSource(BytesSource(compressor.compress(data) + compressor.flush()))
    with pytest.raises(DataSetError) as error:
        walk_data_set(source, transfer_syntax(EXPLICIT_LITTLE.uid))
    assert "of the inflated data set" in error.value.detail


@pytest.mark.parametrize("items", [
    EXPLICIT_LITTLE.item_header(0xE000, 0xFFFFFFFF), EXPLICIT_LITTLE.item_header(0xE000, 0),
])
def test_the_end_before_a_delimiter_is_no_element_0000(items: bytes) -> None:
    data = EXPLICIT_LITTLE.encode(HEAD) + EXPLICIT_LITTLE.header(0x00081140, "SQ", 0xFFFFFFFF) + items
    assert detail(data, 100) == f"the data set ends at {len(data) + 100}, inside (0008,1140)"


def test_the_end_inside_encapsulated_pixel_data() -> None:
    data = EXPLICIT_LITTLE.header(0x7FE00010, "OB", 0xFFFFFFFF) + EXPLICIT_LITTLE.item_header(0xE000, 4) + b"abcd"
    assert detail(data) == f"the data set ends at {len(data)}, inside (7fe0,0010)"


def test_an_odd_item_belongs_to_its_sequence_also_among_unsorted_elements() -> None:
    odd = EXPLICIT_LITTLE.item_header(0xE000, 11) + EXPLICIT_LITTLE.element(0x00081150, "LO", b"odd")
    data = EXPLICIT_LITTLE.encode([*HEAD, (0x00400275, "LO", b"x ")])
    data += EXPLICIT_LITTLE.header(0x00081140, "SQ", len(odd)) + odd
    warnings = walk(data).warnings
    assert any("item in sequence ReferencedImageSequence (0008,1140) is odd" in text for text in warnings)


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=list(ENCODINGS))
def test_a_run_of_zeros_is_told_once(encoding: Encoding) -> None:
    warnings = walk(encoding.encode(HEAD) + bytes(8 * 500), encoding).warnings
    assert 1 <= len(warnings) <= 3
    assert len(set(warnings)) == len(warnings)


# -- what is inflated


@pytest.mark.parametrize("unit", [
    bytes(8), EXPLICIT_LITTLE.header(0x00100020, "LO", 0), EXPLICIT_LITTLE.element(0x0020000D, "UI", b"1\0"),
])
def test_a_small_deflated_file_cannot_hold_millions_of_elements(unit: bytes) -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = compressor.compress(EXPLICIT_LITTLE.encode(HEAD)) + compressor.compress(unit * 4_000_000)
    data += compressor.flush()
    with pytest.raises(DataSetError) as error:
        walk_data_set(InflatingSource(BytesSource(data)), transfer_syntax(EXPLICIT_LITTLE.uid))
    assert error.value.condition == "Invalid stream"
    assert "too many elements" in error.value.detail


def test_noise_does_not_allow_millions_of_elements() -> None:
    """Noise that cannot be deflated, and two million items in a few kilobytes behind it."""
    noise = random.Random(1).randbytes(300_000)
    plain = EXPLICIT_LITTLE.encode([*HEAD, (0x00091001, "OB", noise)])
    plain += EXPLICIT_LITTLE.header(0x0040A730, "SQ", 8 * 2_000_000)
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    data = compressor.compress(plain + EXPLICIT_LITTLE.item_header(0xE000, 0) * 2_000_000) + compressor.flush()
    with pytest.raises(DataSetError) as error:
        walk_data_set(InflatingSource(BytesSource(data)), transfer_syntax(EXPLICIT_LITTLE.uid))
    assert "too many elements" in error.value.detail


def inflated_work(noise: int, plain: bytes) -> tuple[str, int]:
    """Why a deflated data set is refused, and how many of its inflated bytes were read before; noise comes first."""
    head = EXPLICIT_LITTLE.encode([*HEAD, (0x00091001, "OB", random.Random(1).randbytes(noise))])
    source = deflate(head + plain)
    with pytest.raises(DataSetError) as error:
        walk_data_set(source, transfer_syntax(EXPLICIT_LITTLE.uid), dictionary=default_dictionary)
    assert error.value.condition == "Invalid stream"
    return error.value.detail, source.furthest - len(head)


class Furthest(InflatingSource):
    furthest = 0

    def read_at(self, position: int, size: int) -> bytes:
        data = super().read_at(position, size)
        self.furthest = max(self.furthest, position + len(data))
        return data


DEAR = {
    "repeated": EXPLICIT_LITTLE.header(0x00100020, "LO", 0),
    "zeros": bytes(8),
    "odd": EXPLICIT_LITTLE.header(0x00100020, "LO", 1) + b"x",
    "blank in a UID": EXPLICIT_LITTLE.header(0x0020000D, "UI", 2) + b" 1",
    "no VR": EXPLICIT_LITTLE.header(0x00100020, "LO", 0).replace(b"LO", b"zz"),
    "long VR": EXPLICIT_LITTLE.header(0x00091001, "OB", 0),
}


@pytest.mark.parametrize("unit", DEAR.values(), ids=list(DEAR))
def test_elements_that_take_long_count_more_than_their_bytes(unit: bytes) -> None:
    """Noise allows 10 million bytes of elements as quick as those of a slide, but less than half as many of these."""
    detail, read = inflated_work(100_000, unit * (12_000_000 // len(unit)))
    assert "too many elements" in detail
    assert read < 4_500_000


def test_noise_does_not_allow_any_number_of_elements() -> None:
    """Beyond 50 million bytes of elements each megabyte that cannot be deflated allows 4 million, not 16 million."""
    unit = DEAR["long VR"]  # counts more than four times its bytes, so that fewer are enough
    detail, read = inflated_work(4_000_000, unit * (20_000_000 // len(unit)))
    assert "too many elements" in detail
    assert read < 16_100_000  # with 16 million for each it would be 17 million


def deflate(plain: bytes) -> Furthest:
    compressor = zlib.compressobj(1, zlib.DEFLATED, -15)
    return Furthest(BytesSource(compressor.compress(plain) + compressor.flush()))


def test_a_private_sequence_that_is_walked_on_trial_counts_too() -> None:
    """Only our dictionary calls it a sequence, so the first walk passes over it; it is entered to be encoded."""
    items = IMPLICIT.item_header(0xE000, 0) * 2_000_000
    inner = IMPLICIT.element(0x00710010, "LO", b"AGFA-AG_HPState ") + IMPLICIT.header(0x00711018, "SQ", len(items))
    plain = EXPLICIT_LITTLE.encode(HEAD) + EXPLICIT_LITTLE.header(0x007120FF, "UN", 0xFFFFFFFF)
    plain += IMPLICIT.item_header(0xE000, len(inner) + len(items)) + inner + items
    plain += IMPLICIT.item_header(0xE0DD, 0)
    syntax = transfer_syntax(EXPLICIT_LITTLE.uid)
    assert walk_data_set(deflate(plain), syntax, dictionary=default_dictionary).encoded_length == len(plain)
    source = deflate(plain)
    with pytest.raises(DataSetError) as error:
        walk_data_set(source, syntax, dictionary=default_dictionary, builder=Silent(), vendor_vrs=True)
    assert "too many elements" in error.value.detail
    assert source.furthest < 10_000_000


def test_an_item_that_is_walked_on_trial_counts_too() -> None:
    item = EXPLICIT_LITTLE.header(0x00081140, "SQ", 0) * 2_000_000
    plain = EXPLICIT_LITTLE.encode(HEAD) + EXPLICIT_LITTLE.header(0x0040A730, "SQ", len(item) + 8)
    source = deflate(plain + EXPLICIT_LITTLE.item_header(0xE000, len(item) + 100) + item + bytes(200))
    with pytest.raises(DataSetError) as error:
        walk_data_set(source, transfer_syntax(EXPLICIT_LITTLE.uid), dictionary=default_dictionary)
    assert "too many elements" in error.value.detail
    assert source.furthest < 10_000_000


@every_encoding
def test_pixel_data_without_fragments_is_read_once(encoding: Encoding) -> None:
    """Thousands of encapsulated values that are empty: the source is not read anew for each."""
    data = encoding.encode(HEAD)
    data += (encoding.header(0x7FE00010, "OB", 0xFFFFFFFF) + encoding.item_header(0xE0DD, 0)) * 20_000
    source = CountingSource(data)
    with pytest.raises(DataSetError) as error:
        walk_data_set(source, transfer_syntax(encoding.uid), dictionary=default_dictionary)
    assert "encapsulated Pixel Data in an uncompressed transfer syntax" in error.value.detail
    assert source.read < 2 * len(data)


class CountingSource(BytesSource):
    read = 0

    def read_at(self, position: int, size: int) -> bytes:
        data = super().read_at(position, size)
        self.read += len(data)
        return data


class Silent:
    """A builder that builds nothing."""

    def element(self, tag: int, vr: str, position: int, length: int) -> None: ...
    def begin_sequence(self, tag: int, implicit: bool) -> None: ...
    def begin_item(self) -> None: ...
    def end_item(self) -> None: ...
    def end_sequence(self) -> None: ...
    def begin_fragments(self, tag: int) -> None: ...
    def fragment(self, position: int, length: int) -> None: ...
    def end_fragments(self) -> None: ...


def grid_of_tiles(columns: int, count: int) -> Iterator[bytes]:
    """The pieces of one item for each tile; what all tiles of a column or of a row share is made once."""
    rows = (count - 1) // columns + 1
    element, header = EXPLICIT_LITTLE.element, EXPLICIT_LITTLE.header

    def begin(tag: int, length: int) -> bytes:
        return header(tag, "SQ", length + 8) + EXPLICIT_LITTLE.item_header(0xE000, length)

    long = [struct.pack("<L", number + 1) for number in range(max(columns, rows))]
    across = [element(0x0040072A, "DS", b"%-8.6g" % (20 - column * 0.128)) for column in range(columns)]
    down = [element(0x0040073A, "DS", b"%-8.6g" % (40 - row * 0.128)) for row in range(rows)]
    left = [element(0x0048021E, "SL", struct.pack("<l", column * 512 + 1)) for column in range(columns)]
    top = [element(0x0048021F, "SL", struct.pack("<l", row * 512 + 1)) for row in range(rows)]
    depth = element(0x0040074A, "DS", b"0 ")
    indices = begin(0x00209111, 16) + header(0x00209157, "UL", 8)
    place = begin(0x0048021A, sum(map(len, (across[0], down[0], depth, left[0], top[0]))))
    start = EXPLICIT_LITTLE.item_header(0xE000, len(indices) + 8 + len(place) + int.from_bytes(place[-4:], "little"))
    for number in range(count):
        row, column = divmod(number, columns)
        yield from (start, indices, long[column], long[row], place, across[column], down[row], depth, left[column],
                    top[row])  # fmt: skip


def test_a_regular_slide_is_no_attack() -> None:
    """The places of 200,000 tiles in a grid: 2.2 million elements, and hardly anything deflates better in practice."""

    body = b"".join(grid_of_tiles(447, 200_000))
    plain = EXPLICIT_LITTLE.encode(HEAD) + EXPLICIT_LITTLE.header(0x52009230, "SQ", len(body)) + body
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = compressor.compress(plain) + compressor.flush()
    result = walk_data_set(InflatingSource(BytesSource(data)), transfer_syntax(EXPLICIT_LITTLE.uid))
    assert result.encoded_length == len(plain)


def test_black_pixels_may_deflate_to_almost_nothing() -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    plain = EXPLICIT_LITTLE.encode([*HEAD, (0x7FE00010, "OW", bytes(64 << 20))])
    data = compressor.compress(plain) + compressor.flush()
    result = walk_data_set(InflatingSource(BytesSource(data)), transfer_syntax(EXPLICIT_LITTLE.uid))
    assert result.encoded_length == len(plain)


def test_many_elements_that_differ_are_no_attack() -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    item = EXPLICIT_LITTLE.item_header(0xE000, 26) + EXPLICIT_LITTLE.header(0x00209157, "UL", 8)
    rest = EXPLICIT_LITTLE.element(0x00209056, "SH", b"1 ")
    body = b"".join(item + struct.pack("<2L", number, number * 7) + rest for number in range(400_000))
    plain = EXPLICIT_LITTLE.encode(HEAD) + EXPLICIT_LITTLE.header(0x52009230, "SQ", len(body)) + body
    data = compressor.compress(plain) + compressor.flush()
    result = walk_data_set(InflatingSource(BytesSource(data)), transfer_syntax(EXPLICIT_LITTLE.uid))
    assert result.encoded_length == len(plain)


def test_top_level_elements_are_where_they_were() -> None:
    data = long_item(EXPLICIT_LITTLE, 1000, [(0x00081150, "UI", b"1.2\0")])
    found = elements_of(converted(data, EXPLICIT_LITTLE.uid, EXPLICIT_LITTLE.uid), EXPLICIT_LITTLE.uid)
    assert {element.tag for element in found if not element.depth} >= {tag for tag, _, _ in AFTER}
