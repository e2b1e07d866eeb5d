"""VRs that depend on another element: the nearest one decides, wherever it stands.

The values keep their bytes in little endian, and are turned around in big endian, where a wrong VR would spoil them.
"""

from __future__ import annotations

import pytest

from support.converting import converted
from support.data_set_bytes import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT, Element

UIDS: list[Element] = [(0x00080016, "UI", b"1.2\0"), (0x00080018, "UI", b"1.2.3\0")]


def sign(value: int) -> Element:
    return 0x00280103, "US", ("H", value)


def bits(value: int) -> Element:
    return 0x54001004, "US", ("H", value)


MAPPED: list[Element] = [(0x00409211, "SS", ("h", 3071)), (0x00409216, "SS", ("h", -1024))]
TABLE: Element = (0x00283002, "SS", ("hhh", 256, -1024, 16))
UNSIGNED_TABLE: Element = (0x00283002, "US", ("HHH", 256, 1024, 16))
PADDING: Element = (0x00280120, "SS", ("h", -2000))
FRAME: Element = (0x52009230, "SQ", [[(0x00289145, "SQ", [[PADDING]])], [(0x00289145, "SQ", [[PADDING]])]])
VELOCITY: Element = (0x00189810, "SS", ("h", -1))
ICON: list[Element] = [sign(0), (0x00280106, "US", ("H", 5)), (0x00283010, "SQ", [[UNSIGNED_TABLE]])]
SAMPLES: list[Element] = [
    (tag, "SS", ("h", -5))
    for tag in (0x00280104, 0x00280105, 0x00280106, 0x00280107, 0x00280108, 0x00280109, 0x00280110, 0x00280111)
]
PALETTE: list[Element] = [(tag, "SS", ("hhh", 256, -128, 16)) for tag in (0x00281101, 0x00281102, 0x00281103)]
WORDS: tuple[str, object] = ("OW", ("H", 0x1234))
BYTES: tuple[str, object] = ("OB", b"ab")
CHANNELS: list[Element] = [(0x54000110, *WORDS), (0x54000112, *WORDS)]


@pytest.mark.parametrize(
    "elements",
    [
        [sign(1), (0x00409096, "SQ", [MAPPED])],
        [sign(1), (0x00283000, "SQ", [[TABLE]])],
        [sign(1), (0x00283010, "SQ", [[TABLE], [TABLE]])],
        [sign(1), FRAME],
        [(0x00089121, "SQ", [[PADDING]]), sign(1)],  # decided by what comes later
        [(0x00186011, "SQ", [[VELOCITY]]), sign(1)],
        [VELOCITY, sign(1)],
        [(0x00186011, "SQ", [[VELOCITY, sign(1)]]), sign(0)],
        [sign(1), *SAMPLES, PADDING, *PALETTE],
        [(0x00221450, "SQ", [[(0x00221452, "SS", ("h", -1))]]), sign(1)],
        [sign(1), (0x00283010, "SQ", [[TABLE]]), (0x00880200, "SQ", [ICON])],  # an icon has its own
        [sign(0), (0x00283010, "SQ", [[UNSIGNED_TABLE]]), (0x00880200, "SQ", [[sign(1), TABLE]])],
        [sign(2), (0x00283010, "SQ", [[UNSIGNED_TABLE]])],
        [(0x00283010, "SQ", [[UNSIGNED_TABLE]])],
        [(0x00880200, "SQ", [[sign(1)]]), (0x52009230, "SQ", [[(0x00283010, "SQ", [[UNSIGNED_TABLE]])]])],  # no parent
        [(0x54000100, "SQ", [[(0x003A0200, "SQ", [CHANNELS, CHANNELS]), bits(16), (0x54001010, *WORDS)]])],
        [(0x54000100, "SQ", [[*CHANNELS, bits(16)], [(0x54000110, *BYTES), bits(8)], [(0x54000110, *BYTES)]])],
    ],
    ids=range(17),
)
def test_the_nearest_element_decides(elements: list[Element]) -> None:
    for explicit in (EXPLICIT_LITTLE, EXPLICIT_BIG):
        data, expected = (encoding.encode([*UIDS, *elements]) for encoding in (IMPLICIT, explicit))
        assert converted(data, IMPLICIT.uid, explicit.uid) == expected
        assert converted(expected, explicit.uid, IMPLICIT.uid) == data


