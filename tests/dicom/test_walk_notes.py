"""Values that a walk takes note of are those that a look at every element finds, whatever other walks have noted."""

from __future__ import annotations

from contextlib import suppress
from random import Random

import pytest

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.dicom.tag import (
    PATIENT_ID,
    PATIENT_NAME,
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SPECIFIC_CHARACTER_SET,
    STUDY_INSTANCE_UID,
)
from dcmsend.dicom.transfer_syntax import TransferSyntax, transfer_syntax
from dcmsend.dicom.walk import walk_data_set
from dcmsend.dicom.walk_notes import NOTED_UIDS, Notes
from dcmsend.errors import DataSetError
from dcmsend.index import ReadMode, locate_data_set
from support.corpus import corpus
from support.data_set_bytes import ENCODINGS
from support.random_data_sets import random_elements

SYNTAXES = {encoding: transfer_syntax(encoding.uid) for encoding in ENCODINGS.values()}
PATIENT = frozenset((SPECIFIC_CHARACTER_SET, PATIENT_NAME, PATIENT_ID))
SETS = (frozenset[int](), PATIENT, frozenset((0x00080060, 0x00100020, 0x00280010)))


class Looker:
    """Looks at every element for itself."""

    def __init__(self, tags: frozenset[int]) -> None:
        self.tags = tags | NOTED_UIDS
        self.depth = 0
        self.places: dict[int, tuple[int, int]] = {}

    def element(self, tag: int, vr: str, position: int, length: int) -> None:
        if not self.depth and tag in self.tags and length <= 1024:
            self.places.setdefault(tag, (position, length))

    def begin_sequence(self, tag: int, implicit: bool) -> None:
        self.depth += 1

    def end_sequence(self) -> None:
        self.depth -= 1

    def begin_item(self) -> None: ...
    def end_item(self) -> None: ...
    def begin_fragments(self, tag: int) -> None: ...
    def fragment(self, position: int, length: int) -> None: ...
    def end_fragments(self) -> None: ...


def noted(data: bytes, syntax: TransferSyntax, tags: frozenset[int]) -> dict[int, bytes]:
    notes = Notes(tags)
    walk_data_set(BytesSource(data), syntax, dictionary=default_dictionary, notes=notes)
    return notes.values


def seen(data: bytes, syntax: TransferSyntax, tags: frozenset[int]) -> dict[int, bytes]:
    looker = Looker(tags)
    walk_data_set(BytesSource(data), syntax, dictionary=default_dictionary, builder=looker)
    return {tag: data[at : at + length] for tag, (at, length) in looker.places.items()}


def check(data: bytes, syntax: TransferSyntax, random: Random) -> int:
    """The number of values noted."""
    count = 0
    for tags in random.sample(SETS * 2, len(SETS) * 2):
        found = noted(data, syntax, tags)
        assert found == seen(data, syntax, tags)
        count += len(found)
    return count


@pytest.mark.parametrize("seed", range(20))
def test_random_data_sets(seed: int) -> None:
    random, count = Random(seed), 0
    for encoding, syntax in SYNTAXES.items():
        for _ in range(20):
            elements = [
                *random_elements(random, encoding),
                (SOP_CLASS_UID, "UI", b"1.2.3\0"),
                (PATIENT_NAME, "PN", random.choice((b"", b"A^B ", b"Long Name^With Blanks", b"x" * 2000))),
                (STUDY_INSTANCE_UID, "UI", random.choice((b"1.2", b"1.2\0 ", b" 1.2", b""))),
                (0x00081115, "SQ", [[(SERIES_INSTANCE_UID, "UI", b"9.9.9\0")]]),
                *[(SERIES_INSTANCE_UID, "UI", b"1.2.3." + b"4" * random.randrange(0, 60, 2))] * random.randrange(2),
            ]
            elements.sort(key=lambda element: element[0])
            with suppress(DataSetError):  # some are none that can be read
                count += check(encoding.encode(elements), syntax, random)
    assert count > 500


def test_real_files() -> None:
    random, count = Random(1), 0
    for file in corpus():
        content = file.path.read_bytes()
        try:
            location = locate_data_set(BytesSource(content), ReadMode.FILE_OR_DATA_SET, default_dictionary)
            if location.transfer_syntax.is_known and not location.transfer_syntax.is_deflated:
                count += check(content[location.offset :], location.transfer_syntax, random)
        except DataSetError:
            continue
    assert count > 1000
