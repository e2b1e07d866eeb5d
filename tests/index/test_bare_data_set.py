"""Data sets without meta header: their encoding is guessed as DCMTK guesses it."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.errors import DataSetError
from dcmsend.index import ReadMode, locate_data_set
from dcmsend.index.bare_data_set import guess_transfer_syntax, read_data_set_uids
from support.data_set_bytes import ENCODINGS
from support.reading_judge import dcmtk_lines

TAGS = [
    "00080005", "00080016", "00080000", "00020000", "00020010", "00100010", "00000000", "50000010", "60003000",
    "00090010", "00091001", "08000800", "08001600", "00010100", "02000200", "7fe00010", "fffee000", "e07f1000",
    "41424344",
    "00280028", "28002800", "00040004", "08080808", "01000100", "00000100", "00010001", "20010010",
]  # fmt: skip
VRS = [b"CS", b"UL", b"UI", b"UN", b"\0\0", b"\x04\0", b"cs", b"ZZ", b"??", b"OV"]


@pytest.mark.peer("dcmtk-dcmsend")
def test_the_guess_is_dcmtks(tmp_path: Path) -> None:
    """Each tag in both byte orders with something that is or is not a VR behind it."""
    names, guesses = [], []
    for tag in sorted({*TAGS, *(text[2:4] + text[:2] + text[6:] + text[4:6] for text in TAGS)}):
        for vr in VRS:
            content = bytes.fromhex(tag) + vr + bytes(14)
            path = tmp_path / f"{tag}-{vr.hex()}"
            path.write_bytes(content)
            names.append(str(path))
            guesses.append(guess_transfer_syntax(content).name)
    dcmtk: dict[str, str] = {}
    for line in dcmtk_lines("-nh", "-f", "--", *names):
        if match := re.fullmatch(r"D: adding DICOM file '(.*)'", line):
            name = match[1]
        elif match := re.search(r'DcmDataset::read\(\) TransferSyntax="(.*)"', line):
            dcmtk[name] = match[1].replace("Virtual ", "")
    ours = dict(zip(names, (guess.replace("Virtual ", "") for guess in guesses), strict=True))
    assert ours == dcmtk
    assert len(set(ours.values())) == 4


@pytest.mark.parametrize("name", sorted(ENCODINGS))
def test_uids_of_a_bare_data_set(name: str) -> None:
    encoding = ENCODINGS[name]
    elements = [(0x00080016, "UI", b"1.2.3\0"), (0x00080018, "UI", b"1.2.3.4\0"), (0x00100020, "LO", b"X ")]
    data = encoding.encode(elements)
    location = locate_data_set(BytesSource(data), ReadMode.DATA_SET_ONLY)
    assert (location.offset, location.transfer_syntax.uid, location.meta) == (0, encoding.uid, None)
    assert read_data_set_uids(BytesSource(data), location.transfer_syntax) == ("1.2.3", "1.2.3.4")


def test_less_than_a_tag_and_a_vr_is_taken_for_explicit_little_endian() -> None:
    assert guess_transfer_syntax(b"\x08\x00\x05").uid == "1.2.840.10008.1.2.1"


@given(st.binary(max_size=200))
def test_any_bytes_have_uids_or_a_data_set_error(data: bytes) -> None:
    uids = ("", "")
    with suppress(DataSetError):
        uids = read_data_set_uids(BytesSource(data), guess_transfer_syntax(data[:6]))
    assert len("".join(uids)) <= len(data)
