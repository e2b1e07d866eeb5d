"""Data sets from a seed: sound ones, odd ones, and damaged ones, for comparisons with DCMTK."""

from __future__ import annotations

from random import Random

from support.data_set_bytes import IMPLICIT, Element, Encoding, Fragments, Items, Raw

__all__ = ["damaged", "random_elements"]

_REFERENCE: list[Element] = [(0x00081150, "UI", b"1.2\0"), (0x00081155, "UI", b"1.4\0")]
_VRS = ("LO", "UI", "US", "UL", "OB", "OW", "UN", "UT", "SH", "PN", "FD", "AT", "OF", "SV", "OL")
_INSERTED = (
    b"\0\0", bytes(4), b"\xfe\xff\x0d\xe0" + bytes(4), b"\xfe\xff\xdd\xe0" + bytes(4), b"\xfe\xff\x00\xe0" + bytes(4),
    b"\xff\xff\xff\xff",
)
_BYTES = (0, 1, 2, 4, 8, 12, 0xFF, 0xFE, 0xE0, 0x0D, 0xDD, *b"SQUN")


def random_elements(random: Random, encoding: Encoding, *, with_pixels: bool = True) -> list[Element]:
    """Elements of one data set: sequences of all kinds, repeated and unsorted tags, odd lengths, VRs that are none."""
    elements = _item(random, encoding, 0)
    choice = random.random()
    if with_pixels and choice < 0.3:
        fragments = [_value(random, "OB") for _ in range(random.randrange(3))]
        elements.append((0x7FE00010, "OB", Fragments(fragments)))
    elif choice < 0.6:
        elements.append((0x7FE00010, "OW", _value(random, "OW")))
    if random.random() < 0.2:
        elements.append((0xFFFCFFFC, "OB", bytes(4)))
    return elements


def damaged(random: Random, data: bytes, intact: int) -> bytes:
    """``data`` with up to two small accidents after its first ``intact`` bytes."""
    result = bytearray(data)
    for _ in range(random.choice((0, 0, 1, 1, 1, 2))):
        if len(result) <= intact:
            break
        kind, place = random.random(), random.randrange(intact, len(result))
        if kind < 0.4:
            result[place] = random.choice((*_BYTES, random.randrange(256)))
        elif kind < 0.6:
            del result[place : place + random.choice((1, 2, 4, 8))]
        elif kind < 0.8:
            result[place:place] = random.choice(_INSERTED)
        else:
            del result[place:]
    return bytes(result)


def _value(random: Random, vr: str) -> bytes:
    if vr == "UI":
        return random.choice((b"1.2\0", b"1.2 ", b"", b"1.2.3"))
    # an odd OW is the one value that DCMTK writes wrongly
    length = random.choice((0, 2, 4, 8) if vr == "OW" else (0, 1, 2, 4, 6, 8, 12))
    return bytes(random.choice(b"ABC \0") for _ in range(length))


def _item(random: Random, encoding: Encoding, depth: int) -> list[Element]:
    elements: list[Element] = []
    tag = 0x00080050
    for _ in range(random.randrange(5)):
        tag += random.choice((0, 1, 3, 0x10000, 0x20000, -1, 0x10))
        kind = random.random()
        if kind < 0.25 and depth < 3:
            items = [_item(random, encoding, depth + 1) for _ in range(random.randrange(3))]
            elements.append((tag, "SQ", Items(items, random.random() < 0.5, random.random() < 0.5)))
        elif kind < 0.3:
            elements.append((tag, random.choice(("ZZ", "zz", "??", "ox", "xs", "OX")), _value(random, "LO")))
        elif kind < 0.33 and encoding.is_explicit:
            content = IMPLICIT.sequence(tag, "SQ", Items([_REFERENCE], True, True))[8:]
            elements.append((tag, "UN", Raw(encoding.header(tag, "UN", 0xFFFFFFFF) + content)))
        else:
            vr = random.choice(_VRS)
            elements.append((tag, vr, _value(random, vr)))
    return elements
