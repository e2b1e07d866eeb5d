"""Transfer syntaxes: names and properties as pydicom and DCMTK have them."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from pydicom.uid import UID

from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, TransferSyntax, transfer_syntax
from dcmsend.dicom.transfer_syntax_table import TRANSFER_SYNTAXES
from support.discarding_peer import DiscardingPeer
from support.fixture_files import CT_CLASS, explicit_element, meta_header
from support.programs import dcmtk_program
from support.report_file import parse_report
from support.run import run

GE_PRIVATE = "1.2.840.113619.5.2"
ALL = [transfer_syntax(uid) for uid in TRANSFER_SYNTAXES]
# Pixel data is somewhere else altogether; pydicom calls everything encapsulated that is not native.
WITHOUT_PIXEL_DATA = {f"1.2.840.10008.1.2.4.{number}" for number in (94, 95, 204, 205)}
# DCMTK 3.6.7 rejects files in these.
YOUNGER_THAN_DCMTK = {
    *(f"1.2.840.10008.1.2.4.{number}.1" for number in range(100, 107)),
    *(f"1.2.840.10008.1.2.4.{number}" for number in (110, 111, 112, 201, 202, 203, 204, 205)),
    *(f"1.2.840.10008.1.2.{rest}" for rest in ("1.98", "7.1", "7.2", "7.3", "8.1")),
}


KNOWN_TO_PYDICOM = [syntax for syntax in ALL if UID(syntax.uid).is_transfer_syntax and syntax.uid != GE_PRIVATE]


@pytest.mark.parametrize("syntax", KNOWN_TO_PYDICOM, ids=lambda syntax: syntax.name)
def test_properties_are_pydicoms(syntax: TransferSyntax) -> None:
    uid = UID(syntax.uid)
    theirs = (uid.is_implicit_VR, uid.is_little_endian, uid.is_deflated or syntax.uid.endswith((".4.95", ".4.205")))
    assert (syntax.is_implicit_vr, syntax.is_little_endian, syntax.is_deflated) == theirs
    assert syntax.is_encapsulated == (uid.is_encapsulated and syntax.uid not in WITHOUT_PIXEL_DATA)
    assert syntax.is_native == (not uid.is_compressed and not uid.is_deflated)
    assert syntax.is_retired == uid.is_retired


def test_names_are_different() -> None:
    names = [syntax.name for syntax in ALL]
    assert len(set(names)) == len(names)


def test_there_is_one_object_for_each_uid() -> None:
    assert transfer_syntax("1.2.840.10008.1.2.1") is EXPLICIT_VR_LITTLE_ENDIAN
    assert pickle.loads(pickle.dumps(EXPLICIT_VR_LITTLE_ENDIAN)) is EXPLICIT_VR_LITTLE_ENDIAN


def test_unknown_uids_are_unknown_however_many_there_are() -> None:
    for number in range(3000):
        syntax = transfer_syntax(f"1.2.3.{number}")
        assert (syntax.uid, syntax.name, syntax.is_known) == (f"1.2.3.{number}", "Unknown Transfer Syntax", False)


def test_known_ones_stay_one_object_after_however_many_unknown_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is converted is told by them: a folder of junk files must not hide that an image is in GE's syntax."""
    monkeypatch.setattr("dcmsend.dicom.transfer_syntax._cache", {})
    for number in range(1100):
        transfer_syntax(f"1.2.3.{number}")
    assert all(transfer_syntax(uid) is transfer_syntax(uid) for uid in (GE_PRIVATE, "1.2.840.10008.1.2.4.50"))


@pytest.mark.peer("dcmtk-dcmsend")
def test_names_and_losses_are_dcmtks(tmp_path: Path) -> None:
    """Under ``-dn -nip`` DCMTK proposes what is native or lossy and refuses the rest; the report has the names."""
    program = dcmtk_program("dcmsend")
    assert program is not None
    for number, syntax in enumerate(ALL):
        instance = f"1.2.3.{number}"
        data_set = explicit_element(0x0008, 0x0016, "UI", CT_CLASS.encode(), pad=b"\0")
        data_set += explicit_element(0x0008, 0x0018, "UI", instance.encode(), pad=b"\0")
        (tmp_path / f"{number:03}").write_bytes(meta_header(CT_CLASS, instance, syntax.uid) + data_set)
    files = sorted(path.name for path in tmp_path.iterdir())
    options = ("--no-halt", "--decompress-never", "--no-illegal-proposal", "--create-report-file", "report")
    with DiscardingPeer() as peer:
        done = run(program, *options, "127.0.0.1", peer.port, *files, cwd=tmp_path, environment={"TCP_NODELAY": "1"})
    assert done.exit_code == 0, done.stderr
    entries = parse_report((tmp_path / "report").read_text()).entries
    accepted = {entry["Original Xfer"].partition(" = ")[0]: entry for entry in entries}
    assert set(TRANSFER_SYNTAXES) - set(accepted) == YOUNGER_THAN_DCMTK
    for uid, entry in accepted.items():
        syntax = transfer_syntax(uid)
        assert entry["Original Xfer"] == f"{uid} = {syntax.name}"
        is_proposed = entry["Pres. Context"] != "0"
        assert is_proposed == (syntax.is_native or syntax.is_lossy or uid == GE_PRIVATE), syntax
