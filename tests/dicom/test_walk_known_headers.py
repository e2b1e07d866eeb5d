"""Headers of elements are remembered from one data set to the next: that must never change what a walk finds."""

from __future__ import annotations

from random import Random

import pytest

from dcmsend.dicom import walk_headers
from dcmsend.dicom.byte_source import BytesSource
from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.dicom.walk_encoding import EXPLICIT_LITTLE
from dcmsend.dicom.walk_notes import NOTED_UIDS
from dcmsend.errors import DataSetError
from dcmsend.index import ReadMode, locate_data_set
from support.corpus import corpus
from support.data_set_bytes import ENCODINGS, Encoding, Items
from support.random_data_sets import damaged, random_elements
from support.walking import SYNTAXES, Listener, findings


@pytest.mark.parametrize("seed", range(40))
def test_known_headers_change_nothing(seed: int) -> None:
    random = Random(seed)
    for encoding, syntax in SYNTAXES.items():
        for _ in range(40):
            sound = encoding.encode(random_elements(random, encoding))
            for data in (sound, *(damaged(random, sound, 0) for _ in range(4))):
                expected = findings(data, syntax, Listener())
                assert findings(data, syntax) == expected
                assert findings(data, syntax) == expected, "now that its headers are known"


def test_every_cut_of_a_nested_data_set() -> None:
    """All lengths that a file can be cut to, in front of what was seen whole."""
    random = Random(4)
    for encoding, syntax in SYNTAXES.items():
        whole = max((encoding.encode(random_elements(random, encoding)) for _ in range(60)), key=len)
        findings(whole, syntax)
        for length in range(len(whole)):
            assert findings(whole[:length], syntax) == findings(whole[:length], syntax, Listener()), length


@pytest.mark.sources
def test_what_is_remembered_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk_headers, "_MOST_HEADERS", 50)
    syntax = transfer_syntax("1.2.840.10008.1.2.1")
    elements = b"".join(bytes((0x18, 0, n & 0xFF, n >> 8)) + b"LO\4\0abcd" for n in range(1000))
    for _ in range(2):
        assert findings(elements, syntax) == findings(elements, syntax, Listener())
        assert len(EXPLICIT_LITTLE.headers.of(NOTED_UIDS).meanings) <= 50


def test_real_files() -> None:
    for file in corpus():
        content = file.path.read_bytes()
        try:
            location = locate_data_set(BytesSource(content), ReadMode.FILE_OR_DATA_SET, default_dictionary)
        except DataSetError:
            continue
        if location.transfer_syntax.is_known and not location.transfer_syntax.is_deflated:
            data = content[location.offset :]
            expected = findings(data, location.transfer_syntax, Listener())
            assert findings(data, location.transfer_syntax) == expected
            assert findings(data, location.transfer_syntax) == expected


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("rest", [b"", b"\x10\0\x10\0\0\0\0\0"], ids=["nothing", "something"])
def test_delimiters_inside_defined_lengths(encoding: Encoding, rest: bytes) -> None:
    """A writer that gives both, and counts them all; and one that hides something behind the delimiter."""
    syntax = SYNTAXES[encoding]
    ends = encoding.item_header(0xE00D, 0), encoding.item_header(0xE0DD, 0)
    content = encoding.encode([(0x00081150, "UI", b"1.2\0")]) + b"".join(ends) + rest
    whole = encoding.item_header(0xE000, len(content)) + content
    data = encoding.header(0x00081140, "SQ", len(whole)) + whole + encoding.encode([(0x00100020, "LO", b"P1")])
    sound = encoding.encode([(0x00081140, "SQ", Items([[(0x00081150, "UI", b"1.2\0")]], True, True))])
    for known in (sound, data):  # the delimiter is known as soon as it was met
        findings(known, syntax)
        assert findings(data, syntax) == findings(data, syntax, Listener())
