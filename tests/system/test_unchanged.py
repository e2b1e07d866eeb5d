"""Data sets whose transfer syntax the peer takes arrive byte for byte as they stand in the file."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest

from support.corpus import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, NATIVE, CorpusFile, corpus, select
from support.part10 import data_set_digest, read_part10
from support.peers import dcmrecv, recording_scp, storescp
from support.run import run

COLOR_PALETTE = "1.2.840.10008.5.1.4.39.1"  # storescp -pm and pynetdicom refuse it
ODD_PIXEL_DATA = "highdicom/dx_image.dcm"  # gets its pad byte, so it is not sent as it stands
DATA_SET_TRAILING_PADDING = 0xFFFCFFFC


def complete(condition: Callable[[CorpusFile], bool]) -> list[CorpusFile]:
    """The sound files that meet a condition."""
    return [file for file in select(condition) if file.name != ODD_PIXEL_DATA]


def instance_uid(path: Path) -> str:
    """From the data set; in some files the meta header says something else."""
    return str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)


def data_set(path: Path) -> bytes:
    """What stands behind the meta header, without Data Set Trailing Padding, a deflate stream of even length."""
    content = path.read_bytes()
    end = len(content)
    last: Any = pydicom.dcmread(path).get_item(DATA_SET_TRAILING_PADDING)
    if last is not None:
        end = last.value_tell - 12
    encoded = content[read_part10(path).data_set_offset : end]
    return encoded + b"\0" * (len(encoded) % 2)


def as_sent(path: Path) -> tuple[str, str]:
    """Transfer syntax UID and SHA-256 of the data set."""
    return read_part10(path).transfer_syntax, hashlib.sha256(data_set(path)).hexdigest()


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize(
    ("transfer_syntax", "option"),
    [(EXPLICIT_LITTLE, "+xe"), (EXPLICIT_BIG, "+xb"), (IMPLICIT_LITTLE, "+xi")],
    ids=["explicit little", "explicit big", "implicit little"],
)
def test_native_data_sets_to_storescp(dcmsend: str, tmp_path: Path, transfer_syntax: str, option: str) -> None:
    files = complete(lambda file: file.transfer_syntax == transfer_syntax)
    files = [file for file in files if file.sop_class_uid != COLOR_PALETTE]
    with storescp(tmp_path, option, "-pm", "+B") as peer:
        done = run(dcmsend, "127.0.0.1", peer.port, *(file.path for file in files))
        assert done.exit_code == 0, done.stderr
    # storescp +B names a file after its SOP Instance UID, so of several with the same one the last remains.
    sent = {instance_uid(file.path): as_sent(file.path) for file in files}
    assert {read_part10(path).sop_instance_uid: data_set_digest(path) for path in peer.files} == sent


@pytest.mark.peer("dcmtk")
def test_every_transfer_syntax_to_dcmrecv(dcmsend: str, tmp_path: Path) -> None:
    files = complete(lambda file: file.transfer_syntax not in (EXPLICIT_BIG, IMPLICIT_LITTLE))
    files = [file for file in files if file.dcmtk_exit == 0]  # dcmrecv 3.6.7 knows no younger transfer syntaxes
    others = sorted({file.transfer_syntax for file in files} - set(NATIVE))
    classes = sorted({file.sop_class_uid for file in corpus()} - {"-"})
    with dcmrecv(tmp_path, classes, "+B", "+fu", transfer_syntaxes=[*others, *NATIVE]) as peer:
        done = run(dcmsend, "127.0.0.1", peer.port, *(file.path for file in files))
        assert done.exit_code == 0, done.stderr
        received = Counter(data_set_digest(path) for path in peer.files)
    assert received == Counter(as_sent(file.path) for file in files)


@pytest.mark.peer("pynetdicom")
def test_every_transfer_syntax_to_pynetdicom(dcmsend: str) -> None:
    """Also those younger than DCMTK 3.6.7: HTJ2K, Deflated Image Frame Compression."""
    files = complete(lambda file: file.transfer_syntax not in (EXPLICIT_BIG, IMPLICIT_LITTLE))
    files = [file for file in files if file.sop_class_uid != COLOR_PALETTE]
    with recording_scp() as peer:
        done = run(dcmsend, "127.0.0.1", peer.port, *(file.path for file in files))
        assert done.exit_code == 0, done.stderr
    assert len(peer.stored) == len(files)
    for stored, file in zip(peer.stored, files, strict=True):
        assert stored.transfer_syntax == file.transfer_syntax, file.name
        assert stored.data_set == data_set(file.path), file.name