def rescale(slope: str, intercept: str, *further: Element) -> list[Element]:
    return [(0x00281052, "DS", intercept), (0x00281053, "DS", slope), *further]


def made_by(sop_class: bytes) -> list[Element]:
    return [(0x00080016, "UI", sop_class), UIDS[1]]


CT = b"1.2.840.10008.5.1.4.1.1.2\0"
HOUNSFIELD: Element = (0x00281054, "LO", b"HU")
STORED: Element = (0x00280101, "US", ("H", 12))
SIGNED: Element = (0x00283010, "SQ", [[(0x00283002, "SS", ("hhh", 2000, -1000, 16))]])
UNSIGNED: Element = (0x00283010, "SQ", [[(0x00283002, "US", ("HHH", 4096, 40000, 16))]])


@pytest.mark.parametrize(
    "elements",
    [
        [sign(0), *rescale("1 ", "-1024 "), SIGNED],
        [*rescale("1 ", "-1024 "), (0x00283110, "SQ", [[SIGNED]])],  # a presentation state: the pixels are elsewhere
        [sign(0), *rescale("-1", "4000"), SIGNED],
        [STORED, sign(0), *rescale("-1", "4000"), SIGNED],
        [STORED, sign(0), *rescale("-1", "4095"), UNSIGNED],
        [STORED, sign(1), *rescale("1 ", "2047"), SIGNED],
        [STORED, sign(1), *rescale("1 ", "2048"), UNSIGNED],
        [sign(1), (0x00281052, "DS", b"1e2 "), SIGNED],
        [sign(0), *rescale("1 ", "0 ", HOUNSFIELD), SIGNED],
        [*made_by(CT), sign(0), *rescale("1 ", "0 "), SIGNED],
        [*made_by(CT), sign(0), *rescale("1 ", "0 ", (0x00281054, "LO", b"US")), UNSIGNED],
        [sign(0), *rescale("1 ", "0 "), UNSIGNED],
        [sign(1), *rescale("one ", "many"), SIGNED],  # no numbers
        [sign(1), (0x00283000, "SQ", [[TABLE]]), UNSIGNED],  # what comes out of a lookup table is never negative
        [sign(1), (0x00283000, "SQ", []), SIGNED],
        [sign(1), (0x20500010, "SQ", [[(0x00283002, "US", ("HHH", 4096, 0, 16))]])],
    ],
    ids=range(16),
)
def test_the_descriptor_of_a_voi_lut_has_the_sign_of_what_goes_into_it(elements: list[Element]) -> None:
    uids = [] if elements[0][0] == UIDS[0][0] else UIDS
    for explicit in (EXPLICIT_LITTLE, EXPLICIT_BIG):
        data, expected = (encoding.encode([*uids, *elements]) for encoding in (IMPLICIT, explicit))
        assert converted(data, IMPLICIT.uid, explicit.uid) == expected


def test_many_items_inside_each_other() -> None:
    """What is undecided moves from item to item; it is not copied each time."""
    element: Element = (0x00081140, "SQ", [[TABLE]] * 500)
    for _ in range(40):
        element = (0x00081199, "SQ", [[element, TABLE]])
    elements = [*UIDS, element, sign(1)]
    data, expected = (encoding.encode(elements) for encoding in (IMPLICIT, EXPLICIT_LITTLE))
    is_same = converted(data, IMPLICIT.uid, EXPLICIT_LITTLE.uid) == expected
    assert is_same
