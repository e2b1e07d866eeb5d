"""Data sets whose transfer syntax the peer takes arrive byte for byte as they stand in the file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pydicom
import pytest

from support.corpus import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, NATIVE, CorpusFile, corpus, select
from support.part10 import data_set_digest, read_part10
from support.peers import dcmrecv, recording_scp, storescp
from support.run import run

COLOR_PALETTE = "1.2.840.10008.5.1.4.39.1"  # storescp refuses it, even with -pm
# What DCMTK would repair as well: these are re-encoded, so their bytes differ.
REPAIRED = {
    "pydicom/MR_small_padded.dcm": "Data Set Trailing Padding",
    "pydicom/SC_rgb_small_odd.dcm": "odd length of Pixel Data",
    "pydicom/SC_rgb_small_odd_big_endian.dcm": "odd length of Pixel Data",
}


def instance_uid(path: Path) -> str:
    """From the data set; in some files the meta header says something else."""
    return str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)


def unrepaired(files: list[CorpusFile]) -> list[CorpusFile]:
    return [file for file in files if file.name not in REPAIRED]


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize(
    ("transfer_syntax", "option"),
    [(EXPLICIT_LITTLE, "+xe"), (EXPLICIT_BIG, "+xb"), (IMPLICIT_LITTLE, "+xi")],
    ids=["explicit little", "explicit big", "implicit little"],
)
def test_native_data_sets_to_storescp(dcmsend: str, tmp_path: Path, transfer_syntax: str, option: str) -> None:
    files = unrepaired(select(lambda file: file.transfer_syntax == transfer_syntax))
    files = [file for file in files if file.sop_class_uid != COLOR_PALETTE]
    with storescp(tmp_path, option, "-pm", "+B") as peer:
        done = run(dcmsend, "127.0.0.1", peer.port, *(file.path for file in files))
        assert done.exit_code == 0, done.stderr
    # storescp +B names a file after its SOP Instance UID, so of several with the same one the last remains.
    sent = {instance_uid(file.path): data_set_digest(file.path) for file in files}
    assert {read_part10(path).sop_instance_uid: data_set_digest(path) for path in peer.files} == sent


@pytest.mark.peer("dcmtk")
def test_every_transfer_syntax_to_dcmrecv(dcmsend: str, tmp_path: Path) -> None:
    files = unrepaired(select(lambda file: file.transfer_syntax not in (EXPLICIT_BIG, IMPLICIT_LITTLE)))
    files = [file for file in files if file.dcmtk_exit == 0]  # dcmrecv 3.6.7 knows no younger transfer syntaxes
    others = sorted({file.transfer_syntax for file in files} - set(NATIVE))
    classes = sorted({file.sop_class_uid for file in corpus()} - {"-"})
    with dcmrecv(tmp_path, classes, "+B", "+fu", transfer_syntaxes=[*others, *NATIVE]) as peer:
        done = run(dcmsend, "127.0.0.1", peer.port, *(file.path for file in files))
        assert done.exit_code == 0, done.stderr
        received = Counter(data_set_digest(path) for path in peer.files)
    assert received == Counter(data_set_digest(file.path) for file in files)


@pytest.mark.peer("pynetdicom")
def test_every_transfer_syntax_to_pynetdicom(dcmsend: str) -> None:
    """Also those younger than DCMTK 3.6.7: HTJ2K, Deflated Image Frame Compression."""
    files = unrepaired(select(lambda file: file.transfer_syntax not in (EXPLICIT_BIG, IMPLICIT_LITTLE)))
    with recording_scp() as peer:
        done = run(dcmsend, "127.0.0.1", peer.port, *(file.path for file in files))
        assert done.exit_code == 0, done.stderr
    assert len(peer.stored) == len(files)
    for stored, file in zip(peer.stored, files, strict=True):
        part10 = read_part10(file.path)
        assert stored.transfer_syntax == part10.transfer_syntax, file.name
        assert stored.data_set == file.path.read_bytes()[part10.data_set_offset :], file.name
