"""Conversions keep the contents, and their output is a fixed point."""

from __future__ import annotations

from io import BytesIO

from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.dicom.walk import walk_data_set
from dcmsend.errors import DataSetError, TranscodeError
from support.converting import converted
from support.data_set_bytes import ENCODINGS, EXPLICIT_LITTLE
from support.data_set_strategies import data_sets, encoded
from support.examples import examples

NATIVE = [encoding.uid for encoding in ENCODINGS.values()]
DEFLATED = "1.2.840.10008.1.2.1.99"
encodings = st.sampled_from(sorted(ENCODINGS))


def sound_bytes(data_set: Dataset, name: str) -> bytes:
    encoding = ENCODINGS[name]
    return encoded(data_set, is_implicit=not encoding.is_explicit, is_little=encoding.order == "<")


@given(data_sets(), encodings, st.sampled_from([*NATIVE, DEFLATED]))
@settings(max_examples=examples(150))
def test_there_and_back(data_set: Dataset, name: str, target: str) -> None:
    uid = ENCODINGS[name].uid
    data = sound_bytes(data_set, name)
    canonical = converted(data, uid, uid)
    assert converted(converted(data, uid, target), target, uid) == canonical
    assert converted(canonical, uid, target) == converted(data, uid, target)


@given(data_sets(), st.sampled_from(["explicit little", "implicit"]), encodings)
@settings(max_examples=examples(150))
def test_pydicom_reads_the_same_values(data_set: Dataset, name: str, target: str) -> None:
    encoding = ENCODINGS[target]
    result = converted(sound_bytes(data_set, name), ENCODINGS[name].uid, encoding.uid)
    again = read(result, target)
    assert sound_bytes(again, target) == result
    assert without_raw_words(again) == without_raw_words(read(sound_bytes(data_set, target), target))
    little = converted(result, encoding.uid, EXPLICIT_LITTLE.uid)
    assert read(little, "explicit little") == read(sound_bytes(data_set, "explicit little"), "explicit little")


def read(data: bytes, name: str) -> Dataset:
    encoding = ENCODINGS[name]
    return read_dataset(BytesIO(data), is_implicit_VR=not encoding.is_explicit, is_little_endian=encoding.order == "<")


def without_raw_words(data_set: Dataset) -> Dataset:
    """Without values that pydicom leaves in the byte order of the file."""
    for element in list(data_set):
        if element.VR in ("OW", "OV", "OF", "OD", "OL"):
            del data_set[element.tag]
        elif element.VR == "SQ":
            for item in element.value:
                without_raw_words(item)
    return data_set


@given(st.binary(max_size=300), st.sampled_from(NATIVE), st.sampled_from(NATIVE))
@settings(max_examples=examples(200))
def test_any_bytes(data: bytes, source: str, target: str) -> None:
    convert_anything(data, source, target)


@given(data_sets(), encodings, st.sampled_from(NATIVE), st.data())
@settings(max_examples=examples(300))
def test_damaged_data_sets(data_set: Dataset, name: str, target: str, choice: st.DataObject) -> None:
    data = bytearray(sound_bytes(data_set, name))
    for _ in range(choice.draw(st.integers(1, 3))):
        place = choice.draw(st.integers(0, len(data)))
        data[place : place + choice.draw(st.integers(0, 4))] = choice.draw(st.binary(max_size=8))
    convert_anything(bytes(data), ENCODINGS[name].uid, target)


def convert_anything(data: bytes, source: str, target: str) -> None:
    """It fails with one of two errors, or gives a data set that needs no repair and is its own canonical form."""
    try:
        result = converted(data, source, target)
    except (DataSetError, TranscodeError):
        return
    walked = walk_data_set(BytesSource(result), transfer_syntax(target), dictionary=default_dictionary)
    assert walked.repairs == ()
    assert walked.length == len(result)
    assert converted(result, target, target) == result


@given(st.binary(max_size=300))
def test_any_bytes_as_deflated(data: bytes) -> None:
    convert_anything(data, DEFLATED, EXPLICIT_LITTLE.uid)
