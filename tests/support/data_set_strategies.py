"""Hypothesis strategies for pydicom data sets, and their encodings."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

__all__ = ["data_sets", "encoded"]

_TEXT = st.text(st.characters(codec="ascii", exclude_characters="\\^=", categories=["L", "N", "P"]), max_size=12)
_UIDS = st.lists(st.integers(1, 10**9), min_size=1, max_size=6).map(lambda parts: ".".join(map(str, parts)))
_FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32)


def _numbers(low: int, high: int) -> st.SearchStrategy[Any]:
    return st.lists(st.integers(low, high), min_size=1, max_size=4)


# Elements whose VR the dictionary tells without doubt: keyword -> values.
_ELEMENTS: dict[str, st.SearchStrategy[Any]] = {
    "ImageType": st.lists(st.sampled_from(["ORIGINAL", "PRIMARY", "AXIAL", "M"]), max_size=4),
    "SOPClassUID": _UIDS, "SOPInstanceUID": _UIDS, "StudyDate": st.just("20200229"), "AccessionNumber": _TEXT,
    "RetrieveURI": st.just("http://x.example/?a=b"), "LongCodeValue": _TEXT, "StationAETitle": st.just("STATION"),
    "ReferencedFrameNumber": st.lists(st.integers(1, 99999).map(str), min_size=1, max_size=3),
    "SimpleFrameList": _numbers(0, 2**32 - 1), "RecommendedDisplayFrameRateInFloat": _FLOATS,
    "PatientName": st.sampled_from(["A^B", "", "X=Y", "Long^Name^With^Many"]), "PatientAge": st.just("042Y"),
    "AdditionalPatientHistory": _TEXT, "SliceThickness": st.sampled_from(["1.5", "-2e3", "0"]),
    "ReferencePixelX0": st.integers(-(2**31), 2**31 - 1), "TagAngleSecondAxis": st.integers(-(2**15), 2**15 - 1),
    "Rows": st.integers(0, 65535), "FrameIncrementPointer": st.just([0x00181063, 0x00200013]),
    "RedPaletteColorLookupTableData": st.binary(max_size=20).map(lambda data: data * 2),
    "ICCProfile": st.binary(max_size=20).map(lambda data: data * 2),
    "TextValue": _TEXT, "DiffusionBValue": st.floats(allow_nan=False), "FrameOfReferenceUID": _UIDS,
    "ExtendedOffsetTable": st.binary(max_size=8).map(lambda data: data * 8),
    "VectorGridData": st.binary(max_size=5).map(lambda data: data * 4),
}
_SEQUENCES = ("ReferencedImageSequence", "SourceImageSequence", "ConceptNameCodeSequence")


@st.composite
def data_sets(draw: st.DrawFn, depth: int = 0) -> Dataset:
    """A data set with nested sequences of undefined and explicit length."""
    data_set = Dataset()
    for keyword in draw(st.lists(st.sampled_from(sorted(_ELEMENTS)), max_size=8, unique=True)):
        setattr(data_set, keyword, draw(_ELEMENTS[keyword]))
    if depth < 3:
        for keyword in draw(st.lists(st.sampled_from(_SEQUENCES), max_size=2, unique=True)):
            items = draw(st.lists(data_sets(depth + 1), max_size=3))
            for item in items:
                item.is_undefined_length_sequence_item = draw(st.booleans())
            setattr(data_set, keyword, Sequence(items))
            data_set[keyword].is_undefined_length = draw(st.booleans())
    if depth == 0 and draw(st.booleans()):
        data_set.add_new(0x7FE00010, "OW", draw(st.binary(max_size=40)) * 2)
    return data_set


def encoded(data_set: Dataset, *, is_implicit: bool, is_little: bool) -> bytes:
    """What pydicom makes of it."""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = is_implicit, is_little
    write_dataset(buffer, data_set)
    return buffer.getvalue()
