"""What arrives when compressed pixel data has to be decompressed is what DCMTK's dcmsend delivers, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.compressed_files import CATALOGUE, encoded_file
from support.corpus import NATIVE, select
from support.delivery import dcmtk_dcmsend, deliver

pytestmark = pytest.mark.peer("dcmtk", "dcmtk-dcmsend")

every_target = pytest.mark.parametrize("target", NATIVE, ids=["explicit little", "explicit big", "implicit"])

MORE_THAN_DCMTK = {
    # DCMTK's decoder does not take 16-bit colour whose planes are coded one after the other.
    f"dcmcjpls +in, {name}" for name in ("colour 16", "planes 16", "ybr 16", "ybr 12")
}
LOSS_TOLD = {  # D68 in docs/deviations.md
    f"dcmcjpeg +el +pt 2, {name}" for name in ("8", "12", "colour")
}


@pytest.fixture(scope="module", params=sorted(CATALOGUE))
def streams(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, Path]]:
    """Name and file of each stream of a family, by SOP Instance UID."""
    folder = tmp_path_factory.mktemp("streams")
    return {
        f"1.2.3.{number}": (stream.name, encoded_file(folder, stream, f"1.2.3.{number}"))
        for number, stream in enumerate(CATALOGUE[request.param]())
    }


@every_target
def test_streams_of_dcmtks_encoders(
    streams: dict[str, tuple[str, Path]], target: str, dcmsend: str, tmp_path: Path
) -> None:
    files = [path for _, path in streams.values()]
    theirs = deliver(dcmtk_dcmsend(), tmp_path, files, target, received="theirs")
    ours = deliver(dcmsend, tmp_path, files, target, received="ours")
    different = {
        name
        for uid, (name, _) in streams.items()
        if theirs.data_sets.get(uid) != ours.data_sets.get(uid) or uid not in ours.data_sets
    }
    names = {name for name, _ in streams.values()}
    assert different == (MORE_THAN_DCMTK | LOSS_TOLD) & names, ours.stderr


@every_target
def test_real_files(target: str, dcmsend: str, tmp_path: Path) -> None:
    """Also which of them cannot be delivered."""
    suffixes = ("1.99", "4.50", "4.51", "4.53", "4.55", "4.57", "4.70", "4.80", "4.81", "5")
    decodable = {f"1.2.840.10008.1.2.{suffix}" for suffix in suffixes}
    uids_as_un = "pydicom/rtdose_rle.dcm"  # D27 in docs/deviations.md
    files = [file.path for file in select(lambda file: file.transfer_syntax in decodable and file.name != uids_as_un)]
    assert len(files) > 20
    theirs = deliver(dcmtk_dcmsend(), tmp_path, files, target, received="theirs")
    ours = deliver(dcmsend, tmp_path, files, target, received="ours")
    assert ours.data_sets.keys() == theirs.data_sets.keys()
    assert [uid for uid in theirs.data_sets if theirs.data_sets[uid] != ours.data_sets[uid]] == []
