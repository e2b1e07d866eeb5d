"""Copies of DICOM files with random changes, and the elements that were changed."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass

from soak.compare.elements import BIG, GE_PRIVATE, IMPLICIT, LONG_VRS, UNDEFINED, FileParts, Place, element, parts_of

__all__ = ["MUTATIONS", "Mutated", "mutate"]

_VRS = (b"LO", b"UN", b"OB", b"OW", b"SQ", b"FL", b"FD", b"US", b"UL", b"AT", b"UI", b"UT", b"ZZ", b"SH", b"IS")
_CREATORS = (
    b"GEMS_HELIOS_01", b"SIEMENS MR HEADER ", b"SIEMENS CSA HEADER", b"Philips Imaging DD 001", b"GEMS_PARM_01",
    b"NOBODY", b"Philips MR Imaging DD 001 ", b"ELSCINT1", b"ACUSON", b"SPI Release 1 ",
)  # fmt: skip
_SYNTAXES = (IMPLICIT, "1.2.840.10008.1.2.1", BIG, "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.5", "1.2.3.4.5")


@dataclass
class Mutated:
    """A file that is being changed.

    Attributes:
        tags: elements that were changed, 0 for other bytes.
        kinds: the kinds of changes.
    """

    content: bytes
    tags: set[int]
    kinds: list[str]

    @property
    def parts(self) -> FileParts:
        return parts_of(self.content)

    def splice(self, start: int, end: int, new: bytes) -> None:
        """Replace ``start:end`` by ``new``."""
        self.content = self.content[:start] + new + self.content[end:]


Mutation = Callable[[Mutated, random.Random], None]


def _encoding(parts: FileParts) -> tuple[bool, str]:
    return parts.syntax not in (IMPLICIT, GE_PRIVATE), ">" if parts.syntax == BIG else "<"


def _some_element(file: Mutated, chance: random.Random) -> Place | None:
    parts = file.parts
    candidates = parts.meta if parts.meta and chance.random() < 0.15 else parts.elements
    return chance.choice(candidates) if candidates else None


def flip_bytes(file: Mutated, chance: random.Random) -> None:
    """Change one to four bytes anywhere, more often in the first kilobyte of the data set than elsewhere."""
    content, parts = bytearray(file.content), file.parts
    if not content:
        return
    for _ in range(chance.randint(1, 4)):
        low, high = chance.choice(((0, len(content)), (parts.offset, parts.offset + 1024), (132, parts.offset)))
        place = min(chance.randrange(low, max(low + 1, high)), len(content) - 1)
        content[place] ^= 1 << chance.randrange(8) if chance.random() < 0.5 else chance.randrange(1, 256)
        hit = (each.tag for each in (*parts.meta, *parts.elements) if each.start <= place < each.end)
        file.tags.add(next(hit, 0))
    file.content = bytes(content)


def change_length(file: Mutated, chance: random.Random) -> None:
    """Change the length in one header, but not the value."""
    place = _some_element(file, chance)
    if place is None:
        return
    _, order = _encoding(file.parts)
    is_meta = place.tag >> 16 == 2
    order = "<" if is_meta else order
    is_short = place.vr != b"" and place.vr not in LONG_VRS
    width, limit = (2, 0xFFFF) if is_short else (4, UNDEFINED)
    length = place.end - place.value if place.length == UNDEFINED else place.length
    choices = (length + 1, length - 1, length + 2, length - 2, 0, limit, limit - 1, length * 2, chance.randrange(256))
    new = max(0, chance.choice(choices)) & limit
    file.splice(place.value - width, place.value, struct.pack(order + ("H" if width == 2 else "L"), new))
    file.tags.add(place.tag)


def resize_value(file: Mutated, chance: random.Random) -> None:
    """Make a value some bytes longer or shorter, with the right length."""
    place = _some_element(file, chance)
    if place is None or place.length == UNDEFINED:
        return
    is_explicit, order = _encoding(file.parts)
    if place.tag >> 16 == 2:
        is_explicit, order = True, "<"
    value = file.content[place.value : place.end]
    by = chance.choice((-3, -2, -1, 1, 2, 3))
    value = value[:by] if by < 0 else value + bytes(chance.choice((0, 32, 65)) for _ in range(by))
    header = element(place.tag, place.vr, value, is_explicit=is_explicit, order=order)
    file.splice(place.start, place.end, header)
    file.tags.add(place.tag)


def move_element(file: Mutated, chance: random.Random) -> None:
    """Move an element to another place."""
    elements = file.parts.elements
    if len(elements) < 2:
        return
    one, other = chance.choice(elements), chance.choice(elements)
    piece = file.content[one.start : one.end]
    if one.start < other.start:
        file.splice(other.start, other.start, piece)
        file.splice(one.start, one.end, b"")
    else:
        file.splice(one.start, one.end, b"")
        file.splice(other.start, other.start, piece)
    file.tags.add(one.tag)


def repeat_element(file: Mutated, chance: random.Random) -> None:
    place = _some_element(file, chance)
    if place is not None and place.end - place.start < 4096:
        file.splice(place.end, place.end, file.content[place.start : place.end])
        file.tags.add(place.tag)


def remove_element(file: Mutated, chance: random.Random) -> None:
    place = _some_element(file, chance)
    if place is not None:
        file.splice(place.start, place.end, b"")
        file.tags.add(place.tag)


def truncate(file: Mutated, chance: random.Random) -> None:
    """Cut the file off at the end of an element, or anywhere."""
    place = _some_element(file, chance)
    if place is None or chance.random() < 0.5:
        cut = chance.randrange(len(file.content) + 1)
    else:
        cut = chance.choice((place.end, place.start + 4, place.value, place.start + 8))
    file.tags.update(each.tag for each in file.parts.elements if each.end > cut)
    file.tags.add(0)
    file.content = file.content[:cut]


def append(file: Mutated, chance: random.Random) -> None:
    """Append garbage, zeros or trailing padding after the last element."""
    is_explicit, order = _encoding(file.parts)
    file.content += chance.choice((
        bytes(chance.randrange(1, 40)), chance.randbytes(chance.randrange(1, 20)),
        element(0xFFFCFFFC, b"OB", bytes(20), is_explicit=is_explicit, order=order),
    ))  # fmt: skip
    file.tags.add(0xFFFCFFFC)


def insert_group(file: Mutated, chance: random.Random) -> None:
    """Insert a group length, right or wrong, or an element of a group that should not be there."""
    is_explicit, order = _encoding(file.parts)
    elements = file.parts.elements
    if not elements:
        return
    place = chance.choice(elements)
    group = place.tag >> 16
    if chance.random() < 0.6:
        size = sum(each.end - each.start for each in elements if each.tag >> 16 == group)
        value = struct.pack(order + "L", size if chance.random() < 0.5 else chance.randrange(1 << 16))
        place = next(each for each in elements if each.tag >> 16 == group)
        tag, vr = group << 16, b"UL"
        value = value if chance.random() < 0.8 else value[: chance.choice((2, 3))]
    else:
        tag = chance.choice((0x00000002, 0x00010010, 0x00020010, 0x00020000, 0x00030010, 0x00070001, 0xFFFF0010))
        vr, value = b"UI", b"1.2.3.4\0"
    new = element(tag, vr, value, is_explicit=is_explicit, order=order)
    file.splice(place.start, place.start, new)
    file.tags.add(tag)


def insert_private(file: Mutated, chance: random.Random) -> None:
    """Insert a private creator and some of its elements."""
    is_explicit, order = _encoding(file.parts)
    group, block = chance.choice((0x0009, 0x0019, 0x0021, 0x0029, 0x2005, 0x7053)), chance.randrange(0x10, 0x20)
    elements = [each for each in file.parts.elements if each.tag >> 16 > group]
    if not elements:
        return
    new = element(group << 16 | block, b"LO", chance.choice(_CREATORS), is_explicit=is_explicit, order=order)
    for number in sorted(chance.sample(range(0x30), chance.randint(1, 4))):
        value = chance.choice((b"1.5 ", b"\1\0", b"\1\0\0\0", b"", b"odd", chance.randbytes(8), _item(order)))
        tag = group << 16 | block << 8 | number
        new += element(tag, chance.choice(_VRS[:-2]), value, is_explicit=is_explicit, order=order)
        file.tags.add(tag)
    file.splice(elements[0].start, elements[0].start, new)


def _item(order: str) -> bytes:
    inner = element(0x00080100, b"SH", b"CODE", is_explicit=True, order=order)
    return struct.pack(order + "HHL", 0xFFFE, 0xE000, len(inner)) + inner


def insert_sequence(file: Mutated, chance: random.Random) -> None:
    """Insert a sequence of undefined length, sometimes with a fault inside."""
    is_explicit, order = _encoding(file.parts)
    elements = [each for each in file.parts.elements if each.tag > 0x00400275]
    if not elements:
        return
    inner = element(0x00080100, b"SH", b"CODE", is_explicit=is_explicit, order=order)
    lengths = (len(inner), UNDEFINED, len(inner) + 2, len(inner) - 2, 0)
    length = chance.choices(lengths, (6, 6, 1, 1, 1))[0]
    value = struct.pack(order + "HHL", 0xFFFE, 0xE000, length) + inner
    if length == UNDEFINED:
        value += struct.pack(order + "HHL", 0xFFFE, 0xE00D, 0)
    is_defined = chance.random() < 0.5
    if not is_defined and chance.random() < 0.9:
        value += struct.pack(order + "HHL", 0xFFFE, 0xE0DD, 0)
    vr, tag = chance.choice((b"SQ", b"SQ", b"UN")), chance.choice((0x00400275, 0x00081140, 0x00091077))
    new = element(
        tag, vr, value, is_explicit=is_explicit, order=order, length=None if is_defined else UNDEFINED
    )
    file.splice(elements[0].start, elements[0].start, new)
    file.tags.add(tag)


def change_vr(file: Mutated, chance: random.Random) -> None:
    place = _some_element(file, chance)
    if place is not None and place.vr:
        file.splice(place.start + 4, place.start + 6, chance.choice(_VRS))
        file.tags.add(place.tag)


def change_syntax(file: Mutated, chance: random.Random) -> None:
    """Put another transfer syntax UID into the meta header."""
    for place in file.parts.meta:
        if place.tag == 0x00020010:
            value = chance.choice(_SYNTAXES).encode()
            new = element(0x00020010, b"UI", value + b"\0" * (len(value) & 1), is_explicit=True, order="<")
            file.splice(place.start, place.end, new)
            file.tags.add(0x00020010)


def strip_meta(file: Mutated, chance: random.Random) -> None:
    """Leave only the data set."""
    file.content = file.content[file.parts.offset :]
    file.tags.add(0x00020000)


MUTATIONS: tuple[tuple[Mutation, int], ...] = (
    (flip_bytes, 6), (change_length, 5), (resize_value, 4), (move_element, 4), (repeat_element, 2),
    (remove_element, 2), (truncate, 3), (append, 2), (insert_group, 4), (insert_private, 4), (insert_sequence, 4),
    (change_vr, 3), (change_syntax, 1), (strip_meta, 1),
)  # fmt: skip
"""The kinds of changes, and how often each comes."""


def mutate(content: bytes, chance: random.Random) -> Mutated:
    """Make one to three random changes."""
    file = Mutated(content, set(), [])
    for _ in range(chance.choices((1, 2, 3), (6, 2, 1))[0]):
        (change,) = chance.choices([each for each, _ in MUTATIONS], [weight for _, weight in MUTATIONS])
        change(file, chance)
        file.kinds.append(change.__name__)
    return file
