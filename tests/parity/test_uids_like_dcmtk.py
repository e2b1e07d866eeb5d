"""UIDs of a data set that hold what no UID may, or that are missing: both programs make the same of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from parity.conftest import Duel
from parity.outcomes import report_of
from support.data_set_bytes import EXPLICIT_LITTLE as EL
from support.data_set_bytes import meta_header

pytestmark = pytest.mark.peer("dcmtk-dcmsend")

CLASS, INSTANCE = "1.2.840.10008.5.1.4.1.1.7", "1.2.3.4"
ODD = ("%\0.5", "%\0 5x", "%\0\\1.2.3", "%\\1.2.3\0", "\\%\0", "\\\\", "%  \0\0")
"""Values for ``%``."""


def data_set(values: tuple[str, str]) -> bytes:
    uids = [(0x00080016 + 2 * number, "UI", value) for number, value in enumerate(values)]
    return EL.encode([*uids, (0x00100010, "PN", b"A^B ")])


@pytest.fixture(params=[(uid, value) for uid in (0, 1) for value in ODD], ids=lambda each: f"{each[0]}-{each[1]!r}")
def odd_data_set(request: pytest.FixtureRequest) -> bytes:
    uid, value = request.param
    values = [CLASS + "\0", INSTANCE + "\0"]
    values[uid] = value.replace("%", values[uid][:-1])
    return data_set((values[0], values[1]))


def test_behind_a_meta_header(duel: Duel, tmp_path: Path, odd_data_set: bytes) -> None:
    """Found by ``scripts/soak_compare``: what follows a NUL byte is shown, but not sent."""
    file = tmp_path / "file.dcm"
    file.write_bytes(meta_header(EL.uid, CLASS, INSTANCE) + odd_data_set)
    pair = duel(str(file))
    pair.assert_same(but={"data_sets": "D08", "layout": "D08", "report.Dataset Size": "D08"})


@pytest.mark.parametrize("options", [(), ("-nuc",)], ids=["checked", "unchecked"])
def test_without_a_meta_header(
    duel: Duel, tmp_path: Path, odd_data_set: bytes, options: tuple[str, ...]
) -> None:
    file = tmp_path / "file.dcm"
    file.write_bytes(odd_data_set)
    pair = duel("-f", *options, str(file))
    pair.assert_same(but={"data_sets": "D08", "layout": "D08", "report.Dataset Size": "D08"})


@pytest.mark.parametrize("uid", [0, 1], ids=["class", "instance"])
def test_in_the_meta_header(duel: Duel, tmp_path: Path, uid: int) -> None:
    values = [CLASS, INSTANCE]
    values[uid] += "\0.5"
    file = tmp_path / "file.dcm"
    file.write_bytes(meta_header(EL.uid, values[0], values[1]) + data_set((CLASS + "\0", INSTANCE + "\0")))
    duel("-nuc", str(file)).assert_same(0)


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.70"]
)
def test_empty_data_set(duel: Duel, tmp_path: Path, syntax: str) -> None:
    """Found by ``scripts/soak_compare``: whatever the meta header says, it is told as Explicit VR Little Endian."""
    file = tmp_path / "empty.dcm"
    file.write_bytes(meta_header(syntax, CLASS, INSTANCE))
    duel(str(file)).assert_same(62)
    pair = duel("-nh", str(file))
    pair.assert_same(0)
    assert report_of(pair.ours).column("Network Xfer") == ["1.2.840.10008.1.2.1 = Little Endian Explicit"]
