"""Real receivers that speak TLS get every instance, byte for byte what they get without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.certificates import Certificates
from support.corpus import DATA
from support.part10 import data_set_digest, read_part10
from support.peers import storescp
from support.run import read_summary, run
from support.tls_peers import tls_dcmrecv, tls_orthanc, tls_storescp

VOLUME = DATA / "fileset" / "98892003"
CT = "1.2.840.10008.5.1.4.1.1.2"


def uids(*files: Path) -> set[str]:
    return {read_part10(path).sop_instance_uid for path in files}


def volume_files() -> list[Path]:
    return [path for path in VOLUME.rglob("*") if path.is_file()]


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("profile", ["+py", "+px", "+pz"])
@pytest.mark.parametrize("wants_certificate", [False, True], ids=["anonymous", "mutual"])
def test_storescp(
    dcmsend: str, tmp_path: Path, certificates: Certificates, profile: str, wants_certificate: bool
) -> None:
    who = ["+tls", certificates.client_key, certificates.client] if wants_certificate else ["+tla"]
    with tls_storescp(tmp_path, certificates, profile, wants_certificate=wants_certificate) as peer:
        done = run(
            dcmsend, "-v", *who, profile, "+cf", certificates.ca, "+sd", "+r", "localhost", peer.port, VOLUME
        )
        assert done.exit_code == 0, done.stderr
    assert uids(*peer.files) == uids(*volume_files())
    assert read_summary(done.stderr)["with status SUCCESS"] == len(volume_files())


@pytest.mark.peer("dcmtk")
def test_storescp_that_wants_a_certificate(dcmsend: str, tmp_path: Path, certificates: Certificates) -> None:
    with tls_storescp(tmp_path, certificates, wants_certificate=True) as peer:
        done = run(dcmsend, "+tla", "+cf", certificates.ca, "localhost", peer.port, *volume_files()[:1])
        assert done.exit_code == 61
        assert "+tls KEY CERTIFICATE" in done.stderr
        done = run(dcmsend, "127.0.0.1", peer.port, *volume_files()[:1])
        assert done.exit_code == 61
        assert "+tla and +tls" in done.stderr
    assert not peer.files


@pytest.mark.peer("dcmtk")
def test_plain_storescp(dcmsend: str, tmp_path: Path) -> None:
    with storescp(tmp_path) as peer:
        done = run(dcmsend, "+tla", "-ic", "-to", "60", "localhost", peer.port, *volume_files()[:1])
    assert done.exit_code == 61
    assert "TLS error: " in done.lines("F")[0]
    assert "DICOM without TLS" in done.lines("F")[1]


@pytest.mark.peer("dcmtk")
def test_bytes_are_those_of_the_file(dcmsend: str, tmp_path: Path, certificates: Certificates) -> None:
    files = [path for path in volume_files() if read_part10(path).transfer_syntax == "1.2.840.10008.1.2.1"][:3]
    with tls_storescp(tmp_path, certificates, "+B", "-pdu", "131072") as peer:
        done = run(dcmsend, "+tla", "+cf", certificates.ca, "localhost", peer.port, *files)
        assert done.exit_code == 0, done.stderr
    sent = {read_part10(path).sop_instance_uid: data_set_digest(path) for path in files}
    assert len(files) == 3
    assert {read_part10(path).sop_instance_uid: data_set_digest(path) for path in peer.files} == sent


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("wants_certificate", [False, True], ids=["anonymous", "mutual"])
def test_dcmrecv(dcmsend: str, tmp_path: Path, certificates: Certificates, wants_certificate: bool) -> None:
    who = ["+tls", certificates.client_key, certificates.client] if wants_certificate else ["+tla"]
    file = DATA / "pydicom" / "CT_small.dcm"
    with tls_dcmrecv(tmp_path, certificates, [CT], wants_certificate=wants_certificate) as peer:
        done = run(dcmsend, *who, "+cf", certificates.ca, "localhost", peer.port, file)
        assert (done.exit_code, done.stderr) == (0, "")
    assert uids(*peer.files) == uids(file)


@pytest.mark.peer("orthanc")
@pytest.mark.parametrize("wants_certificate", [False, True], ids=["anonymous", "mutual"])
def test_orthanc(dcmsend: str, tmp_path: Path, certificates: Certificates, wants_certificate: bool) -> None:
    who = ["+tls", certificates.client_key, certificates.client] if wants_certificate else ["+tla"]
    with tls_orthanc(tmp_path, certificates, wants_certificate=wants_certificate) as peer:
        done = run(
            dcmsend, *who, "+cf", certificates.ca, "--parallel-associations", "2", "+sd", "+r", "localhost",
            peer.port, VOLUME,
        )  # fmt: skip
        assert (done.exit_code, done.lines("E")) == (0, [])
        assert set(peer.instances()) == uids(*volume_files())
