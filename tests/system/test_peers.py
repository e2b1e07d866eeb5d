"""Every kind of peer gets every instance it takes, each of them started the way its users start it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest

from support.corpus import DATA, NATIVE, select
from support.part10 import read_part10
from support.peers import dcmqrscp, dcmrecv, orthanc, recording_scp, storescp
from support.report_file import parse_report
from support.run import read_summary, run

COLOR_PALETTE = "1.2.840.10008.5.1.4.39.1"  # no patient, so most archives refuse it
RETIRED_ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6"
# Process 14, process 14 SV1, JPEG-LS, RLE: proposed together with the native syntaxes, because DCMTK can decode them.
LOSSLESS_WITH_DECODER = tuple(f"1.2.840.10008.1.2.{suffix}" for suffix in ("4.57", "4.70", "4.80", "5"))
DATA_SET_TRAILING_PADDING = 0xFFFCFFFC
FILE_SET = DATA / "fileset"


def instance_uids(*folders: Path) -> set[str]:
    return {read_part10(path).sop_instance_uid for folder in folders for path in folder.rglob("*") if path.is_file()}


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("options", [(), ("--fork",), ("-pdu", "4096"), ("-pdu", "131072")], ids=" ".join)
@pytest.mark.parametrize("no_delay", ["0", "1"], ids=["with Nagle", "without Nagle"])
def test_storescp(dcmsend: str, tmp_path: Path, options: tuple[str, ...], no_delay: str) -> None:
    volume = FILE_SET / "98892003"
    with storescp(tmp_path, *options, environment={"TCP_NODELAY": no_delay}) as peer:
        done = run(dcmsend, "-v", "+sd", "+r", "127.0.0.1", peer.port, volume)
        assert done.exit_code == 0, done.stderr
    assert {read_part10(path).sop_instance_uid for path in peer.files} == instance_uids(volume)
    assert read_summary(done.stderr)["with status SUCCESS"] == sum(path.is_file() for path in volume.rglob("*"))


@pytest.mark.peer("dcmtk")
def test_dicomdir_to_dcmrecv(dcmsend: str, tmp_path: Path) -> None:
    classes = ["1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"]
    with dcmrecv(tmp_path, classes) as peer:
        done = run(dcmsend, "+rd", "127.0.0.1", peer.port, FILE_SET / "DICOMDIR")
        assert done.exit_code == 0, done.stderr
    referenced = instance_uids(FILE_SET / "77654033", FILE_SET / "98892001", FILE_SET / "98892003")
    assert len(referenced) == 31
    assert {read_part10(path).sop_instance_uid for path in peer.files} == referenced


@pytest.mark.peer("dcmtk")
def test_dcmqrscp_by_its_ae_title(dcmsend: str, tmp_path: Path) -> None:
    with dcmqrscp(tmp_path) as peer:
        refused = run(dcmsend, "-aec", "SOMEBODY", "127.0.0.1", peer.port, DATA / "pydicom" / "CT_small.dcm")
        assert refused.exit_code == 61
        assert "DUL Association Rejected" in refused.lines("F")[0]
        done = run(dcmsend, "-aec", "QRSCP", "+sd", "+r", "127.0.0.1", peer.port, FILE_SET / "77654033")
        assert done.exit_code == 0, done.stderr
        stored = [path for path in peer.files if path.name != "index.dat"]
        assert {read_part10(path).sop_instance_uid for path in stored} == instance_uids(FILE_SET / "77654033")


@pytest.mark.peer("orthanc")
@pytest.mark.parametrize(
    "wants_decoder",
    [
        pytest.param(False, id="as they are"),
        pytest.param(True, id="decompressed"),
    ],
)
def test_orthanc_stores_what_we_sent(dcmsend: str, tmp_path: Path, wants_decoder: bool) -> None:
    # Orthanc wants the UIDs of patient, study and series, and gives up on known elements encoded as UN.
    files = [
        file
        for file in select(lambda file: file.dcmtk_exit == 0 and file.sop_class_uid != COLOR_PALETTE)
        if file.name.split("/")[0] in ("ct-matrix", "highdicom", "dcmqi", "dcmjs-dimse", "pydicom-data")
        and file.name != "pydicom-data/explicit_VR-UN.dcm"
        and (file.transfer_syntax in LOSSLESS_WITH_DECODER) == wants_decoder
    ]
    report = tmp_path / "report.txt"
    with orthanc(tmp_path, environment={}) as peer:  # as it is when people start it
        done = run(dcmsend, "-nh", "+crf", report, "127.0.0.1", peer.port, *(file.path for file in files))
        assert done.exit_code == 0, done.stderr
        entries = parse_report(report.read_text()).entries
        assert {entry["DIMSE Status"] for entry in entries} == {"0x0000 (Success)"}
        stored = peer.instances()
        assert set(stored) == {read_part10(file.path).sop_instance_uid for file in files}
        for file in files:
            if file.name.startswith("dcmqi/"):
                content = peer.get_bytes(f"/instances/{stored[read_part10(file.path).sop_instance_uid]}/file")
                assert pydicom.dcmread(io.BytesIO(content)) == pydicom.dcmread(file.path), file.name


@pytest.mark.peer("pynetdicom")
@pytest.mark.parametrize("accepted", NATIVE, ids=["explicit little", "explicit big", "implicit little"])
def test_pynetdicom_reads_what_was_converted_for_it(dcmsend: str, accepted: str) -> None:
    """Judged by pydicom: the same elements, the same pixels."""
    files = [
        file
        for file in select(lambda file: file.transfer_syntax in (*NATIVE, "1.2.840.10008.1.2.1.99"))
        if file.name.split("/")[0] in ("pydicom", "dicomParser", "ct-matrix", "pydicom-data")
        and file.sop_class_uid not in (COLOR_PALETTE, RETIRED_ULTRASOUND)
    ]
    with recording_scp(transfer_syntaxes=[accepted]) as peer:
        done = run(dcmsend, "127.0.0.1", peer.port, *(file.path for file in files))
        assert done.exit_code == 0, done.stderr
    assert [stored.transfer_syntax for stored in peer.stored] == [accepted] * len(files)
    for stored, file in zip(peer.stored, files, strict=True):
        received = pydicom.filereader.read_dataset(
            io.BytesIO(stored.data_set), is_implicit_VR=accepted == NATIVE[2], is_little_endian=accepted != NATIVE[1]
        )
        received.file_meta = pydicom.dataset.FileMetaDataset()
        received.file_meta.TransferSyntaxUID = pydicom.uid.UID(accepted)
        original = pydicom.dcmread(file.path)
        assert received.SOPInstanceUID == original.SOPInstanceUID
        original.pop(DATA_SET_TRAILING_PADDING, None)
        assert [element.tag for element in received] == [element.tag for element in original], file.name
        # PS3.5 swaps the bytes of 16-bit words; pydicom reads big endian cells of 32 bits otherwise.
        if "PixelData" in original and original.BitsAllocated in (8, 16):
            np.testing.assert_array_equal(received.pixel_array, original.pixel_array, err_msg=file.name)
