"""Whatever the bytes are, the walk ends: with a result, or with a DataSetError."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.dicom.item_search import find_items_with
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.dicom.walk import walk_data_set
from dcmsend.errors import DataSetError
from support.data_set_bytes import ENCODINGS, EXPLICIT_LITTLE
from support.data_set_strategies import data_sets, encoded
from support.examples import examples

SYNTAXES = [*(encoding.uid for encoding in ENCODINGS.values()), "1.2.840.10008.1.2.4.50", "1.2.840.113619.5.2"]
encodings = st.sampled_from(sorted(ENCODINGS))


class BoundedSource(BytesSource):
    """Counts what is read: a walk may not read the data over and over."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.calls = 0

    def read_at(self, position: int, size: int) -> bytes:
        self.calls += 1
        return super().read_at(position, size)


def sound_bytes(data_set: Dataset, name: str) -> bytes:
    encoding = ENCODINGS[name]
    return encoded(data_set, is_implicit=not encoding.is_explicit, is_little=encoding.order == "<")


@given(data_sets(), encodings)
def test_what_pydicom_writes_is_accepted(data_set: Dataset, name: str) -> None:
    data = sound_bytes(data_set, name)
    result = walk_data_set(BytesSource(data), transfer_syntax(ENCODINGS[name].uid), dictionary=default_dictionary)
    assert result.length == result.encoded_length == len(data)
    assert result.repairs == ()
    assert result.sop_class_uid == data_set.get("SOPClassUID", "")
    assert result.sop_instance_uid == data_set.get("SOPInstanceUID", "")


@given(st.binary(max_size=400), st.sampled_from(SYNTAXES))
@example(b"\xfe\xff\x00\xe0" * 20, EXPLICIT_LITTLE.uid)
@settings(max_examples=examples(300))
def test_any_bytes(data: bytes, uid: str) -> None:
    walk_anything(data, uid)


@given(data_sets(), encodings, st.sampled_from(SYNTAXES), st.data())
@settings(max_examples=examples(200))
def test_damaged_data_sets(data_set: Dataset, name: str, uid: str, choice: st.DataObject) -> None:
    data = bytearray(sound_bytes(data_set, name))
    for _ in range(choice.draw(st.integers(1, 3))):
        place = choice.draw(st.integers(0, len(data)))
        data[place : place + choice.draw(st.integers(0, 4))] = choice.draw(st.binary(max_size=8))
    walk_anything(bytes(data), uid)


def walk_anything(data: bytes, uid: str) -> None:
    source = BoundedSource(data)
    with suppress(DataSetError):
        result = walk_data_set(source, transfer_syntax(uid), dictionary=default_dictionary)
        assert 0 <= result.length <= result.encoded_length <= len(data)
    assert source.calls < 20 + 2 * len(data)
    with suppress(DataSetError):
        for item in find_items_with(BytesSource(data), transfer_syntax(uid), 0x00080005, dictionary=default_dictionary):
            assert 0x00080005 in item
