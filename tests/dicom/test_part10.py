"""The meta header that we write is read by us, by pydicom and by hand."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.dicom.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dcmsend.dicom.part10 import file_meta_header
from dcmsend.index import read_file_meta
from support.part10 import parse_part10

CT, EXPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"
DATA_SET = bytes.fromhex("08001800") + b"UI\4\0001.2\0"


@pytest.mark.parametrize("uid", ["1.2", "1.23", "1.2.840.10008.1234567890", ""])
def test_everybody_reads_it(uid: str) -> None:
    header = file_meta_header(CT, uid, EXPLICIT)
    assert len(header) % 2 == 0
    assert parse_part10(header + DATA_SET) == (CT, uid, EXPLICIT, len(header))
    meta = read_file_meta(BytesSource(header + DATA_SET), needs_preamble=True)
    assert (meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid) == (CT, uid, EXPLICIT)
    assert meta.data_set_offset == len(header)
    found = dcmread(BytesIO(header + DATA_SET))
    assert found.SOPInstanceUID == "1.2"
    assert found.file_meta.MediaStorageSOPInstanceUID == uid
    assert found.file_meta.FileMetaInformationVersion == b"\0\1"
    assert found.file_meta.FileMetaInformationGroupLength == len(header) - 144
    assert found.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert found.file_meta.ImplementationVersionName == IMPLEMENTATION_VERSION_NAME


@given(st.text(st.characters(max_codepoint=0xFF), max_size=100))
def test_no_uid_spoils_it(uid: str) -> None:
    header = file_meta_header(uid, uid, uid)
    meta = read_file_meta(BytesSource(header + DATA_SET), needs_preamble=True)
    assert meta.data_set_offset == len(header)


def test_a_uid_that_fits_into_no_element() -> None:
    file_meta_header(CT, "1" * 65534, EXPLICIT)
    with pytest.raises(ValueError):
        file_meta_header(CT, "1" * 65535, EXPLICIT)
